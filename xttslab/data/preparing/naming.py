"""Names of source files in, one safe and lasting file name for every clip out."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from xttslab.data.preparing.records import Record

_LONGEST = 80


class Names:
    """Gives clips their names: the source's own where it is free, else with the content's hash.

    A clip keeps its name for ever: the same file of the same source gets it again, and so does the
    same content under a source that has moved.
    """

    def __init__(self, known: Iterable[Record]) -> None:
        self._owner = {record.base.casefold(): _owner(record) for record in known}

    def claim(self, source: str, origin: str, digest: str) -> str:
        """The name of the clip that `origin` of `source`, with this content, becomes."""
        plain = file_stem(origin)
        for name in (plain, f"{plain}-{digest[:8]}"):
            owner = self._owner.setdefault(name.casefold(), (source, origin, digest))
            if owner[:2] == (source, origin) or owner[1:] == (origin, digest):
                return name
        return f"{plain}-{digest[:16]}"


def file_stem(origin: str) -> str:
    """`folder/Jó reggelt!.wav` → `Jo-reggelt`: plain letters that every system and shell takes."""
    stem = PurePosixPath(origin).stem
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_-]+", "-", plain).strip("-")[:_LONGEST] or "clip"


def _owner(record: Record) -> tuple[str, str, str]:
    return record.source, record.origin, record.origin_digest
