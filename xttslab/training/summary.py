"""A finished run in, the short table at its end out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from xttslab.training.announcing import is_rank_zero
from xttslab.training.keeping import RunCheckpoints

_LOSSES = ("text_ce", "mel_ce", "total")
_SHOWN = (
    *(
        f"{part}/{loss}"
        for part in ("train", "eval", "gap")
        for loss in ("text_ce", "mel_ce", "total")
    ),
    "eval/reads",
    *(f"{part}/{loss}" for part in ("train", "eval") for loss in ("mel_l1", "mel", "convergence")),
    "eval/text_ctc",
    "eval/codes_used",
    "eval/perplexity",
)


def print_summary(run_dir: Path, keeper: RunCheckpoints) -> int:
    """Print start, best and last epoch of a run and what to do next; returns its last epoch."""
    lines = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = {row["epoch"]: row for row in map(json.loads, lines)}
    last = max(rows)
    chosen = {"zero-shot": 0, "last": last}
    if keeper.best:
        chosen = {"zero-shot": 0, "best": keeper.best[1], "last": last}
    table = Table(title=run_dir.name, title_justify="left")
    table.add_column("")
    for name, epoch in chosen.items():
        table.add_column(f"{name}\nepoch {epoch}", justify="right")
    picked = [rows.get(epoch, {}) for epoch in chosen.values()]
    for name in _SHOWN:
        if any(name in row for row in picked):
            table.add_row(name, *(_shown(row.get(name)) for row in picked))
    console = Console(quiet=not is_rank_zero())
    console.print(table)
    guess = rows[0].get("codes/unigram_entropy")
    if guess:
        used = round(rows[0]["codes/in_use"])
        console.print(f"{used} audio codes in use; guessing by their frequency costs {guess:.4f}")
    if not keeper.best:
        console.print(f"{keeper.monitor} was never a number: no checkpoint was kept")
    for label, what in _next_steps(run_dir, keeper):
        console.print(f"{label:<10} {what}", highlight=False, soft_wrap=True)
    return last


def _next_steps(run_dir: Path, keeper: RunCheckpoints) -> list[tuple[str, str]]:
    steps = [
        ("listen", str(run_dir / "samples" / "index.html")),
        ("compare", "python -m xttslab.tracking.ui"),
    ]
    if keeper.best:
        steps.insert(0, ("model", str(keeper.best_path)))
    if not (run_dir / "samples" / "index.html").is_file():
        steps = [step for step in steps if step[0] != "listen"]
    return steps


def _shown(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else "–"
