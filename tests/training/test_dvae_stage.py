"""A small DVAE trained on tones: the stages of its training, its codes, its metrics."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint

from xttslab.data.segments import WholeClip, clip_loaders
from xttslab.model.codec import Codec
from xttslab.training.dvae_stage import DvaeStage
from xttslab.training.optim import constant

LONG = 24 * 1024
TONES = 24


@pytest.fixture(scope="module")
def waves() -> list[np.ndarray]:
    """Tones of 24 pitches with moving loudness."""
    time = np.arange(LONG) / 22050
    random = np.random.default_rng(0)
    made = [
        0.2 * np.sin(2 * np.pi * pitch * time) * (1 + np.sin(2 * np.pi * (2 + i % 5) * time))
        for i, pitch in enumerate(np.linspace(100, 3000, TONES))
    ]
    return [(wave + random.normal(0, 0.002, len(wave))).astype(np.float32) for wave in made]


def stage_of(codec: Codec, waves: list[np.ndarray], plain_steps: int) -> DvaeStage:
    return DvaeStage(
        codec,
        waves,
        partial(torch.optim.AdamW, lr=2e-3),
        constant,
        seed=7,
        plain_steps=plain_steps,
        commitment=0.25,
        revive_every=10,
    )


def fit(stage: DvaeStage, waves: list[np.ndarray], epochs: int) -> list[dict[str, float]]:
    seen: list[dict[str, float]] = []

    class Watch(Checkpoint):  # these hooks run after the module's own
        def on_train_epoch_end(self, trainer, pl_module) -> None:
            seen.append({k: float(v) for k, v in trainer.callback_metrics.items()})

    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[Watch()],
    )
    clips = [WholeClip(wave, np.array([i % TONES])) for i, wave in enumerate(waves)]
    loaders = clip_loaders(clips[4:], clips[:4], batch_codes=256, passes=4, seed=1)
    trainer.fit(stage, *loaders)
    return seen


def tiny() -> Codec:
    torch.manual_seed(0)
    return Codec(torch.ones(80), hidden=16, codebook_dim=8, codes=64, blocks=1)


def test_training_from_nothing_lowers_the_error_and_uses_many_codes(waves) -> None:
    codec = tiny()
    codec.fit(waves[4:])
    seen = fit(stage_of(codec, waves[4:], plain_steps=20), waves, epochs=6)
    assert seen[-1]["eval/mel_l1"] < 0.6 * seen[0]["eval/mel_l1"]
    assert 8 < seen[-1]["eval/perplexity"] <= seen[-1]["eval/codes_used"] <= 64
    assert "train/commitment" not in seen[0]  # the first epoch had no codebook
    assert seen[-1]["train/commitment"] > 0
    assert not codec.dvae.training
    assert not codec.dvae.codebook.training


def test_fine_tuning_keeps_the_codebook_in_place_and_learns(waves) -> None:
    codec = tiny()
    codec.fit(waves[4:])
    before = codec.dvae.codebook.embed.clone()
    fingerprint = codec.fingerprint
    seen = fit(stage_of(codec, waves[4:], plain_steps=0), waves, epochs=2)
    assert seen[-1]["train/mel_l1"] < seen[0]["train/mel_l1"]
    assert codec.fingerprint != fingerprint
    assert (codec.dvae.codebook.embed - before).abs().max() > 0


def test_codes_that_nobody_uses_are_set_to_what_the_encoder_gives(waves) -> None:
    codec = tiny()
    stage = stage_of(codec, waves, plain_steps=0)
    stage.revive_every = 1
    vectors = torch.arange(5 * 8, dtype=torch.float32).view(1, 5, 8)
    codes = torch.tensor([[0, 1, 2, 3, 4]])
    kept = codec.dvae.codebook.embed[:, :5].clone()
    stage._revive(vectors, codes)
    book = codec.dvae.codebook.embed
    assert torch.equal(book[:, :5], kept)
    revived = {tuple(column.tolist()) for column in book[:, 5:10].T}
    assert revived == {tuple(vector.tolist()) for vector in vectors[0]}
    assert int(stage.uses.sum()) == 0
