"""Folders of recordings in, clips of known origin out: what the ranking tests are made from.

The demo sets are shipped with the package. The public recordings (`../shared/data` beside the
repository: real English and Hungarian, two synthetic Hungarian voices) are used where they exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from xttslab.data.audio import read_audio
from xttslab.data.manifest import read_folder
from xttslab.evaluation.spoken_clips import RATE, SpokenClip

REPOSITORY = Path(__file__).parents[2]
DEMO = REPOSITORY / "xttslab" / "assets" / "demo" / "demo_milliomos"
SHARED = REPOSITORY.parent / "shared" / "data"


@dataclass(frozen=True)
class Voice:
    """Clips of one system, its language, and the person that it speaks as: DCTTS and Tacotron
    were both trained on one reader, so neither is "another speaker" to the other."""

    clips: tuple[SpokenClip, ...]
    language: str
    person: str
    real: bool = False


def load_voices(most: int) -> dict[str, Voice]:
    """All voices there are, at most `most` clips of each, at 16 kHz."""
    voices = {"demo": Voice(_clips(DEMO, most), "hu", "demo speaker")}
    if not SHARED.is_dir():
        return voices
    voices["LJ"] = Voice(_clips(SHARED / "ljspeech32", most), "en", "LJ", real=True)
    for name in ("dctts", "tacotron"):
        voices[name] = Voice(_clips(SHARED / f"hungarian_{name}", most), "hu", "css10 reader")
    for path in sorted((SHARED / "hungarian_real").glob("*.*")):
        clip = SpokenClip(path.stem, read_audio(path, RATE), RATE)
        person = "css10 reader" if path.stem.startswith("egri") else path.stem
        voices[path.stem] = Voice((clip,), "hu", person, real=True)
    return voices


def _clips(folder: Path, most: int) -> tuple[SpokenClip, ...]:
    found, _ = read_folder(folder)
    return tuple(
        SpokenClip(clip.audio.name, read_audio(clip.audio, RATE), RATE, clip.text, clip.category)
        for clip in found[:most]
    )
