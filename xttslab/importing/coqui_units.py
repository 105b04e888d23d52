"""Coqui's logged losses and configuration in, our names and units out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from xttslab.importing.coqui_log import CoquiCurves, Values

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
