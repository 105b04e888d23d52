"""A run's curves in, the table of start, best and end with its changes out."""

from __future__ import annotations

from dataclasses import dataclass

from xttslab.reporting.reading import OTHER_TEXT, READS
from xttslab.reporting.record import RunData
from xttslab.reporting.sound_stages import PARTS as SOUND_PARTS
from xttslab.reporting.sound_stages import measures

_LOSSES = ("text_ce", "mel_ce", "total")
_PARTS = {
    "train": "training mode, with dropout",
    "eval": "held-out clips",
    "train_eval": "training clips, eval mode",
    "gap": "eval minus train_eval",
}
_DIFFERENCES = ("gap/", READS)


@dataclass(frozen=True)
class Row:
    """One metric at its start, at the chosen epoch and at its end."""

    metric: str
    note: str
    start: float | None
    best: float | None
    end: float | None
    start_epoch: int | None
    end_epoch: int | None
    counts: int  # how often it was measured

    @property
    def change(self) -> float | None:
        """End minus start; None where it was measured once."""
        if self.start is None or self.end is None or self.counts < 2:
            return None
        return self.end - self.start

    @property
    def change_share(self) -> float | None:
        """The change as a part of the start; None for differences of losses, which start at any
        small value."""
        if self.change is None or not self.start or self.metric.startswith(_DIFFERENCES):
            return None
        return self.change / self.start


def metric_rows(run: RunData, best_epoch: int | None) -> list[Row]:
    """Losses of every part, text also as Coqui weights it, then sources and categories; or what a
    sound stage measures."""
    if sound := measures(run):
        found = [
            row(run, f"{part}/{name}", f"{note}: {meaning}", best_epoch)
            for name, meaning in sound.items()
            for part, note in SOUND_PARTS.items()
        ]
        return [line for line in found if line.counts]
    rows = []
    for part, note in _PARTS.items():
        for loss in _LOSSES:
            rows.append(row(run, f"{part}/{loss}", note, best_epoch))
            if loss == "text_ce" and part != "gap":
                rows.append(row(run, f"{part}/text_ce_weighted", "as Coqui logs it", best_epoch))
    rows += [row(run, name, note, best_epoch) for name, note in _named(run).items()]
    measured = [r for r in rows if r.counts or r.metric.startswith(("train/", "eval/"))]
    return measured


def row(run: RunData, metric: str, note: str, best_epoch: int | None) -> Row:
    """One metric's row; empty where the run does not have it."""
    line = run.curve(metric)
    first, last = line.first, line.last
    return Row(
        metric,
        note,
        first[1] if first else None,
        line.points.get(best_epoch) if best_epoch is not None else None,
        last[1] if last else None,
        first[0] if first else None,
        last[0] if last else None,
        len(line.points),
    )


def _named(run: RunData) -> dict[str, str]:
    named = {
        "eval_ref/mel_ce": "prompted by another clip of the category",
        "eval/stop_ce": "does the voice know when to end",
        OTHER_TEXT: "held-out clips with the text of another",
        READS: "what the right text helps; higher is better",
    }
    for name in run.histories:
        parts = name.split("/")
        if len(parts) == 3 and name.startswith("eval/mel_ce/"):
            named[name] = f"held-out clips of {parts[2]}, without stop tokens"
        elif len(parts) == 3 and name.startswith("eval/") and parts[2] == "mel_ce":
            named[name] = f"held-out clips of {parts[1]}"
    return named
