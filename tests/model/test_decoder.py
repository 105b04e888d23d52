"""Both decoders keep one interface: lengths, speaker embeddings, gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from xttslab.model.decoder import MiniDecoder, XttsDecoder
from xttslab.model.source_filter import pulse_train


@pytest.fixture(scope="module")
def mini() -> MiniDecoder:
    torch.manual_seed(0)
    return MiniDecoder(latent_dim=24, width=32, blocks=2, speaker_dim=16, speaker_width=24).eval()


def coqui(**sizes) -> XttsDecoder:
    torch.manual_seed(0)
    return XttsDecoder(decoder_input_dim=24, upsample_initial_channel_decoder=32, **sizes).eval()


@pytest.mark.parametrize("codes", [1, 7, 30])
def test_waveforms_are_as_long_as_coquis(mini: MiniDecoder, codes: int) -> None:
    latents = torch.randn(1, codes, 24)
    theirs = coqui()(latents, g=torch.randn(1, 512, 1))
    ours = mini(latents, g=torch.randn(1, 16, 1))
    assert ours.shape == theirs.shape == (1, 1, int(4 * codes * 24000 / 22050) * 256)


def test_embeddings_are_unit_vectors_and_hear_the_voice_not_the_level(mini: MiniDecoder) -> None:
    time = torch.arange(2 * 22050) / 22050
    low, high = torch.sin(2 * torch.pi * 120 * time), torch.sin(2 * torch.pi * 900 * time)
    low, loud, high = mini.embed_speaker(torch.stack([0.3 * low, 0.6 * low, 0.3 * high])).squeeze(
        -1
    )
    assert low.norm().item() == pytest.approx(1.0, abs=1e-5)
    assert (low @ loud).item() > (low @ high).item() + 0.01
    assert XttsDecoder.embed_speaker(coqui(), 0.1 * torch.randn(1, 22050)).shape == (1, 512, 1)


def test_the_speaker_shapes_the_sound_once_trained(mini: MiniDecoder) -> None:
    """FiLM starts as the identity; a nudge of its weights lets the embedding through."""
    latents = torch.randn(1, 10, 24)
    one, other = (normalize(torch.randn(1, 16, 1), dim=1) for _ in range(2))
    torch.testing.assert_close(mini(latents, one), mini(latents, other))
    torch.nn.init.normal_(mini.blocks[0].style.weight, std=0.5)
    made = mini(latents, one)
    assert (made - mini(latents, other)).abs().max() > 1e-3 * made.std()


def test_a_few_steps_fit_a_buzz_and_its_pitch() -> None:
    torch.manual_seed(1)
    model = MiniDecoder(latent_dim=8, width=32, blocks=1, speaker_dim=4, speaker_width=8)
    latents, speaker = torch.randn(2, 12, 8), torch.randn(2, 4, 1)
    pitch = torch.full((2, 52), 220.0)
    wave = 0.1 * pulse_train(pitch, 24000, 256)
    window = torch.hann_window(512)

    def spectrum(wave: torch.Tensor) -> torch.Tensor:
        return torch.stft(wave, 512, 128, window=window, return_complex=True).abs()

    optimiser = torch.optim.AdamW(model.parameters(), 1e-2)
    losses, errors = [], []
    for _ in range(40):
        made, distances = model.training_forward(latents, speaker, pitch)
        loss = (spectrum(made[:, 0]) - spectrum(wave)).abs().mean()
        optimiser.zero_grad()
        (loss + distances["pitch"]).backward()
        optimiser.step()
        losses.append(loss.item())
        errors.append(distances["pitch"].item())
    assert losses[-1] < 0.5 * losses[0]
    assert errors[0] == pytest.approx(math.log(220 / 170), abs=1e-4)
    assert errors[-1] < 0.3 * errors[0]


def test_unvoiced_frames_teach_no_pitch(mini: MiniDecoder) -> None:
    latents, speaker = torch.randn(1, 10, 24), torch.randn(1, 16, 1)
    made, distances = mini.training_forward(latents, speaker, torch.zeros(1, 43))
    assert distances["pitch"].item() == 0.0
    torch.testing.assert_close(made, mini(latents, speaker))


def test_hifigan_has_no_pitch_of_its_own() -> None:
    made, distances = coqui().training_forward(
        torch.randn(1, 3, 24), torch.randn(1, 512, 1), torch.zeros(1, 13)
    )
    assert made.shape == (1, 1, 13 * 256)
    assert distances == {}
    assert not XttsDecoder.follows_pitch
    assert MiniDecoder.follows_pitch
