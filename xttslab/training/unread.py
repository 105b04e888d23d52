"""Refuses options that the stage does not read, impossible numbers, and inputs that are missing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf

from xttslab.data.manifest import require_folders
from xttslab.errors import UserError
from xttslab.model.weights import require_base
from xttslab.overrides import in_quotes
from xttslab.tracking.lookup import require_start

log = logging.getLogger(__name__)

_OF_GPT = (
    "adapter",
    "batch.balance",
    "batch.clips",
    "batch.eval_clips",
    "batch.max_repeats",
    "batch.max_tokens",
    "batch.prompt",
    "batch.prompt_seconds",
    "batch.train_eval_clips",
    "compile",
    "loss",
    "model.attention_dropout",
    "model.dropout",
    "model.recompute",
    "timed_steps",
    "train_only",
)
# Stage → the options, or groups of options, that it has no use for.
UNREAD: dict[str, tuple[str, ...]] = {
    "gpt": (),
    "decoder": _OF_GPT,
    "dvae": (
        *_OF_GPT,
        "batch.workers",
        "checkpoint.half",
        "checkpoint.selection",
        "evaluation.scoring",
        "samples",
    ),
}
# Option → its least value, and whether it may be that itself.
_LEAST = {
    "optim.lr": (0, False),
    "optim.weight_decay": (0, True),
    "scheduler.warmup_steps": (0, True),
    "batch.clips": (0, True),
    "batch.max_tokens": (0, True),
    "batch.eval_clips": (1, True),
    "batch.max_repeats": (1, True),
    "batch.train_eval_clips": (0, True),
    "batch.workers": (0, True),
    "checkpoint.patience": (0, True),
    "checkpoint.top_k": (1, True),
    "checkpoint.every_minutes": (0, True),
    "samples.every_n_epochs": (0, True),
    "samples.score_every_n_epochs": (0, True),
    "timed_steps": (0, True),
    "seed": (0, True),
}
# Lightning's options that a run sets itself → what is read in their place.
_OF_RUN = {
    "callbacks": "callbacks=",
    "logger": "logger=",
    "default_root_dir": "output_dir=",
    "enable_checkpointing": "checkpoint=",
    "enable_model_summary": "",
    "plugins": "",
    "reload_dataloaders_every_n_epochs": "",
}
# Option of older data sets' configurations → what it was by default, and its place today.
_MOVED = {"dataset.balance": ("none", "batch.balance")}
_BASIS = ("dataset", "model", "stage", "hardware")  # groups that set options of their own


def refuse_unread_by_stage(
    config: DictConfig, default: DictConfig, varied: Iterable[str] = ()
) -> None:
    """Raise UserError that names what `config` says otherwise than `default` and its stage does
    not read, and what a search has `varied` in vain.

    `default` is the configuration of the same data set, model, stage and hardware.
    """
    _point_at_moved(config)
    unread = UNREAD[config.stage.name]
    if not config.samples.every_n_epochs:  # no samples are wanted: so it is
        unread = tuple(name for name in unread if name != "samples")
    # references to other options are compared as they are written
    given, usual = (
        dict(_leaves(OmegaConf.to_container(some, resolve=False))) for some in (config, default)
    )
    # nought asks for nothing, and so much the stage does
    said = {name: value for name, value in given.items() if value and usual.get(name) != value}
    said |= dict.fromkeys(varied, "…")
    names = {name: value for name, value in said.items() if _within(name, unread)}
    if config.adapter.name != default.adapter.name:
        names = {name: v for name, v in names.items() if not name.startswith("adapter.")}
        names |= {"adapter": config.adapter.name} if "adapter" in unread else {}
    if names:
        listed = ", ".join(f"{name}={value}" for name, value in sorted(names.items()))
        raise UserError(f"stage={config.stage.name} does not read {listed}: leave that out")


def require_possible(config: DictConfig) -> None:
    """Raise UserError, which names the option, for a number with which nothing can be trained: said
    at once, not by a library when the model is loaded and epoch 0 is evaluated."""
    for name, read in _OF_RUN.items():
        if name in config.trainer:
            instead = f"; use {read}" if read else ""
            raise UserError(f"trainer.{name}: every run sets it itself{instead}")
    for name, (least, itself) in _LEAST.items():
        value = OmegaConf.select(config, name)
        if value is not None and not (value > least or (itself and value == least)):
            wanted = f"{least} or more" if itself else f"more than {least}"
            raise UserError(f"{name}={value}: give {wanted}")
    if not config.batch.clips and not config.batch.max_tokens:
        raise UserError("batch.clips=0 fills batch.max_tokens=, which is 0: give one of them")


def require_inputs(config: DictConfig) -> None:
    """Raise UserError for a data set, a base model or a run to start from that is not there, as far
    as the disk shows it; without a library that needs seconds to load."""
    require_folders(config.dataset.name, config.dataset.sources)
    require_base(config.model, config.weights)
    require_start(config.init_from, config.tracking.uri)


def usual_config() -> DictConfig:
    """The configuration of the running Hydra application's data set, model, stage and hardware
    where nothing else is said."""
    from hydra import compose
    from hydra.core.hydra_config import HydraConfig

    hydra = HydraConfig.get()
    chosen = {group: hydra.runtime.choices.get(group) for group in _BASIS}
    named = {group: name for group, name in chosen.items() if name not in (None, "null")}
    basis = [f"{group}={in_quotes(name)}" for group, name in named.items()]
    places = [entry for entry in hydra.overrides.hydra if entry.startswith("hydra.searchpath")]
    return compose("train", [*places, *basis])


def _point_at_moved(config: DictConfig) -> None:
    """Warn of values that an older dataset config holds and that are read elsewhere now."""
    for name, (usual, place) in _MOVED.items():
        value = OmegaConf.select(config, name)
        if value not in (None, usual, OmegaConf.select(config, place)):
            log.warning(
                "%s=%s of the data set's configuration is not read any more; give %s=%s to train",
                *(name, value, place, value),
            )


def _within(name: str, unread: Iterable[str]) -> bool:
    return any(name == part or name.startswith(f"{part}.") for part in unread)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted name and value of every option."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, f"{name}.{key}".lstrip("."))
    else:
        yield name, value
