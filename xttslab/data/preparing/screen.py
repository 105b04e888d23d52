"""A prepared folder in, what a person sees on the screen after a preparation out."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xttslab.data.datasheet import read_sheet
from xttslab.data.manifest import Clip
from xttslab.data.preparing.output import Folder, read_table

_SHOWN = 20  # lines of each table; the file has them all


def show(folder: Folder, language: str, console: Console | None = None) -> None:
    """Print the clips by category, each rejection and each finding, and what to do next."""
    console = console or Console(highlight=False, soft_wrap=True)
    clips = folder.rows(language)
    measures = read_table(folder.path / "clips.csv")
    minutes = sum(float(row["seconds"] or 0) for row in measures) / 60
    console.print(f"{folder.path}: {len(clips)} clips, {minutes:.1f} min")
    console.print(_categories(clips))
    rejected = read_table(folder.path / "rejected.csv")
    lines = [(row["audio_file"], row["reason"], row["value"]) for row in rejected]
    _lines(console, "rejected", lines, folder, "rejected.csv")
    review = read_table(folder.path / "review.csv")
    lines = [(row["audio_file"], row["finding"], row["value"]) for row in review]
    _lines(console, "review", lines, folder, "review.csv")
    silent = sum(not clip.text for clip in clips)
    if silent:
        console.print(
            f"{silent} clips have no text and are not trained on: write it into "
            f"{folder.path / 'metadata.csv'}, or run again with transcripts.model=packaged"
        )
    warning = read_sheet(folder.path).warning()
    if warning:
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}")
    place = shlex.quote(f"data_dir={folder.path.parent}")
    elsewhere = "" if folder.path.parent == Path("data") else f" {place}"
    console.print(f"next: python -m xttslab.train dataset={folder.name}{elsewhere}")


def _lines(
    console: Console, kind: str, rows: list[tuple[str, str, str]], folder: Folder, file: str
) -> None:
    for name, reason, value in rows[:_SHOWN]:
        detail = f" ({value})" if value else ""
        console.print(escape(f"{kind}: {name}: {reason}{detail}"))
    if len(rows) > _SHOWN:
        console.print(f"… and {len(rows) - _SHOWN} more in {folder.path / file}")


def _categories(clips: list[Clip]) -> Table:
    table = Table()
    for column in ("category", "clips", "held out", "only proposed"):
        table.add_column(column, justify="left" if column == "category" else "right")
    counts = Counter(clip.category for clip in clips)
    held = Counter(clip.category for clip in clips if clip.split == "eval")
    assumed = Counter(clip.category for clip in clips if clip.category_assumed)
    for category, count in sorted(counts.items()):
        table.add_row(category, str(count), str(held[category]), str(assumed[category]))
    return table
