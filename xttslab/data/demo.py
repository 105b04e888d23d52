"""The name of a packaged demo set in, a folder of its clips on disk out.

The recordings are the project's own: a synthetic speaker that is no person, made by
`experiments/demo_voice/` and shipped as Opus in `assets/demo/`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml

from xttslab.data.audio import content_hash, read_audio, write_audio
from xttslab.data.datasheet import FILE, DataSheet, Speaker
from xttslab.data.manifest import assign_split, read_folder, write_metadata
from xttslab.errors import UserError
from xttslab.files import write_atomically

ASSETS = Path(__file__).parents[1] / "assets" / "demo"
SPEAKER = "demo"
_LICENCE = "Apache-2.0"
_SOURCE = (
    "Synthetic Hungarian speech of a mixed voice that belongs to no person "
    "(Kokoro-82M, Apache-2.0; sentences by the xttslab project)"
)


def names() -> list[str]:
    """The sets that `lay_out` knows."""
    return sorted(path.parent.name for path in ASSETS.glob("*/metadata.csv"))


def lay_out(name: str, destination: Path) -> Path:
    """Decode demo set `name` to `destination/wavs/` (22,050 Hz, 16 bit), beside its
    `metadata.csv` (split included) and `dataset.yaml`; returns `destination`.

    Doing it again gives the same files. Raises UserError on an unknown name, and where
    `destination` cannot be written.
    """
    if name not in names():
        raise UserError(f"{name}: no such demo set; the package holds {', '.join(names())}")
    packed, _ = read_folder(ASSETS / name, source=name)
    # The packed bytes decide the split: decoders may differ by a rounding in the last bit.
    placed = assign_split(packed, [content_hash(clip.audio) for clip in packed])
    clips = []
    for clip in placed:
        audio = destination / "wavs" / f"{clip.audio.stem}.wav"
        write_audio(audio, read_audio(clip.audio))
        clips.append(replace(clip, audio=audio))
    write_metadata(destination / "metadata.csv", clips)
    write_atomically(destination / FILE, _sheet(name).encode())
    return destination


def _sheet(name: str) -> str:
    speaker = Speaker(name=SPEAKER, synthetic=True)
    sheet = DataSheet(
        name=name, language="hu", source=_SOURCE, licence=_LICENCE, speakers=(speaker,)
    )
    return yaml.safe_dump(sheet.model_dump(), sort_keys=False, allow_unicode=True)
