"""A summary in, what a person sees on the screen after a preparation out."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xttslab.data.datasheet import read_sheet
from xttslab.data.preparing.output import Folder
from xttslab.data.preparing.preparation import Summary

_SHOWN = 20  # rejections; the file has them all


def show(summary: Summary, folder: Folder, console: Console | None = None) -> None:
    """Print the table of clips by category, each rejection, and what to do next."""
    console = console or Console(highlight=False)
    if summary.unchanged:
        console.print(f"{folder.path}: nothing has changed, nothing to do")
    console.print(_table(summary, folder))
    for fault in summary.rejected[:_SHOWN]:
        value = f" ({fault.value})" if fault.value else ""
        console.print(escape(f"rejected: {fault.audio_file}: {fault.reason}{value}"))
    if len(summary.rejected) > _SHOWN:
        rest = len(summary.rejected) - _SHOWN
        console.print(f"… and {rest} more in {folder.path / 'rejected.csv'}")
    warning = read_sheet(folder.path).warning()
    if warning:
        console.print(f"[yellow]warning:[/yellow] {escape(warning)}")
    console.print(f"next: python -m xttslab.train dataset={folder.name}")


def _table(summary: Summary, folder: Folder) -> Table:
    clips, minutes = len(summary.clips), summary.hours * 60
    title = f"{folder.path}: {clips} clips, {minutes:.1f} min, {len(summary.rejected)} rejected"
    table = Table(title=title, title_justify="left")
    for column in ("category", "clips", "held out"):
        table.add_column(column, justify="left" if column == "category" else "right")
    held = Counter(clip.category for clip in summary.clips if clip.split == "eval")
    for category, count in sorted(Counter(clip.category for clip in summary.clips).items()):
        table.add_row(category, str(count), str(held[category]))
    return table
