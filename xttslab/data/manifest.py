"""Reads the clips that a folder's metadata lists, with a reason for every row that is rejected.

Reads `metadata.csv` with a header, LJSpeech's header-less `id|text|normalised text`, and Coqui's
`metadata_train.csv` with `metadata_eval.csv`; writes the first. Of other layouts `prepare` makes it
(`data/preparing/layouts.py`).
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from xttslab.data.audio_names import Located, locate_audio
from xttslab.data.columns import LANGUAGES, language_code
from xttslab.data.metadata import COLUMNS, MetadataRow, read_rows
from xttslab.errors import UserError
from xttslab.files import write_atomically

TRAIN, EVAL = "train", "eval"
ASSUMED = "neutral"
UNNAMED = "speaker"  # who speaks, where the metadata does not say
PROPOSED = "?"  # after a category that `prepare` proposed and no person has confirmed
_CATEGORY = re.compile(r"[a-z0-9_-]+")
_LAYOUTS = ("metadata.csv", "transcripts.psv", "metadata.psv", "metadata.txt")
_COQUI = {"metadata_train.csv": TRAIN, "metadata_eval.csv": EVAL}


@dataclass(frozen=True)
class Clip:
    """One recording and what is said in it. `audio` is where the file lies; `category` is one of
    the set's emotion categories; `category_assumed` says that no person named it: it is `neutral`,
    or what `prepare` proposed (written `question?` in the file, until somebody takes the mark
    away)."""

    audio: Path
    text: str
    speaker: str
    category: str = ASSUMED
    category_assumed: bool = True
    language: str = "hu"
    split: str = ""
    source: str = ""

    @property
    def id(self) -> str:
        """The name under which rejections, metrics and pages mention the clip."""
        return f"{self.source}/{self.audio.stem}" if self.source else self.audio.stem


@dataclass(frozen=True)
class Rejection:
    """A clip that is not used: which, why, and the value that decided it, in one line."""

    audio_file: str
    reason: str
    value: str

    def __post_init__(self) -> None:
        # a quoted cell may hold line ends, and tables and messages give a rejection one line
        object.__setattr__(self, "value", " ".join(str(self.value).split()))

    def __str__(self) -> str:
        value = f" ({self.value})" if self.value else ""
        return f"{self.audio_file}: {self.reason}{value}"


class ClipLimits(NamedTuple):
    """What a model has positions for: tokens of a clip's text and codes of its sound."""

    text_tokens: int
    codes: int


def find_metadata(folder: Path) -> list[Path]:
    """The metadata files of a folder, in the order in which their rows are read.

    Raises UserError that names the files looked for when there is none.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; prepare it or correct the path")
    found = metadata_files(folder)
    if not found:
        wanted = ", ".join((*_LAYOUTS, *_COQUI))
        raise UserError(f"{folder}: no metadata found; add one of {wanted}")
    return found


def require_folders(name: str, sources: Mapping[str, str]) -> None:
    """Raise UserError with the command that makes a data set's first missing folder."""
    for source, folder in sources.items():
        if not Path(folder).is_dir():
            path = "" if source.startswith("demo_") else " source=PATH"
            raise UserError(
                f"data set {name!r}: {folder} does not exist; make it with "
                f"`python -m xttslab.prepare dataset={source}{path}`"
            )


def has_metadata(folder: Path) -> bool:
    """Whether a folder holds clips with metadata in a supported layout."""
    return bool(metadata_files(folder))


def metadata_files(folder: Path) -> list[Path]:
    """The metadata files of a folder; none where it has none."""
    coqui = [folder / name for name in _COQUI if (folder / name).is_file()]
    single = [folder / name for name in _LAYOUTS if (folder / name).is_file()]
    return single[:1] or coqui


def read_folder(
    folder: Path, source: str = "", language: str = "hu", raw: bool = False
) -> tuple[list[Clip], list[Rejection]]:
    """Read a folder in any supported layout; every row becomes a clip or a rejection.

    `raw` is for folders that are still to be prepared: a text may be empty, and files in different
    folders may share a name. Raises UserError for faults of the whole file: no metadata, a missing
    column, a category name that MLflow could not carry, no usable row at all.
    """
    rows = [(path, row) for path in find_metadata(folder) for row in read_rows(path).rows]
    places = locate_audio(folder, [row.values.get("audio_file", "") for _, row in rows])
    listed = [ListedRow(*pair, place) for pair, place in zip(rows, places, strict=True)]
    clips, rejected = read_listed(folder, listed, source, language, raw)
    return [replace(clip, text=" ".join(clip.text.split())) for clip in clips], rejected


@dataclass(frozen=True)
class ListedRow:
    """A row of a list of clips: its file, the row, and the audio that it names."""

    path: Path
    row: MetadataRow
    audio: Located


def read_listed(
    folder: Path, rows: Iterable[ListedRow], source: str, language: str, raw: bool
) -> tuple[list[Clip], list[Rejection]]:
    """The clips of rows that lie in `folder`, with the text as it is written; else as
    `read_folder`."""
    clips: dict[Path, Clip] = {}
    names: dict[str, Path] = {}
    rejected: list[Rejection] = []
    for listed in rows:
        row, place = listed.row, listed.audio
        fault = _row_fault(row, place, clips)
        if not fault and not raw:
            fault = _unready(row, place.path, names)
        if fault:
            rejected.append(fault)
            continue
        clip = _clip(row, place.path, listed.path, source, language)
        clips[clip.audio] = clip
        names[clip.audio.stem] = clip.audio
    if not clips:
        why = f"; the first rejected row: {rejected[0].reason}" if rejected else ""
        value = f" ({rejected[0].value})" if rejected and rejected[0].value else ""
        raise UserError(f"{folder}: no usable clip in its metadata{why}{value}")
    return list(clips.values()), rejected


def write_metadata(path: Path, clips: Iterable[Clip]) -> None:
    """Write `metadata.csv` (all columns, audio paths relative to it), atomically."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, delimiter="|", lineterminator="\n")
    writer.writeheader()
    writer.writerows(cells_of(clip, path.parent) for clip in clips)
    write_atomically(path, buffer.getvalue().encode())


def cells_of(clip: Clip, folder: Path) -> dict[str, str]:
    """The row of a clip in the `metadata.csv` of `folder`, by column."""
    audio = clip.audio
    name = audio.relative_to(folder) if audio.is_relative_to(folder) else audio
    row = (name.as_posix(), clip.text, clip.speaker, _category_cell(clip))
    return dict(zip(COLUMNS, (*row, clip.language, clip.split, clip.source), strict=True))


def assign_split(clips: Sequence[Clip], hashes: Sequence[str], share: float) -> list[Clip]:
    """Give every clip without a split its place; clips that have one keep it for ever.

    Within a category the clips with the smallest content hash are held out until `share` of the
    category is, at least one where a category has three. New clips therefore never move old ones.
    """
    placed = list(clips)
    for category in sorted({clip.category for clip in clips}):
        members = [i for i, clip in enumerate(clips) if clip.category == category]
        held = sum(clips[i].split == EVAL for i in members)
        wanted = max(1, round(share * len(members))) if len(members) >= 3 else 0
        fresh = sorted((i for i in members if not clips[i].split), key=lambda i: hashes[i])
        for rank, i in enumerate(fresh):
            placed[i] = replace(clips[i], split=EVAL if rank < wanted - held else TRAIN)
    return placed


def is_category(name: str) -> bool:
    """Whether MLflow can carry a category of this name."""
    return bool(_CATEGORY.fullmatch(name))


def slug(name: str) -> str:
    """The nearest valid category name: `Kérdés!` → `kerdes`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-") or ASSUMED


def _row_fault(row: MetadataRow, place: Located, seen: dict[Path, Clip]) -> Rejection | None:
    name, language = row.values.get("audio_file", ""), row.values.get("language", "")
    if row.fault:
        return Rejection(name or row.place, f"{row.place}: {row.fault}", row.value)
    if not name:
        return Rejection(row.place, "the row names no audio file", "")
    if place.fault:
        return Rejection(name, f"{row.place}: {place.fault}", place.value)
    if place.path in seen:
        stands_twice = f"{row.place}: the clip stands twice"
        return Rejection(name, stands_twice, seen[place.path].text[:40])
    if language and language_code(language) is None:
        known = f"XTTS-v2 speaks {', '.join(LANGUAGES)}"
        return Rejection(name, f"{row.place}: an unknown language; {known}", language)
    return None


def _unready(row: MetadataRow, audio: Path, names: dict[str, Path]) -> Rejection | None:
    """What keeps a row of a finished set from training."""
    name = row.values["audio_file"]
    if not row.values.get("text", "").strip():
        return Rejection(name, f"{row.place}: the text is empty", "")
    if audio.stem in names:
        reason = f"{row.place}: another clip has this name; run xttslab.prepare on the folder"
        return Rejection(name, reason, str(names[audio.stem]))
    return None


def _clip(row: MetadataRow, audio: Path, path: Path, source: str, language: str) -> Clip:
    values = row.values
    cell = values.get("category", "")
    category = cell.removesuffix(PROPOSED)
    if category and not is_category(category):
        raise UserError(
            f"{path} {row.place}: category {category!r} may hold a-z, 0-9, _ and - only; "
            f"write {slug(category)!r}"
        )
    split = values.get("split") or _COQUI.get(path.name, "")
    if split not in ("", TRAIN, EVAL):
        raise UserError(f"{path} {row.place}: split {split!r} must be train, eval or empty")
    return Clip(
        audio=audio,
        text=unicodedata.normalize("NFC", values.get("text", "")),
        speaker=values.get("speaker_name") or UNNAMED,
        category=category or ASSUMED,
        category_assumed=not category or cell.endswith(PROPOSED),
        language=language_code(values.get("language", "")) or language,
        split=split,
        source=values.get("source") or source,
    )


def _category_cell(clip: Clip) -> str:
    if not clip.category_assumed:
        return clip.category
    return "" if clip.category == ASSUMED else clip.category + PROPOSED
