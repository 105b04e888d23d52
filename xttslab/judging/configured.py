"""The configuration of `python -m xttslab.evaluate` in, what it names out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.utils import instantiate

from xttslab.evaluation.clips import SpokenClip
from xttslab.evaluation.folders import read_clips
from xttslab.judging.rows import Plan
from xttslab.judging.sentences import Sentences, read_sentences
from xttslab.judging.subject import Subject, subject_of_base, subject_of_run

if TYPE_CHECKING:
    from omegaconf import DictConfig


def subject_of(config: DictConfig) -> Subject:
    """The run, or else the base beside a data set."""
    dataset = plain(config.dataset) if config.get("dataset") else None
    if config.run:
        subject = subject_of_run(config.run, config.tracking.uri, dataset)
    else:
        subject = subject_of_base(plain(config.model), config.weights, dataset)
    subject.speaker.to(config.device)
    return subject


def sentences_of(config: DictConfig, language: str) -> Sentences:
    """The configured sentences, which must be in the voice's language."""
    return read_sentences(plain(config.sentences), language)


def plan_of(config: DictConfig, language: str) -> Plan:
    """What is spoken, and beside which rows."""
    return Plan(
        sentences_of(config, language),
        list(config.seeds),
        list(config.zero_shot_seeds),
        list(config.rows),
        instantiate(config.settings),
    )


def others_of(config: DictConfig) -> list[SpokenClip]:
    """Recordings of other speakers, where a folder of them is named."""
    return read_clips(Path(config.others)) if config.others else []


def plain(config: DictConfig) -> dict[str, Any]:
    """A part of the configuration as dictionaries and lists."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(config, resolve=True)
