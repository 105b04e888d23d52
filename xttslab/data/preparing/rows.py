"""Records of clips and the rows that a person may have edited in, the rows to write out.

The file `metadata.csv` belongs to the person: what they changed stays, what they deleted stays
away, the split never moves. Only a cell that still holds what `prepare` wrote follows the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from xttslab.data.manifest import ASSUMED, Clip


def merge(
    made: Mapping[str, Clip], current: Mapping[str, Clip], written: Mapping[str, Clip]
) -> tuple[list[Clip], list[Clip]]:
    """Join new clips into the existing rows, all by file name; returns the rows to write, and
    those that a person deleted.

    `made`: clips as their sources describe them now; `current`: the rows of metadata.csv;
    `written`: the rows as `prepare` last wrote them. Existing rows keep their order.
    """
    rows = [_follow(row, made.get(name), written.get(name)) for name, row in current.items()]
    rows += [clip for name, clip in made.items() if name not in current and name not in written]
    return rows, [clip for name, clip in written.items() if name not in current]


def by_name(clips: Iterable[Clip]) -> dict[str, Clip]:
    """Clips by their file's stem, in order."""
    return {clip.audio.stem: clip for clip in clips}


def _follow(row: Clip, made: Clip | None, written: Clip | None) -> Clip:
    """Take over what the source changed, except where a person wrote something else."""
    if made is None or written is None:
        return row
    if row.text == written.text and made.text:
        row = replace(row, text=made.text)
    if row.speaker == written.speaker:
        row = replace(row, speaker=made.speaker)
    untouched = (row.category, row.category_assumed) == (written.category, written.category_assumed)
    if untouched and (made.category != ASSUMED or not made.category_assumed):
        row = replace(row, category=made.category, category_assumed=made.category_assumed)
    return row
