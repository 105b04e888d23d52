"""Names the recordings that a voice speaks after, how much of each it hears, and what they mix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from xttslab.data.manifest import has_metadata, read_folder
from xttslab.errors import UserError

Recordings = Path | str | Sequence[Path | str] | None


@dataclass(frozen=True)
class Heard:
    """How much of a reference recording reaches a voice: `prompt` seconds its melody (the GPT's
    prompt), `timbre` seconds its timbre (the speaker embedding), of `seconds` in all."""

    recording: Path
    seconds: float
    prompt: float
    timbre: float

    def __str__(self) -> str:
        heard = f"{self.prompt:.1f} s for the melody, {self.timbre:.1f} s for the timbre"
        return f"{self.recording}: {self.seconds:.1f} s, heard: {heard}"


def heard_of(
    recordings: Sequence[Path],
    lengths: Sequence[float],
    reference_seconds: float,
    chunk_seconds: float,
    most: float,
    least: float,
) -> list[Heard]:
    """What `Voice.reference` takes of recordings of so many seconds.

    At most `most` seconds of each; the melody is that of the first `reference_seconds` of all in a
    row, in chunks of `chunk_seconds` of which a last one under `least` is left out.
    """
    taken = [min(length, most) for length in lengths]
    whole = min(sum(taken), reference_seconds)
    rest = whole % chunk_seconds
    left = whole - rest if 0 < rest < least else whole
    found = []
    for path, length, timbre in zip(recordings, lengths, taken, strict=True):
        prompt = min(timbre, left)
        left -= prompt
        found.append(Heard(path, length, prompt, timbre))
    return found


def mixing(recordings: Sequence[Path]) -> list[str]:
    """A warning where recordings are of several categories, else nothing."""
    mixed = sorted(set(categories_of(recordings).values()))
    if len(mixed) < 2:
        return []
    return [
        f"warning: the recordings are of several categories ({', '.join(mixed)}): what is spoken "
        "has the average of their melodies; give recordings of one category"
    ]


def categories_of(recordings: Sequence[Path]) -> dict[Path, str]:
    """The categories of recordings that lie in a data set's folder or below it."""
    wanted, found = {path.resolve(): path for path in recordings}, {}
    for folder in {near for path in wanted for near in list(path.parents)[:2]}:
        if not has_metadata(folder):
            continue
        try:
            clips, _ = read_folder(folder)
        except UserError:
            continue  # the metadata of something else
        known = {clip.audio.resolve(): clip.category for clip in clips if not clip.category_assumed}
        found |= {wanted[path]: known[path] for path in wanted if path in known}
    return found


def paths_of(recordings: Recordings) -> tuple[Path, ...]:
    """One recording, several or none as paths."""
    if not recordings:
        return ()
    several = [recordings] if isinstance(recordings, (str, Path)) else recordings
    return tuple(Path(path) for path in several)
