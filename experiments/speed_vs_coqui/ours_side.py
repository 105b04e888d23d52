"""A task in, what a step of our trainer costs out: the shipped configuration under Lightning."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from experiments.speed_vs_coqui.measuring import ROOT, StepClock, Task, architecture, gemm_rates
from xttslab.data.codes import fill_store
from xttslab.data.corpus import load_corpus
from xttslab.data.datamodule import BatchSettings, ClipData
from xttslab.model.adapters import add_lora
from xttslab.model.base import build_base
from xttslab.training.gpt_stage import GptStage
from xttslab.training.optim import train_adapters
from xttslab.training.start import quiet_libraries

CONF = ROOT / "conf"


class Timed(pl.Callback):
    """Times every batch, from its reading on."""

    def __init__(self, clock: StepClock) -> None:
        self.clock, self.tokens = clock, 0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.tokens = batch.order.numel()
        self.clock.start()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.clock.stop()


def main(task: Task) -> None:
    torch.set_num_threads(task.threads)
    quiet_libraries()
    pl.seed_everything(7, verbose=False)
    config = composed(task)
    rates = gemm_rates(task.device, task.size)
    with tempfile.TemporaryDirectory() as folder:
        stage, data = build(config, Path(folder))
        if task.compiled:
            stage.gpt.compile()
        timed = Timed(StepClock(task.device))
        trainer = pl.Trainer(
            accelerator="gpu" if task.device.startswith("cuda") else "cpu",
            devices=1,
            precision=task.precision,
            max_steps=task.steps + 1,
            gradient_clip_val=config.trainer.gradient_clip_val,
            limit_val_batches=0,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            callbacks=[timed],
        )
        trainer.fit(stage, data)
    print(json.dumps({**timed.clock.summary(timed.tokens), **rates}))


def composed(task: Task) -> object:
    """The shipped configuration at a size, on the task's clips."""
    chosen = [
        f"adapter={task.adapter}",
        "weights=random",
        *architecture(task.size),
        f"model.recompute={task.recompute}",
        f"model.attention_dropout={task.attention_dropout}",
        "dataset.language=en",
        f"+dataset.sources.speed='{task.clips}'",
        "~dataset.sources.milliomos",
        "batch.train_eval_clips=1",
        "batch.workers=0",
    ]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", ["dataset=milliomos", *chosen])


def build(config, folder: Path) -> tuple[GptStage, ClipData]:
    """The parts that `xttslab.training.run` builds for a run."""
    model = OmegaConf.to_container(config.model, resolve=True)
    base = build_base(**model, weights="random", seed=7)
    limits = base.gpt.clip_limits
    sources = config.dataset.sources
    corpus = load_corpus(
        "speed", sources, "en", base.tokenizer, limits, folder / "hashes.json", None
    )
    assert not corpus.rejected, corpus.rejected[0]  # both sides must train on the same clips
    if config.adapter.name == "lora":
        adapter = OmegaConf.to_container(config.adapter)
        add_lora(base.gpt, *(adapter[k] for k in ("rank", "alpha", "dropout", "targets")))
        train_adapters(base.gpt, adapter["also_trained"])
    store, keys = fill_store(corpus, base.codec, folder / "codes")
    settings = BatchSettings(**OmegaConf.to_container(config.batch))
    data = ClipData(corpus, base.gpt.tokens, store, keys, settings, "fixed", 7)
    optimizer = instantiate(config.optim, _convert_="all")
    scheduler = instantiate(config.scheduler, _convert_="all")
    rows = (corpus.eval, data.train_eval_rows(), corpus.other_texts)
    return GptStage(base.gpt, corpus.clips, *rows, optimizer, scheduler, 0.01, 1.0, 7), data


if __name__ == "__main__":
    main(Task(**json.loads(sys.argv[1])))
