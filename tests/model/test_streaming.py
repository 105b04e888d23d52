"""A sentence that is decoded in chunks has the samples of the whole sentence, joins included."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.conftest import sampling
from xttslab.model.decoder import HOP, MiniDecoder, XttsDecoder
from xttslab.model.hifigan_frames import HifiganFrames
from xttslab.model.sampling import Generated
from xttslab.model.streaming import (
    FIRST_FRAMES,
    SentenceStream,
    WaveStream,
    settled,
)
from xttslab.model.voice import Speaking, Voice

DIM = 16


def hifigan() -> XttsDecoder:
    """XTTS's own kernels and strides, on few channels."""
    torch.manual_seed(0)
    decoder = XttsDecoder(
        decoder_input_dim=DIM, upsample_initial_channel_decoder=16, d_vector_dim=8
    )
    return decoder.eval()


def source_filter(latent_dim: int = DIM) -> MiniDecoder:
    torch.manual_seed(0)
    decoder = MiniDecoder(latent_dim, width=16, blocks=3, speaker_dim=8, speaker_width=16)
    torch.nn.init.normal_(decoder.pitch.weight, std=0.05)  # a melody, as a trained one has
    return decoder.eval()


@pytest.fixture(scope="module", params=[hifigan, source_filter])
def decoder(request) -> XttsDecoder | MiniDecoder:
    return request.param()


def streamed(decoder, latents: torch.Tensor, speaker: torch.Tensor, speed: float) -> list:
    stream = WaveStream(decoder, speaker, speed)
    codes = range(1, len(latents) + 1)
    return [
        stream.push(latents[:k], k == len(latents))
        for k in codes
        if k == len(latents) or stream.ready(k)
    ]


@pytest.mark.parametrize("speed", [1.0, 1.25, 0.8, 0.99])
def test_chunks_are_exactly_the_whole(decoder, speed: float) -> None:
    torch.manual_seed(1)
    latents, speaker = torch.randn(75, DIM), torch.randn(8, 1)
    chunks = streamed(decoder, latents, speaker, speed)
    settings = Speaking(sampling(), speed=speed, trim_babble=False)
    voice = Voice(None, None, decoder, None)
    whole = voice.decode(
        Generated(torch.zeros(75), latents, torch.zeros(75), False), speaker, settings
    )
    together = torch.cat(chunks).numpy()
    assert together.shape == whole.shape
    error = np.abs(together - whole).max() / np.abs(whole).max()
    assert 20 * np.log10(error + 1e-12) < -50
    assert len(chunks) >= 4
    assert FIRST_FRAMES * HOP <= len(chunks[0]) <= (FIRST_FRAMES + 6) * HOP
    assert all(len(b) >= len(a) for a, b in pairwise(chunks[:-1]))


def test_a_sentence_that_ends_before_what_was_taken_is_that_of_the_shorter_one() -> None:
    decoder = hifigan()
    torch.manual_seed(1)
    frames, speaker = torch.randn(1, DIM, 40), torch.randn(1, 8, 1)
    stream = HifiganFrames(decoder, speaker)
    with torch.no_grad():
        begun = stream.wave(frames, 0, 20, 41)  # has seen 34 frames
        rest = stream.wave(frames[:, :, :30], 20, 30, 30)
        whole = decoder.waveform_decoder(frames[:, :, :30], g=speaker).flatten()
    torch.testing.assert_close(rest, whole[20 * HOP :], atol=1e-5, rtol=1e-4)
    assert len(begun) == 20 * HOP


def test_xtts_reaches_14_frames_and_sounds_after_6_codes() -> None:
    decoder = hifigan()
    stream = HifiganFrames(decoder, torch.zeros(1, 8, 1))
    assert stream.reach == 14
    waves = WaveStream(decoder, torch.zeros(8, 1))
    assert [waves.ready(codes) for codes in (5, 6)] == [False, True]


def test_the_frames_of_xtts_are_those_of_coqui() -> None:
    decoder, latents, speaker = hifigan(), torch.randn(1, 9, DIM), torch.randn(1, 8, 1)
    with torch.no_grad():
        ours = decoder.waveform_decoder(decoder.frames(latents), g=speaker)
        torch.testing.assert_close(ours, decoder(latents, g=speaker))


@pytest.mark.parametrize("scale", [4.0, 24000 / 22050, 0.8, 1.25])
def test_settled_places_do_not_change_when_values_follow(scale: float) -> None:
    values = torch.randn(1, 1, 40)

    def stretch(count: int) -> torch.Tensor:
        part = values[:, :, :count]
        return torch.nn.functional.interpolate(part, scale_factor=scale, mode="linear")[0, 0]

    for count in (12, 13, 20):  # fewer come out as many at 24000 / 22050, copied unstretched
        known = settled(count, scale)
        torch.testing.assert_close(stretch(count)[:known], stretch(40)[:known])
        assert stretch(count)[known:].numel() <= 1 + scale


def test_a_pause_is_kept_back_until_sound_follows_and_babble_is_not_given() -> None:
    decoder, speaker = source_filter(), torch.randn(8, 1)
    latents = torch.randn(90, DIM)
    stops = torch.zeros(90)
    stops[60] = 0.7  # sure, though another code was drawn
    spoken = Generated(torch.zeros(90), latents, stops, False)
    settings = Speaking(sampling())
    stream, given = SentenceStream(decoder, speaker, settings), []
    for codes in range(1, 91):
        if stream.ready(codes):
            part = Generated(spoken.codes[:codes], latents[:codes], stops[:codes], False)
            given.append(stream.push(part, False))
        if stream.over:
            break
    assert 61 <= codes < 90
    whole = Voice(None, None, decoder, None).decode(spoken, speaker, settings)
    np.testing.assert_allclose(np.concatenate(given), whole, atol=2e-3 * np.abs(whole).max())
