"""The decoder's training: cuts that line up, distances in nats, a loss that falls."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from torch.utils.data import DataLoader

from xttslab.data.pitch import NO_PITCH, Pitch
from xttslab.data.segments import DecoderSegments, LatentClip, SegmentOrder
from xttslab.model.decoder import MiniDecoder
from xttslab.training.decoder_stage import DecoderStage, Discriminator, SpectralLoss
from xttslab.training.optim import constant

CODES = 8


@pytest.fixture(scope="module")
def clips() -> list[LatentClip]:
    """Three voices of two clips; a latent says the pitch that is heard at its time."""
    random = np.random.default_rng(0)
    made = []
    for number in range(6):
        pitches = random.uniform(150, 400, 20) * (1 + number // 2)
        latents = np.stack([np.sin(pitches / 40), np.cos(pitches / 40)] * 4, axis=1)
        phase = {
            rate: 2 * np.pi * np.cumsum(np.repeat(pitches, round(1024 * rate / 22050))) / rate
            for rate in (22050, 24000)
        }
        waves = {rate: (8000 * np.sin(p)).astype(np.int16) for rate, p in phase.items()}
        made.append(
            LatentClip(
                latents.astype(np.float16), waves[24000], waves[22050], track(pitches), number // 2
            )
        )
    return made


def track(pitches: np.ndarray) -> Pitch:
    """The pitch of each code's 46 ms, every 5 ms."""
    seconds = np.arange(0.0025, 20 * 1024 / 22050, 0.005)
    return Pitch(seconds, pitches[(seconds * 22050 / 1024).astype(int)])


def test_a_cut_of_latents_and_its_sound_are_of_one_time(clips: list[LatentClip]) -> None:
    crops = DecoderSegments(clips, range(6), CODES, 4096, 256)
    for chance in (0.0, 0.37, 0.9):
        cut = crops[2, chance]
        assert cut.latents.shape == (CODES, 8)
        rows = clips[2].latents.astype(np.float32)
        first = next(i for i in range(13) if np.array_equal(rows[i], cut.latents[0].numpy()))
        start = round(first * 1024 * 24000 / 22050)
        expected = clips[2].speech[start : start + len(cut.wave)] / 32768
        np.testing.assert_allclose(cut.wave.numpy(), expected, atol=1e-6)
        assert len(cut.wave) == round(CODES * 1024 * 24000 / 22050)
        assert len(cut.pitch) == len(cut.wave) // 256
        middles = (start + 256 * np.arange(len(cut.pitch)) + 128) / 24000
        nearest = np.abs(clips[2].pitch.seconds[:, None] - middles).argmin(axis=0)
        away = np.abs(cut.pitch.numpy() - clips[2].pitch.hertz[nearest])
        assert np.median(away) < 1.0  # but where one code's pitch gives way to the next one's


def test_the_reference_is_another_clip_of_the_voice(clips: list[LatentClip]) -> None:
    cut = DecoderSegments(clips, range(6), CODES, 4096, 256)[3, 0.5]
    other = clips[2].wave / np.float32(32768)
    windows = np.lib.stride_tricks.sliding_window_view(other, 4096)
    assert (np.abs(windows - cut.reference.numpy()).max(axis=1) < 1e-6).any()
    assert cut.voice.item() == 1


def test_clips_shorter_than_a_cut_end_in_silence(clips: list[LatentClip]) -> None:
    short = LatentClip(clips[0].latents[:3], clips[0].speech, clips[0].wave[:1000], NO_PITCH, 7)
    cut = DecoderSegments([short], [0], CODES, 4096, 256)[0, 0.2]
    assert not cut.latents[3:].any()
    assert not cut.wave[round(3 * 1024 * 24000 / 22050) :].any()
    assert cut.wave[:3000].abs().max() > 0.1
    assert cut.reference.shape == (4096,)


def test_distances_are_in_nats_and_zero_for_the_same_sound() -> None:
    torch.manual_seed(0)
    loss, wave = SpectralLoss(), 0.1 * torch.randn(2, 12000)
    same = loss(wave, wave)
    assert same["mel"].item() == same["convergence"].item() == same["bins"].item() == 0.0
    half = loss(wave / 2, wave)
    assert half["mel"].item() == pytest.approx(math.log(2), abs=0.01)
    assert half["convergence"].item() == pytest.approx(0.5, abs=0.01)
    assert half["bins"].item() == pytest.approx(math.log(2), abs=0.01)
    other = loss(0.1 * torch.randn(2, 12000), wave)
    assert other["bins"].item() == pytest.approx(0.7, abs=0.05)


def test_silence_has_finite_gradients() -> None:
    made = torch.zeros(1, 8192, requires_grad=True)
    parts = SpectralLoss()(made, torch.zeros(1, 8192))
    (parts["mel"] + parts["convergence"]).backward()
    assert torch.isfinite(made.grad).all()


def small_decoder() -> MiniDecoder:
    return MiniDecoder(latent_dim=8, width=32, blocks=2, speaker_dim=8, speaker_width=16)


def stage_of(adv_weight: float = 0.0, decoder: MiniDecoder | None = None) -> DecoderStage:
    torch.manual_seed(1)
    decoder = decoder or small_decoder()
    optimizer = partial(torch.optim.AdamW, lr=3e-3)
    return DecoderStage(
        decoder,
        optimizer,
        constant,
        seed=7,
        mel_weight=1.0,
        convergence_weight=1.0,
        bins_weight=0.3,
        pitch_weight=1.0,
        adv_weight=adv_weight,
    )


def fit(stage: DecoderStage, clips: list[LatentClip], epochs: int) -> dict[str, float]:
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=epochs,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    loaders = [
        DataLoader(
            DecoderSegments(clips, rows, CODES, 4096, 256),
            batch_size=5,
            sampler=SegmentOrder(len(rows), repeats=times, seed=3, fixed=fixed),
        )
        for rows, times, fixed in ((range(5), 4, False), (range(5, 6), 2, True))
    ]
    trainer.fit(stage, *loaders)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def test_training_lowers_the_held_out_distance(clips: list[LatentClip]) -> None:
    stage = stage_of()
    start = fit(stage, clips, epochs=1)
    end = fit(stage, clips, epochs=8)
    assert end["eval/mel"] < 0.8 * start["eval/mel"]


def test_noise_is_drawn_anew_for_every_cut_that_it_learns_from(clips: list[LatentClip]) -> None:
    decoder = small_decoder()
    stage = stage_of(decoder=decoder.eval())  # as a base brings it
    heard = []

    def note(source, inputs, wave) -> None:
        heard.append((stage.training, source.training, stage.decoder.speaker_encoder.training))

    stage.decoder.source.register_forward_hook(note)
    fit(stage, clips, epochs=2)
    assert set(heard) == {(True, True, False), (False, False, False)}
    cut = DecoderSegments(clips, range(6), CODES, 4096, 256)[0, 0.5]
    inputs = cut.latents[None], torch.zeros(1, 8, 1)
    decoder.train()
    assert not torch.equal(decoder(*inputs), decoder(*inputs))
    decoder.eval()
    assert torch.equal(decoder(*inputs), decoder(*inputs))


def test_a_frozen_speaker_encoder_stays_as_it_was(clips: list[LatentClip]) -> None:
    stage = stage_of()
    before = [p.clone() for p in stage.decoder.speaker_encoder.parameters()]
    found = fit(stage, clips, epochs=1)
    after = list(stage.decoder.speaker_encoder.parameters())
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
    assert not {"train/discriminator", "train/adversarial", "train/feature_matching"} & set(found)


def test_a_discriminator_learns_beside_the_decoder_and_is_not_kept(clips: list[LatentClip]) -> None:
    stage = stage_of(adv_weight=0.1)
    start = fit(stage, clips, epochs=1)
    end = fit(stage, clips, epochs=5)
    assert end["train/discriminator"] < start["train/discriminator"]
    assert math.isfinite(end["train/adversarial"] + end["train/feature_matching"])
    assert all(name.startswith("hifigan_decoder.") for name in stage.trained_weights())
    assert any(name.startswith("discriminator.") for name in stage.state_dict())


def test_a_discriminator_does_not_scale_the_gradient_of_the_decoder() -> None:
    stage = stage_of(adv_weight=0.1)
    optimizer = torch.optim.SGD(stage.learning.parameters())
    large, small = stage.discriminator.resolutions[0].score.bias, stage.decoder.envelopes.bias
    large.grad, small.grad = torch.full_like(large, 100.0), torch.zeros_like(small)
    small.grad[0] = 0.5
    stage.configure_gradient_clipping(optimizer, gradient_clip_val=1.0)
    assert small.grad[0].item() == 0.5  # within its limit, so as it was
    assert large.grad.norm().item() == pytest.approx(1.0)
    assert stage.gradients.epoch_means() == {
        "grad_norm": 0.5,
        "grad_clipped": 0.0,
        "grad_norm_discriminator": pytest.approx(100.0),
        "grad_clipped_discriminator": 1.0,
    }


RATE = 24_000


def hum(seed: int) -> torch.Tensor:
    """A buzz in soft noise (2, N)."""
    torch.manual_seed(seed)
    time = torch.arange(RATE // 2) / RATE
    return 0.1 * torch.sign(torch.sin(2 * torch.pi * 150 * time)) + 0.01 * torch.randn(2, len(time))


@pytest.mark.parametrize("name", ["adversarial", "feature_matching"])
def test_the_decoders_losses_reach_the_waves_alone_and_its_own_the_discriminator(name) -> None:
    discriminator, made = Discriminator(), hum(0).requires_grad_()
    discriminator.losses(made, hum(1))[name].backward()
    assert made.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in discriminator.parameters())
    made.grad = None
    discriminator.losses(made, hum(1))["discriminator"].backward()
    assert made.grad is None
    assert all(parameter.grad.abs().max() > 0 for parameter in discriminator.parameters())


def test_it_learns_to_tell_noise_from_a_buzz() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator()
    optimiser = torch.optim.AdamW(discriminator.parameters(), 2e-3)
    losses = []
    for step in range(25):
        loss = discriminator.losses(0.1 * torch.randn(2, RATE // 2), hum(step))["discriminator"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.1 * losses[0]


def chords(seed: int, rise: float) -> torch.Tensor:
    """Six tones of any pitch and level (4, N) that come and go six times a second, each by itself
    and within about `rise` seconds."""
    torch.manual_seed(seed)
    time = torch.arange(RATE // 2) / RATE
    tones = torch.sin(2 * torch.pi * (200 + 3000 * torch.rand(4, 6, 1)) * time)
    turn = torch.sin(2 * torch.pi * 6 * (time + torch.rand(4, 6, 1)))
    loudness = torch.exp(1.5 * torch.randn(4, 6, 1)) * (0.02 + (turn / (25 * rise)).sigmoid())
    return 0.02 * (loudness * tones).sum(1) + 0.002 * torch.randn(4, len(time))


def test_it_soon_tells_sounds_that_begin_too_gently_however_they_vary() -> None:
    torch.manual_seed(0)
    discriminator = Discriminator()
    optimiser = torch.optim.AdamW(discriminator.parameters(), 1e-3, betas=(0.8, 0.99))
    losses = []
    for step in range(100):
        loss = discriminator.losses(chords(1000 + step, 0.02), chords(step, 0.008))["discriminator"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < 0.42  # 0.5 is chance, and where levels alone lead


def test_silence_has_finite_features_and_gradients() -> None:
    made = torch.zeros(1, 8192, requires_grad=True)
    distances = Discriminator().losses(made, torch.zeros(1, 8192))
    sum(distances.values()).backward()
    assert torch.isfinite(made.grad).all()
