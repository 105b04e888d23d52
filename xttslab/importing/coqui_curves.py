"""Reads the loss curves of a Coqui training folder from its log and TensorBoard events.

Values are as Coqui logs them: text loss times its weight, and in training the total divided by the
accumulation steps. Rows count as ours do: row 0 is before any update, row N follows epoch N, so
Coqui's epoch k is row k + 1.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

LOG = "trainer_0_log.txt"
_EVENTS = "events.out.tfevents.*"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_EPOCH = re.compile(r"> EPOCH: (\d+)/(\d+)")
_STEP = re.compile(r"-- STEP: (\d+)(?:/(\d+))?(?: -- GLOBAL_STEP: (\d+))?")
_VALUE = re.compile(r"\| > (\w+): *([-+\w.]+)(?: +\(([-+\w.]+)\))?")

Values = dict[str, float]
# our parameter ← Coqui's, as dotted names in config.json
_PARAMS = {
    "optim.lr": "lr",
    "optim.betas": "optimizer_params.betas",
    "optim.eps": "optimizer_params.eps",
    "optim.weight_decay": "optimizer_params.weight_decay",
    "trainer.max_epochs": "epochs",
    "trainer.gradient_clip_val": "grad_clip",
    "batch.clips": "batch_size",
    "batch.eval_clips": "eval_batch_size",
    "loss.text_weight": "model_args.gpt_loss_text_ce_weight",
    "loss.mel_weight": "model_args.gpt_loss_mel_ce_weight",
    "seed": "training_seed",
}
# our model.architecture ← Coqui's model_args
ARCHITECTURE = {
    "layers": "gpt_layers",
    "model_dim": "gpt_n_model_channels",
    "heads": "gpt_n_heads",
    "max_text_tokens": "gpt_max_text_tokens",
    "max_mel_tokens": "gpt_max_audio_tokens",
    "max_prompt_tokens": "gpt_max_prompt_tokens",
    "number_text_tokens": "gpt_number_text_tokens",
    "num_audio_tokens": "gpt_num_audio_tokens",
    "start_audio_token": "gpt_start_audio_token",
    "stop_audio_token": "gpt_stop_audio_token",
}


@dataclass
class Epoch:
    """One of Coqui's epochs: means of its losses, without Coqui's `avg_`. `step`: the global
    step of its last line of training, 0 where it only evaluated."""

    number: int
    trained: bool = False
    step: int = 0
    train: Values = field(default_factory=dict)
    held_out: Values = field(default_factory=dict)


@dataclass(frozen=True)
class CoquiCurves:
    """Row → values, for training and for evaluation, and each row's global step."""

    train: Mapping[int, Values]
    held_out: Mapping[int, Values]
    steps: Mapping[int, int]


def read_curves(folder: Path) -> CoquiCurves:
    """What the log says, made exact by TensorBoard's events where they tell the same epochs."""
    log = folder / LOG
    epochs = parse_log(log.read_text(encoding="utf-8", errors="replace")) if log.is_file() else []
    train, held_out = (_by_step(read_events(folder), s) for s in ("TrainEpochStats", "EvalStats"))
    return _merge(epochs, train, held_out) if epochs else _events_alone(train, held_out)


def parse_log(text: str) -> list[Epoch]:
    """The epochs of a `trainer_0_log.txt`; an epoch that was cut off keeps what it had."""
    epochs: list[Epoch] = []
    section = ""
    for line in _COLOUR.sub("", text).splitlines():
        if start := _EPOCH.search(line):
            epochs.append(Epoch(int(start[1])))
            section = ""
        elif not epochs:
            continue
        elif "> TRAINING" in line:
            section, epochs[-1].trained = "train", True
        elif "> EVALUATION" in line:
            section = "steps of an evaluation"
        elif "EVAL PERFORMANCE" in line:
            section = "held_out"
        elif step := _STEP.search(line):
            epochs[-1].step = int(step[3] or epochs[-1].step)
        elif section in ("train", "held_out") and (value := _VALUE.search(line)):
            _note(epochs[-1], section, value)
    return epochs


def read_events(folder: Path) -> dict[str, dict[int, float]]:
    """TensorBoard scalar → {global step: value}, over all event files of the folder."""
    files = sorted(folder.glob(_EVENTS))
    if not files:
        return {}
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found: dict[str, dict[int, float]] = {}
    for file in files:
        events = EventAccumulator(str(file), size_guidance={"scalars": 0})
        events.Reload()
        for tag in events.Tags()["scalars"]:
            found.setdefault(tag, {}).update({e.step: e.value for e in events.Scalars(tag)})
    return found


def _note(epoch: Epoch, section: str, found: re.Match[str]) -> None:
    """Of a training step the mean so far, of an evaluation the mean."""
    name, value = found[1].removeprefix("avg_"), found[3] if section == "train" else found[2]
    if value is None:
        return
    try:
        getattr(epoch, section)[name] = float(value)
    except ValueError:  # a line that only looks like a value
        return


def _by_step(events: Mapping[str, Mapping[int, float]], scope: str) -> dict[int, Values]:
    """Global step → losses of one scope, `TrainEpochStats/avg_loss` as `loss`."""
    steps: dict[int, Values] = {}
    for tag, history in events.items():
        folder, _, name = tag.rpartition("/")
        if folder == scope:
            for step, value in history.items():
                steps.setdefault(step, {})[name.removeprefix("avg_")] = value
    return dict(sorted(steps.items()))


def _merge(
    epochs: list[Epoch], train: dict[int, Values], held_out: dict[int, Values]
) -> CoquiCurves:
    """Rows of the log's epochs; the events of a kind replace its values if they are as many."""
    first = epochs[0]
    shift = 0 if first.held_out and not first.trained else 1
    trained = [epoch for epoch in epochs if epoch.trained and (epoch.train or epoch.held_out)]
    evaluated = [epoch for epoch in epochs if epoch.held_out]
    rows_train = {epoch.number + shift: epoch.train for epoch in trained if epoch.train}
    rows_held = {epoch.number + shift: epoch.held_out for epoch in evaluated}
    steps = {epoch.number + shift: epoch.step for epoch in trained}
    if len(train) == len(trained):
        rows = [epoch.number + shift for epoch in trained]
        rows_train = dict(zip(rows, train.values(), strict=True))
        steps = dict(zip(rows, train, strict=True))
    if len(held_out) == len(evaluated):
        rows_held = dict(zip(rows_held, held_out.values(), strict=True))
    return CoquiCurves(rows_train, rows_held, steps)


def _events_alone(train: dict[int, Values], held_out: dict[int, Values]) -> CoquiCurves:
    """Without a log the n-th end of a training epoch is row n."""
    rows = {step: row for row, step in enumerate(train, 1)}
    return CoquiCurves(
        {rows[step]: values for step, values in train.items()},
        {_row_of(step, rows): values for step, values in held_out.items()},
        {row: step for step, row in rows.items()},
    )


def _row_of(step: int, rows: Mapping[int, int]) -> int:
    done: Iterable[int] = (row for end, row in rows.items() if end <= step)
    return max(done, default=0)


@dataclass(frozen=True)
class Weights:
    """By what Coqui multiplied each loss before it logged it."""

    text: float = 0.01
    mel: float = 1.0


def weights_of(config: Mapping[str, Any]) -> Weights:
    """The loss weights of a `config.json`; Coqui's defaults where it has none."""
    found = config.get("model_args") or {}
    return Weights(
        float(found.get("gpt_loss_text_ce_weight") or Weights.text),
        float(found.get("gpt_loss_mel_ce_weight") or Weights.mel),
    )


def metric_rows(curves: CoquiCurves, weights: Weights) -> dict[int, dict[str, float]]:
    """Row → our metrics: text and mel in nats per token, the total never divided."""
    rows: dict[int, dict[str, float]] = {}
    for part, table in (("train", curves.train), ("eval", curves.held_out)):
        for row, values in table.items():
            rows.setdefault(row, {}).update(_losses(part, values, weights))
    for row, values in curves.train.items():
        if values.get("grad_norm"):  # Coqui logs 0 where it does not clip
            rows[row]["grad_norm"] = values["grad_norm"]
        if "current_lr" in values:
            rows[row]["lr"] = values["current_lr"]
    return dict(sorted(rows.items()))


def accumulation(curves: CoquiCurves) -> int:
    """By how much the logged training totals were divided: 1, 2, … steps of accumulation.

    The parts are logged whole and the total divided, so their ratio tells; 1 where it cannot.
    """
    ratios = [
        (values["loss_text_ce"] + values["loss_mel_ce"]) / values["loss"]
        for values in curves.train.values()
        if {"loss", "loss_text_ce", "loss_mel_ce"} <= values.keys() and values["loss"] > 0
    ]
    usable = [ratio for ratio in ratios if math.isfinite(ratio)]
    return max(1, round(median(usable))) if usable else 1


def params_of(config: Mapping[str, Any], accumulated: int) -> dict[str, Any]:
    """Our flat parameters, as far as Coqui's configuration has their like."""
    found = {ours: _at(config, theirs) for ours, theirs in _PARAMS.items()}
    arguments = {name: f"model_args.{theirs}" for name, theirs in ARCHITECTURE.items()}
    found |= {f"model.architecture.{name}": _at(config, at) for name, at in arguments.items()}
    found["trainer.accumulate_grad_batches"] = accumulated
    found["loss.mask"] = "coqui"
    if not found["trainer.gradient_clip_val"]:
        found["trainer.gradient_clip_val"] = "None"  # Coqui's 0.0 does not clip
    return {name: value for name, value in found.items() if value is not None}


def _losses(part: str, values: Values, weights: Weights) -> dict[str, float]:
    text, mel = values.get("loss_text_ce"), values.get("loss_mel_ce")
    found = {}
    if text is not None:
        found[f"{part}/text_ce_weighted"] = text
        found[f"{part}/text_ce"] = text / weights.text
    if mel is not None:
        found[f"{part}/mel_ce"] = mel / weights.mel
    if text is not None and mel is not None:
        found[f"{part}/total"] = text + mel
    return found


def _at(config: Mapping[str, Any], dotted: str) -> Any:
    node: Any = config
    for key in dotted.split("."):
        node = node.get(key) if isinstance(node, Mapping) else None
    return node
