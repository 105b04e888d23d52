"""Builds the page of a run's spoken samples: epochs by sentences, self-contained.

The page embeds its audio (MP3 at 40 kbit/s, which every browser plays): it works from disk and in
MLflow's artifact viewer, whose sandbox follows no links. Each clip is compressed once and kept in
`<samples_dir>/.page/`, so that adding an epoch costs that epoch's clips alone.
"""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import soundfile
from jinja2 import Environment, PackageLoader, Template

from xttslab.data.audio import mp3
from xttslab.files import write_atomically

log = logging.getLogger(__name__)

PAGE_BYTES = 20_000_000  # rather fewer epochs on the page than a page that no browser likes
_KEPT = ".page"
_EPOCH = re.compile(r"epoch_(\d+)")


@dataclass(frozen=True)
class SampleSentence:
    """A sentence that is spoken every epoch; `name` is its file's, such as `03_greeting`."""

    name: str
    category: str
    text: str


def numbered_sentences(entries: Iterable[Mapping[str, str]]) -> tuple[SampleSentence, ...]:
    """The entries of `samples.sentences`, with category and text, under the names of their files:
    a number from 1 on and the category."""
    return tuple(
        SampleSentence(f"{number:02d}_{entry['category']}", entry["category"], entry["text"])
        for number, entry in enumerate(entries, 1)
    )


@dataclass(frozen=True)
class Sound:
    """A compressed clip: `key` is unique on the page."""

    key: str
    seconds: float
    mp3: bytes


@dataclass(frozen=True)
class SampleGroup:
    """A category's columns, from `first_column` on, and the real recording above them."""

    category: str
    sentences: tuple[SampleSentence, ...]
    first_column: int
    real: Sound | None


@dataclass(frozen=True)
class Cell:
    """A sentence as one epoch spoke it; `clip` is None where that is missing."""

    sentence: SampleSentence
    first: bool  # of its category
    clip: Sound | None


@dataclass(frozen=True)
class EpochRow:
    """One epoch's cells, in the order of the page's columns."""

    epoch: int
    cells: tuple[Cell, ...]

    @property
    def label(self) -> str:
        """The row's heading."""
        return f"epoch {self.epoch}" if self.epoch else "before training"

    @property
    def size(self) -> int:
        """Bytes on the page."""
        return sum(len(cell.clip.mp3) * 4 // 3 for cell in self.cells if cell.clip)


def write_gallery(
    samples_dir: Path,
    sentences: Sequence[SampleSentence],
    references: Mapping[str, Path],
    out: Path,
    title: str,
    language: str,
    losses: Mapping[int, float] | None = None,
    loss_name: str = "",
) -> int:
    """Write the page of `samples_dir/epoch_NNN/<name>.wav` to `out` and return its bytes.

    `language` (such as `hu`) is that of the sentences. `references`: category → the real recording
    that its sentences are prompted with. `losses`:
    epoch → value of `loss_name`, shown beside the epoch; the lowest is marked. A clip that is
    missing leaves its place empty, one that cannot be read is said. Above PAGE_BYTES every second
    (fourth, …) epoch is left out, never the newest, and the page says so.
    """
    keep = samples_dir / _KEPT
    groups = _groups(sentences, references, keep)
    ordered = [sentence for group in groups for sentence in group.sentences]
    rows = [_row(epoch, folder, ordered, keep) for epoch, folder in epoch_folders(samples_dir)]
    shown = _thinned(rows)
    sounds = [group.real for group in groups if group.real]
    sounds += [cell.clip for row in shown for cell in row.cells if cell.clip]
    known = losses or {}
    page = _template().render(
        title=title,
        language=language,
        loss_name=loss_name,
        losses=known,
        best=min(known, key=known.__getitem__, default=None),
        groups=groups,
        rows=shown,
        omitted=_omission(rows, shown),
        sounds={sound.key: base64.b64encode(sound.mp3).decode() for sound in sounds},
    )
    content = page.encode()
    write_atomically(out, content)
    return len(content)


def epoch_folders(samples_dir: Path) -> list[tuple[int, Path]]:
    """The epochs with samples and their folders, `epoch_012`, in order; none without the folder."""
    if not samples_dir.is_dir():
        return []
    named = ((_EPOCH.fullmatch(folder.name), folder) for folder in samples_dir.iterdir())
    return sorted((int(match[1]), folder) for match, folder in named if match)


def _groups(
    sentences: Sequence[SampleSentence], references: Mapping[str, Path], keep: Path
) -> list[SampleGroup]:
    """The categories in the order in which the sentences bring them up."""
    groups: list[SampleGroup] = []
    column = 0
    rank = {sentence.category: place for place, sentence in reversed([*enumerate(sentences)])}
    ordered = sorted(sentences, key=lambda sentence: rank[sentence.category])
    for category, members in groupby(ordered, key=lambda sentence: sentence.category):
        real = references.get(category)
        sound = _sound(real, keep / "real" / f"{category}.mp3", f"real/{category}")
        groups.append(SampleGroup(category, tuple(members), column, sound))
        column += len(groups[-1].sentences)
    return groups


def _row(epoch: int, folder: Path, ordered: Sequence[SampleSentence], keep: Path) -> EpochRow:
    cells = []
    category = None
    for sentence in ordered:
        key = f"{folder.name}/{sentence.name}"
        clip = _sound(folder / f"{sentence.name}.wav", keep / f"{key}.mp3", key)
        cells.append(Cell(sentence, sentence.category != category, clip))
        category = sentence.category
    return EpochRow(epoch, tuple(cells))


def _sound(source: Path | None, kept: Path, key: str) -> Sound | None:
    """The compressed clip, made now unless a fresh one is kept; None where there is none."""
    if source is None or not source.is_file():
        return None
    try:
        if not kept.is_file() or kept.stat().st_mtime < source.stat().st_mtime:
            write_atomically(kept, mp3(source))
        seconds = soundfile.info(source).duration
    except soundfile.LibsndfileError as fault:
        log.warning("%s: left out of the samples page (%s)", source, fault)
        return None
    return Sound(key, seconds, kept.read_bytes())


def _thinned(rows: Sequence[EpochRow]) -> list[EpochRow]:
    """Every row, or every second, fourth, … counted from the newest, until the page is small
    enough."""
    stride = 1
    while True:
        shown = list(rows)[::-1][::stride][::-1]
        if sum(row.size for row in shown) <= PAGE_BYTES or len(shown) <= 1:
            return shown
        stride *= 2


def _omission(rows: Sequence[EpochRow], shown: Sequence[EpochRow]) -> str:
    left_out = len(rows) - len(shown)
    if not left_out:
        return ""
    return f"To keep the page small it leaves out {left_out} of {len(rows)} epochs."


def _template() -> Template:
    environment = Environment(loader=PackageLoader("xttslab", "assets/pages"), autoescape=True)
    return environment.get_template("samples.html.j2")
