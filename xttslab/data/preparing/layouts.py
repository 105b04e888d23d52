"""Finds the files of a folder that list its clips, whatever tool wrote them, and reads their rows.

A file counts when its rows name a text and recordings that are there. Several are read together
where each adds clips, such as one for training and one held out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from xttslab.data.audio_names import audio_files, locate_audio
from xttslab.data.columns import AUDIO, CATEGORY
from xttslab.data.json_rows import ENDINGS as JSON
from xttslab.data.json_rows import NotAList
from xttslab.data.manifest import (
    EVAL,
    PROPOSED,
    TRAIN,
    Clip,
    ListedRow,
    Rejection,
    metadata_files,
    read_listed,
)
from xttslab.data.metadata import Table, read_rows
from xttslab.data.preparing.categories import plain_names
from xttslab.errors import UserError

TABLES = (".csv", ".tsv", ".psv", ".list")
LOOKED_FOR = (
    "lists of clips (metadata.csv, .tsv, .psv, .txt, .json or .jsonl, Hugging Face's, Common "
    "Voice's validated.tsv, GPT-SoVITS' .list, Coqui's metadata_train.csv, train and val lists)"
)
_NAMED = ("metadata.tsv", "metadata.jsonl", "metadata.json")  # to be read, or the fault is told
_DEEPEST = 2  # folders below the source in which lists are looked for
_LARGEST = 64 << 20  # bytes of a .txt or .json without a usual name that may be a list
_PARTS = {
    **dict.fromkeys(("train", "training"), TRAIN),
    **dict.fromkeys(("dev", "val", "valid", "validation", "eval", "test"), EVAL),
}
# Lists of Common Voice whose sentences nobody confirmed, and what tools write for themselves.
_NO_LISTS = {"invalidated", "reported", "other", "unvalidated_sentences", "validated_sentences"}
_FOREIGN = re.compile(r"^([A-Za-z]:)?[\\/]")  # paths that begin at the root of some machine


@dataclass(frozen=True)
class ClipList:
    """One file that lists clips: its rows with the audio that each names."""

    path: Path
    table: Table
    rows: tuple[ListedRow, ...]

    @property
    def found(self) -> set[Path]:
        """The recordings that it names and that are there."""
        return {row.audio.path for row in self.rows if not row.audio.fault}


@dataclass(frozen=True)
class Listing:
    """The lists of a folder that are read; `near` are files that could be lists but for a fault,
    which is told."""

    lists: tuple[ClipList, ...] = ()
    near: tuple[tuple[Path, str], ...] = ()

    @property
    def paths(self) -> list[Path]:
        """The files that are read."""
        return [one.path for one in self.lists]

    def clips(self, folder: Path, name: str, language: str) -> tuple[list[Clip], list[Rejection]]:
        """The clips of all lists; columns that are not read are among the rejections.

        Raises UserError where no row can be used, and for categories that differ by an accent.
        """
        rows = [row for one in self.lists for row in one.rows]
        clips, rejected = read_listed(folder, self._plain(rows), name, language, raw=True)
        for one in self.lists:
            if one.table.others:
                shown = os.path.relpath(one.path, folder).replace("\\", "/")
                others = ", ".join(one.table.others)
                rejected.append(Rejection(shown, "has columns that are not read", others))
        return clips, rejected

    def understood(self, folder: Path) -> list[str]:
        """What each list was taken for, one line each, and categories that are written anew."""
        lines = [_understood(one, folder) for one in self.lists]
        anew = [f"{own} → {plain}" for own, plain in self._categories.items() if own != plain]
        return lines + ([f"categories written anew: {', '.join(anew)}"] if anew else [])

    @cached_property
    def _categories(self) -> dict[str, str]:
        """What the category of each name in the lists is called here."""
        cells = [_category(row) for one in self.lists for row in one.rows if not row.row.fault]
        remedy = "write one of them in every row"
        return plain_names(sorted({cell for cell in cells if cell}), "categories", remedy)

    def _plain(self, rows: Sequence[ListedRow]) -> list[ListedRow]:
        """Rows whose categories are named as MLflow can carry them."""
        plain = []
        for row in rows:
            name = _category(row)
            if name and self._categories.get(name, name) != name:
                mark = PROPOSED if row.row.values[CATEGORY].endswith(PROPOSED) else ""
                values = {**row.row.values, CATEGORY: self._categories[name] + mark}
                row = replace(row, row=replace(row.row, values=values))
            plain.append(row)
        return plain


def _category(row: ListedRow) -> str:
    return row.row.values.get(CATEGORY, "").removesuffix(PROPOSED).strip()


def find_lists(folder: Path) -> Listing:
    """The lists of clips in a folder, or in the folders below where it has none itself.

    Our own names come first (see `metadata_files`). Of other files those are read that name
    recordings which no earlier one does, the one with the most first. Raises UserError for a
    file called metadata that cannot be read.
    """
    named = metadata_files(folder)
    if named:
        return Listing(_split([_located(path, read_rows(path), folder) for path in named]))
    here, near = _readable(folder, _candidates(folder, 0))
    if not here:
        below, more = _readable(folder, _candidates(folder, _DEEPEST))
        here, near = below, [*near, *(pair for pair in more if pair not in near)]
    chosen: list[ClipList] = []
    known: set[Path] = set()
    for one in sorted(here, key=lambda one: (-len(one.found), one.path)):
        if len(one.found - known) > len(one.found) / 2:
            chosen.append(one)
            known |= one.found
    return Listing(_split(chosen), tuple(near))


def _candidates(folder: Path, depth: int) -> Iterator[Path]:
    """Files that may list clips; texts that lie beside a recording of their name are not."""
    stems = {(path.parent, path.stem) for path in audio_files(folder)}
    for root, folders, files in os.walk(folder):
        level = len(Path(root).relative_to(folder).parts)
        hidden = level == depth
        folders[:] = [] if hidden else sorted(f for f in folders if not f.startswith("."))
        for path in (Path(root, file) for file in sorted(files)):
            ending, stem = path.suffix.lower(), path.name.split(".")[0]
            beside = (path.parent, path.stem) in stems or (path.parent, stem) in stems
            usual = ending in TABLES or path.stem.lower() == "metadata"
            small = ending in (".txt", *JSON) and path.is_file() and path.stat().st_size <= _LARGEST
            if (usual or small) and not beside and path.stem.lower() not in _NO_LISTS:
                if not path.name.startswith("."):
                    yield path


def _readable(folder: Path, paths: Iterator[Path]) -> tuple[list[ClipList], list[tuple[Path, str]]]:
    """The lists among the files, and those that lack something with what it is."""
    lists: list[ClipList] = []
    near: list[tuple[Path, str]] = []
    for path in paths:
        try:
            one = _located(path, read_rows(path), folder)
        except NotAList as fault:
            near.append((path, str(fault)))
            continue
        except UserError as fault:
            if path.name.lower() in _NAMED:
                raise
            near.append((path, str(fault)))
            continue
        if one.found:
            lists.append(one)
        elif one.rows:
            first = one.rows[0].row.values.get(AUDIO, "")
            near.append((path, f"{path}: none of its {len(one.rows)} recordings is here: {first}"))
    return lists, near


def _located(path: Path, table: Table, folder: Path) -> ClipList:
    """A list with its audio, looked for beside the list, else in the whole source."""
    names = [row.values.get(AUDIO, "") for row in table.rows]
    places = locate_audio(path.parent, names)
    if path.parent != folder and all(place.fault for place in places):
        places = locate_audio(folder, names)
    rows = [ListedRow(path, row, place) for row, place in zip(table.rows, places, strict=True)]
    return ClipList(path, table, tuple(rows))


def _split(lists: Sequence[ClipList]) -> tuple[ClipList, ...]:
    """Take the split over from the names of files or folders, where some say train."""
    parts = [_part(one.path) for one in lists]
    if len(lists) < 2 or TRAIN not in parts:
        return tuple(lists)
    return tuple(
        replace(one, rows=tuple(_in_part(row, part) for row in one.rows)) if part else one
        for one, part in zip(lists, parts, strict=True)
    )


def _part(path: Path) -> str:
    for name in (path.stem, path.parent.name):
        words = re.split(r"[^a-z]+", name.lower())
        part = next((_PARTS[word] for word in words if word in _PARTS), "")
        if part:
            return part
    return ""


def _in_part(listed: ListedRow, part: str) -> ListedRow:
    values = listed.row.values
    row = replace(listed.row, values={**values, "split": values.get("split") or part})
    return replace(listed, row=row)


def _understood(one: ClipList, folder: Path) -> str:
    name = Path(os.path.relpath(one.path, folder)).as_posix()
    renamed = [f"{own} is {ours}" for own, ours in one.table.meaning if own != ours]
    same = [ours for own, ours in one.table.meaning if own == ours]
    columns = ", ".join([*same, *renamed])
    line = f"{name}: {_kind(one)} ({columns}), {len(one.found)} of {len(one.rows)} rows with audio"
    names = [row.row.values.get(AUDIO, "") for row in one.rows if not row.audio.fault]
    moved = [text for text in names if _FOREIGN.match(text) and not Path(text).is_file()]
    if moved:
        place = next(row.audio for row in one.rows if row.row.values.get(AUDIO) == moved[0])
        where = Path(os.path.relpath(place.path.parent, folder)).as_posix()
        parent = re.sub(r"[^\\/]*$", "", moved[0])
        line += f"; paths of another machine ({parent}…) found again in {where}/"
    elif any("\\" in text for text in names):
        line += r"; paths with \ read as folders"
    return line


def _kind(one: ClipList) -> str:
    """What a list is called by those who use it."""
    meant = {ours: own for own, ours in one.table.meaning}
    ending, audio, text = one.path.suffix.lower(), meant.get(AUDIO, ""), meant.get("text", "")
    if ending in JSON:
        lines = any(row.row.place.startswith("line") for row in one.rows)
        kind = "JSON lines" if lines else "a JSON list"
        return f"{kind} of Hugging Face" if audio == "file_name" else kind
    if ending == ".list":
        return "a list of GPT-SoVITS"
    if (audio, text) == ("path", "sentence"):
        return "Common Voice"
    if (audio, text) == ("file_name", "transcription"):
        return "Hugging Face"
    if one.path.stem in ("metadata_train", "metadata_eval"):
        return "Coqui"
    if audio.startswith("column"):
        ljspeech = "raw_text" in one.rows[0].row.values if one.rows else False
        return "LJSpeech, without a header" if ljspeech else "a table without a header"
    return "a table"
