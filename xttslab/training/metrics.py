"""Losses per token and per clip, and the number that the best checkpoint may be chosen by.

The lowest loss is not always the best voice: `checkpoint.monitor=selection/loss_and_voice`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
import torch.distributed
from torch import Tensor

from xttslab.data.manifest import Clip
from xttslab.model.gpt import ClipLosses

SELECTION = "selection/loss_and_voice"  # lower is better; known at epochs that were scored


@dataclass(frozen=True)
class Selection:
    """How loss and voice become one number: `loss` − `nats_per_score` · `score`.

    `nats_per_score` says how many nats of loss one point of that score is worth.
    """

    loss: str
    score: str
    nats_per_score: float

    def value(self, losses: Mapping[str, float], scores: Mapping[str, float]) -> float:
        """The number of one epoch. A score that was not measured changes nothing: the loss alone
        counts then. NaN where the loss is unknown, which chooses nothing."""
        loss = losses.get(self.loss, math.nan)
        return float(loss) - self.nats_per_score * scores.get(self.score, 0.0)


_COLUMNS = [field.name for field in fields(ClipLosses)]


class LossMeter:
    """Sums of `ClipLosses` per clip of a data set, on the device, in float64 where it has it."""

    def __init__(self, clips: int, device: torch.device) -> None:
        kind = torch.float32 if device.type == "mps" else torch.float64
        self.sums = torch.zeros(clips, len(_COLUMNS), device=device, dtype=kind)

    def add(self, rows: Tensor, losses: ClipLosses) -> None:
        """Add a batch; `rows` (B,) are the clips' numbers in the data set."""
        values = torch.stack([getattr(losses, name) for name in _COLUMNS], dim=1)
        self.sums.index_add_(0, rows, values.detach().to(self.sums.dtype))

    def reduced(self) -> Tensor:
        """The sums (clips, columns) over all processes, on the CPU."""
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(self.sums)
        return self.sums.cpu()


class GradientLog:
    """Gradient norms of an epoch's updates, kept on the device until the epoch ends."""

    def __init__(self) -> None:
        self.norms: dict[str, list[Tensor]] = {}  # part of the model, "" for the main one → norms
        self.limit: float | None = None

    @property
    def updates(self) -> int:
        """How many updates are noted."""
        return max(map(len, self.norms.values()), default=0)

    @property
    def last(self) -> Tensor | None:
        """The sum of all parts' norms at the last update: not finite where one of them is not."""
        newest = [norms[-1] for norms in self.norms.values()]
        return torch.stack(newest).sum() if newest else None

    def add(self, norms: Mapping[str, Tensor], limit: float | None) -> None:
        """Note the norms of one update, by part, before each was clipped to `limit`."""
        self.limit = limit
        for name, norm in norms.items():
            self.norms.setdefault(name, []).append(norm.detach())

    def epoch_means(self) -> dict[str, float]:
        """`grad_norm` and `grad_clipped`, the share of updates that were clipped, and the same of
        other parts with `_<part>` behind; starts anew.

        Of updates that took place: 16-mixed leaves out those whose scaled gradients overflow.
        """
        found: dict[str, float] = {}
        for name, listed in self.norms.items():
            norms = torch.stack(listed)
            norms = norms[torch.isfinite(norms)]
            if len(norms):
                end = f"_{name}" if name else ""
                clipped = (norms > (self.limit or float("inf"))).float()
                found[f"grad_norm{end}"] = norms.mean().item()
                found[f"grad_clipped{end}"] = clipped.mean().item()
        self.norms.clear()
        return found


def epoch_means(
    sums: Tensor, rows: Sequence[int], text_weight: float, mel_weight: float
) -> dict[str, float]:
    """`text_ce`, `mel_ce`, `total`, `text_ce_weighted` and `stop_ce` over some clips."""
    part = dict(zip(_COLUMNS, sums[list(rows)].sum(0).tolist(), strict=True))
    text = _ratio(part["text"], part["text_tokens"])
    mel = _ratio(part["code"] + part["stops"], part["code_tokens"] + part["stop_tokens"])
    return {
        "text_ce": text,
        "mel_ce": mel,
        "total": text_weight * text + mel_weight * mel,
        "text_ce_weighted": text_weight * text,
        "stop_ce": _ratio(part["end"], part["end_tokens"]),
    }


def code_ce(sums: Tensor, rows: Sequence[int]) -> float:
    """Cross-entropy of the audio codes alone, stop tokens left out: does not favour short clips."""
    part = dict(zip(_COLUMNS, sums[list(rows)].sum(0).tolist(), strict=True))
    return _ratio(part["code"], part["code_tokens"])


def mel_sums(sums: Tensor, rows: Sequence[int]) -> list[tuple[float, float]]:
    """Nats and tokens behind the mel CE of each clip of `rows`; stop tokens count."""
    parts = (dict(zip(_COLUMNS, values, strict=True)) for values in sums[list(rows)].tolist())
    return [
        (part["code"] + part["stops"], part["code_tokens"] + part["stop_tokens"]) for part in parts
    ]


def text_gain_metrics(
    held_out: Tensor, other_text: Tensor, rows: Sequence[int]
) -> dict[str, float]:
    """`eval/mel_ce_other_text` and `eval/text_gain` over the held-out clips `rows`, of which both
    tables (clips, columns) have sums; nothing without rows.

    The codes, their prompt and the tokens counted are the same: only the text differs.
    """
    if not rows:
        return {}
    right, other = (_mel_ce(mel_sums(sums, rows)) for sums in (held_out, other_text))
    return {"eval/mel_ce_other_text": other, "eval/text_gain": other - right}


def train_metrics(sums: Tensor, text_weight: float, mel_weight: float) -> dict[str, float]:
    """`train/*` from an epoch's training-mode losses."""
    seen = torch.nonzero(sums.sum(1)).flatten().tolist()
    means = epoch_means(sums, seen, text_weight, mel_weight)
    means.pop("stop_ce")
    return {f"train/{name}": value for name, value in means.items()}


def eval_metrics(
    held_out: Tensor,
    trained: Tensor,
    by_reference: Tensor,
    clips: Sequence[Clip],
    eval_rows: Sequence[int],
    train_rows: Sequence[int],
    text_weight: float,
    mel_weight: float,
) -> dict[str, float]:
    """`eval/*`, `train_eval/*`, `gap/*`, `eval_ref/*` and the parts by source and category."""
    weights = (text_weight, mel_weight)
    held = epoch_means(held_out, eval_rows, *weights)
    train = epoch_means(trained, train_rows, *weights)
    train.pop("stop_ce")
    metrics = {f"eval/{name}": value for name, value in held.items()}
    metrics |= {f"train_eval/{name}": value for name, value in train.items()}
    for name in ("text_ce", "mel_ce", "total"):
        metrics[f"gap/{name}"] = held[name] - train[name]
    metrics["eval_ref/mel_ce"] = epoch_means(by_reference, eval_rows, *weights)["mel_ce"]
    for source in sorted({clips[row].source for row in eval_rows}):
        rows = [row for row in eval_rows if clips[row].source == source]
        means = epoch_means(held_out, rows, *weights)
        metrics |= {f"eval/{source}/{name}": means[name] for name in ("text_ce", "mel_ce", "total")}
    for category in sorted({clips[row].category for row in eval_rows}):
        rows = [row for row in eval_rows if clips[row].category == category]
        metrics[f"eval/mel_ce/{category}"] = code_ce(held_out, rows)
    return metrics


def _mel_ce(sums: Sequence[tuple[float, float]]) -> float:
    return _ratio(sum(nats for nats, _ in sums), sum(tokens for _, tokens in sums))


def _ratio(total: float, count: float) -> float:
    return total / count if count else float("nan")
