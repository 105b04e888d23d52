"""Names the texts and recordings of a source that a preparation does not read."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from xttslab.data.audio_names import audio_files
from xttslab.data.manifest import Rejection, find_metadata, has_metadata
from xttslab.data.metadata import read_rows
from xttslab.data.preparing import folder as output
from xttslab.errors import UserError

TABLES = (".csv", ".tsv", ".psv", ".list")
_TEXTS = (
    *TABLES, ".txt", ".lab", ".srt", ".vtt", ".ass", ".sbv", ".lrc", ".textgrid", ".eaf", ".json",
    ".jsonl", ".xlsx", ".xls", ".ods", ".docx", ".parquet",
)  # fmt: skip
_ABOUT = ("readme", "license", "licence", "changelog", "requirements", "notice", "copying")


def unread_rows(root: Path, used: Sequence[Path]) -> list[Rejection]:
    """What the metadata of a folder says that is not read, and the recordings that no row of it
    names; `used` are the files of its clips."""
    found = []
    for path in find_metadata(root):
        others = read_rows(path).others
        if others:
            found.append(Rejection(path.name, "has columns that are not read", ", ".join(others)))
    known = {os.path.normpath(path) for path in used}
    spare = [path for path in audio_files(root) if os.path.normpath(path) not in known]
    return found + _grouped(root, spare, "no usable row of the metadata names it")


def unread_files(source: Path, read: Iterable[Path]) -> list[Rejection]:
    """The texts in a folder, or beside a single recording, other than its metadata and those that
    were `read`; one row for all files of one kind."""
    root = source if source.is_dir() else source.parent
    metadata = find_metadata(root) if source.is_dir() and has_metadata(root) else []
    known = {os.path.normpath(path) for path in (*read, *metadata)}
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in text_files(source):
        if os.path.normpath(path) not in known:
            kinds[_fate(path, root, metadata)].append(path)
    return [row for fate, paths in kinds.items() for row in _grouped(root, paths, fate)]


def text_files(source: Path) -> Iterator[Path]:
    """The files of texts in a folder, or beside a single recording; not those that `prepare` writes
    itself, and none that tells about the folder, such as a README."""
    if source.is_file():
        beside = sorted(source.parent.glob("*"))
        yield from (p for p in beside if p.name.startswith(f"{source.stem}.") and _is_text(p))
        return
    ours = output.TABLES if (source / ".prepare").is_dir() else ()
    for root, folders, files in os.walk(source):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for file in sorted(files):
            path = Path(root, file)
            if _is_text(path) and not (file in ours and path.parent == source):
                yield path


def _is_text(path: Path) -> bool:
    about = path.stem.lower().split(".")[0] in _ABOUT
    return path.suffix.lower() in _TEXTS and not path.name.startswith(".") and not about


def _fate(path: Path, root: Path, metadata: Sequence[Path]) -> str:
    """Why a file of texts is not read, and what to do where its texts are wanted."""
    if metadata:
        names = " and ".join(one.name for one in metadata)
        return f"texts that are not read, since {names} is"
    if path.parent != root and has_metadata(path.parent):
        return "texts that are not read; give the folder that they lie in as source"
    kind = f"texts that are not read ({path.suffix.lower()})"
    if path.suffix.lower() in (*TABLES, ".txt") and _is_table(path):
        return f"{kind}; call it metadata.csv, in the folder of the source, and they are"
    return f"{kind}; write them into a metadata.csv with the header audio_file|text"


def _is_table(path: Path) -> bool:
    try:
        return bool(read_rows(path).rows)
    except UserError:
        return False


def _grouped(root: Path, paths: Sequence[Path], reason: str) -> list[Rejection]:
    """One row that names the first of the files and counts the others."""
    if not paths:
        return []
    others = f"and {len(paths) - 1} more" if len(paths) > 1 else ""
    return [Rejection(Path(os.path.relpath(paths[0], root)).as_posix(), reason, others)]
