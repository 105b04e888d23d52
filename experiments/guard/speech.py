"""The small base after the demo voice, as both experiments on the guard speak with it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from xttslab.model.voice import Speaking
from xttslab.speaking.loading import load_base
from xttslab.speaking.speaker import Speaker

ROOT = Path(__file__).parents[2]


@cache
def _config() -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        return compose("say", overrides=["dataset=demo_milliomos", "out=unused.wav"])


def base_speaker() -> Speaker:
    """The packaged base; its categories are those of the prepared demo quiz show."""
    config = _config()
    return load_base(config.model, config.weights, config.language, config.dataset)


def usual_settings(seed: int) -> Speaking:
    """How the product speaks, with a seed."""
    return replace(instantiate(_config().settings), seed=seed)


def texts(count: int) -> list[str]:
    """Sentences that the base has not learned from: held-out ones, then those of the evaluation
    and of the demo's interviews."""
    held_out = (ROOT / "experiments/mini_base/texts_held_out.txt").read_text(encoding="utf-8")
    sentences = OmegaConf.to_container(OmegaConf.load(ROOT / "conf/sentences/quiz_show.yaml"))
    rows = (ROOT / "xttslab/assets/demo/demo_blikk/metadata.csv").read_text(encoding="utf-8")
    interviews = [row.split("|")[1] for row in rows.splitlines()[1:]]
    quiz = [text for group in sentences.values() for text in group]
    found = dict.fromkeys([*held_out.split("\n"), *quiz, *interviews])
    return [text.strip() for text in found if len(text.strip()) > 20][:count]
