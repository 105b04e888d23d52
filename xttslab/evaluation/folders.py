"""A folder of recordings of any system, and a table of their texts, in; clips to be scored out."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from xttslab.data.audio import read_audio
from xttslab.data.manifest import find_metadata, has_metadata
from xttslab.data.metadata import Row, read_rows
from xttslab.errors import UserError
from xttslab.evaluation.clips import RATE, SpokenClip

log = logging.getLogger(__name__)

ENDINGS = (".wav", ".flac", ".ogg", ".opus", ".mp3")


def read_clips(folder: Path, texts: Path | None = None) -> list[SpokenClip]:
    """Every recording below `folder`, in the order of the names, named by its path within it.

    `texts` is a table with the columns `audio_file` and `text`, if wanted also `category` and
    `seed`, separated by any of `|`, `;`, tab and comma; None: the folder's own metadata, if it has
    one. A row finds its recording by path, by name, or by name without ending; a recording without
    a row has no text and so no character error rate. Raises UserError for a folder without
    recordings, a recording that cannot be read, and a table without rows, with a missing column
    or of another folder.
    """
    paths = _recordings(folder)
    rows = _rows(folder, texts, paths)
    bare = sum(path not in rows for path in paths)
    if rows and bare:
        log.warning("%s: %d of %d recordings have no text", folder, bare, len(paths))
    return [_clip(folder, path, rows.get(path)) for path in paths]


def _recordings(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one that holds recordings")
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
    if not paths:
        raise UserError(f"{folder}: no recording in it; put {', '.join(ENDINGS)} files there")
    return paths


def _rows(folder: Path, texts: Path | None, paths: list[Path]) -> dict[Path, Row]:
    """Recording → its row."""
    if texts is None and not has_metadata(folder):
        return {}
    tables = [texts] if texts else find_metadata(folder)
    rows = [row for table in tables for row in read_rows(table)]
    if not rows:
        raise UserError(f"{tables[0]}: a header but no row; write one row a recording")
    known = _keys(folder, paths)
    found: dict[Path, Row] = {}
    missing = []
    for row in rows:
        path = _find(row.values.get("audio_file", ""), known)
        if path is None:
            missing.append(row)
        else:
            found[path] = row
    if not found:
        named = rows[0].values.get("audio_file", "")
        raise UserError(
            f"{tables[0]}: none of its {len(rows)} rows names a recording in {folder}, the first "
            f"one names {named!r}; give the table of that folder"
        )
    if missing:
        log.warning(
            "%s: %d of %d rows name no recording in %s, line %d first",
            *(tables[0], len(missing), len(rows), folder, missing[0].line),
        )
    return found


def _keys(folder: Path, paths: list[Path]) -> dict[str, Path]:
    """By what a recording may be called; a name that two share calls neither."""
    known = {path.relative_to(folder).as_posix(): path for path in paths}
    for name in (lambda path: path.name, lambda path: path.stem):
        names = [name(path) for path in paths]
        known |= {
            called: path
            for called, path in zip(names, paths, strict=True)
            if called not in known and names.count(called) == 1
        }
    return known


def _find(name: str, known: Mapping[str, Path]) -> Path | None:
    places = (name, Path(name).as_posix(), Path(name).name, Path(name).stem)
    return next((known[place] for place in places if place in known), None)


def _clip(folder: Path, path: Path, row: Row | None) -> SpokenClip:
    values = row.values if row else {}
    seed = values.get("seed", "")
    return SpokenClip(
        path.relative_to(folder).as_posix(),
        read_audio(path, RATE),
        RATE,
        " ".join(values.get("text", "").split()),
        values.get("category", "").removesuffix("?"),
        int(seed) if seed.isdecimal() else 0,
        values.get("sentence_set", ""),
    )
