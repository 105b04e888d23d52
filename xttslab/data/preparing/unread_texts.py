"""Names the texts and recordings of a source that a preparation does not read."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from xttslab.data.audio_names import audio_files
from xttslab.data.manifest import Rejection
from xttslab.data.preparing import folder as output
from xttslab.data.preparing.layouts import TABLES, Listing

_TEXTS = (
    *TABLES, ".txt", ".lab", ".srt", ".vtt", ".ass", ".sbv", ".lrc", ".textgrid", ".eaf", ".json",
    ".jsonl", ".xlsx", ".xls", ".ods", ".docx", ".parquet",
)  # fmt: skip
# Files that hold a data set but are not read, by ending: what to do with them.
_OTHERS = {
    (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar", ".bz2", ".xz"): "an archive; unpack it",
    (".parquet", ".arrow"): "save its rows as audio files with a metadata.csv (file_name, text)",
    (".xlsx", ".xls", ".ods"): "save the sheet as metadata.csv with the header audio_file|text",
    (*_TEXTS,): "texts without recordings; put the recordings beside them",
}
_ABOUT = ("readme", "license", "licence", "changelog", "requirements", "notice", "copying")


def unread_recordings(root: Path, used: Sequence[Path]) -> list[Rejection]:
    """The recordings that no list of clips names; `used` are the files of its clips."""
    known = {os.path.normpath(path) for path in used}
    spare = [path for path in audio_files(root) if os.path.normpath(path) not in known]
    return _grouped(root, spare, "no usable row of the metadata names it")


def unread_files(source: Path, read: Iterable[Path], listing: Listing) -> list[Rejection]:
    """The texts in a folder, or beside a single recording, other than its lists of clips and those
    that were `read`; one row for all files of one kind."""
    root = source if source.is_dir() else source.parent
    known = {os.path.normpath(path) for path in (*read, *listing.paths)}
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in text_files(source):
        if os.path.normpath(path) not in known:
            kinds[_fate(path, root, listing)].append(path)
    return [row for fate, paths in kinds.items() for row in _grouped(root, paths, fate)]


def nearest(folder: Path, listing: Listing) -> str:
    """The file of a folder that comes closest to something that can be read, and what it lacks."""
    if listing.near:
        path, _ = min(listing.near, key=lambda pair: _distance(pair[1]))
        return f"{_name(path, folder)}: {_lacks(path, listing)}"
    # os.walk passes over folders that cannot be read, or that are gone by now (/proc)
    files = sorted(Path(root, name) for root, _, names in os.walk(folder) for name in names)
    for endings, remedy in _OTHERS.items():
        path = next((path for path in files if path.suffix.lower() in endings), None)
        if path is not None:
            return f"{_name(path, folder)}: {remedy}"
    if not files:
        return "none, the folder is empty"
    return f"none; it holds {len(files)} other files, such as {_name(files[0], folder)}"


def _distance(fault: str) -> int:
    """How far a list is from being read: its recordings are elsewhere, or a column is missing."""
    if "recordings is here" in fault:
        return 0
    return 1 if "is missing" in fault else 2


def _lacks(path: Path, listing: Listing) -> str:
    return dict(listing.near)[path].removeprefix(f"{path}: ")


def _name(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


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


def _fate(path: Path, root: Path, listing: Listing) -> str:
    """Why a file of texts is not read, and what to do where its texts are wanted."""
    if listing.lists:
        names = " and ".join(_name(one, root) for one in listing.paths)
        return f"texts that are not read, since {names} {'are' if ' and ' in names else 'is'}"
    kind = f"texts that are not read ({path.suffix.lower()})"
    if path in dict(listing.near) and path.suffix.lower() != ".txt":
        return f"{kind}: {_lacks(path, listing)}"
    return f"{kind}; write them into a metadata.csv with the header audio_file|text"


def _grouped(root: Path, paths: Sequence[Path], reason: str) -> list[Rejection]:
    """One row that names the first of the files and counts the others."""
    if not paths:
        return []
    others = f"and {len(paths) - 1} more" if len(paths) > 1 else ""
    return [Rejection(_name(paths[0], root), reason, others)]
