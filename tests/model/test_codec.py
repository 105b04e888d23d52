"""Codes and mels are Coqui's, and a clip's codes do not depend on its neighbours."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from TTS.tts.layers.tortoise.arch_utils import TorchMelSpectrogram
from TTS.tts.models.xtts import wav_to_mel_cloning

from tests.conftest import spoken
from xttslab.data.audio import MEL_HOP
from xttslab.model.codec import Codec


@pytest.fixture(scope="module")
def codec() -> Codec:
    torch.manual_seed(0)
    made = Codec(torch.ones(80), hidden=16, codebook_dim=8, codes=64, blocks=1)
    made.fit([spoken(2.0, 90 + 15 * seed, seed) for seed in range(6)])
    return made


def test_mels_are_coquis(codec: Codec) -> None:
    wave = torch.from_numpy(spoken(1.3, 140, 1))[None]
    theirs = TorchMelSpectrogram(mel_norm_file=None, sampling_rate=22050)
    expected = theirs(wave) / codec.mel_stats[:, None]
    torch.testing.assert_close(codec.code_mel(wave), expected)
    style = wav_to_mel_cloning(
        wave, mel_norms=codec.mel_stats, n_fft=2048, hop_length=256, win_length=1024
    )
    torch.testing.assert_close(codec.prompt_mel(wave), style)


def test_codes_are_those_of_coquis_dvae(codec: Codec) -> None:
    wave = torch.from_numpy(spoken(1.0, 140, 1))[None]
    mel = codec.code_mel(wave)
    theirs = codec.dvae.get_codebook_indices(mel)
    assert codec.quantise(codec.encode_mel(mel)).equal(theirs)


def test_a_clip_has_the_same_codes_alone_and_among_longer_ones(codec: Codec) -> None:
    waves = [spoken(seconds, 120, seed) for seed, seconds in enumerate((0.7, 1.9, 1.2))]
    together = codec.encode(waves)
    for wave, (codes, mel) in zip(waves, together, strict=True):
        ((alone, alone_mel),) = codec.encode([wave])
        np.testing.assert_array_equal(codes, alone)
        np.testing.assert_array_equal(mel, alone_mel)
        assert len(codes) == -(-len(wave) // 1024)
        assert mel.shape == (80, 1 + len(wave) // 256)


def test_fitting_is_repeatable_and_puts_the_codebook_to_use(codec: Codec) -> None:
    torch.manual_seed(0)
    again = Codec(torch.ones(80), hidden=16, codebook_dim=8, codes=64, blocks=1)
    again.fit([spoken(2.0, 90 + 15 * seed, seed) for seed in range(6)])
    assert again.fingerprint == codec.fingerprint
    used = np.unique(
        np.concatenate([codec.encode([spoken(2, 90 + 15 * s, s)])[0][0] for s in range(6)])
    )
    assert len(used) > 40


def test_the_fingerprint_tells_codecs_apart(codec: Codec) -> None:
    before = codec.fingerprint
    codec.dvae.codebook.embed[0, 0] += 1e-3
    assert codec.fingerprint != before
    codec.dvae.codebook.embed[0, 0] -= 1e-3


def test_nothing_puts_the_codec_into_train_mode(codec: Codec) -> None:
    torch.nn.ModuleList([codec]).train()
    assert not any(module.training for module in codec.modules())
    assert not any(parameter.requires_grad for parameter in codec.parameters())


def test_decoding_gives_four_frames_a_code(codec: Codec) -> None:
    assert codec.decode_mel(torch.zeros(2, 5, dtype=torch.long)).shape == (2, 80, 20)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_mels_are_exact_under_autocast(codec: Codec, kind: torch.dtype) -> None:
    loud = torch.sin(torch.arange(8 * MEL_HOP) / 20)[None]  # powers to 260,000, over float16's
    plain = codec.code_mel(loud), codec.prompt_mel(loud)
    with torch.autocast("cpu", kind):
        cast = codec.code_mel(loud), codec.prompt_mel(loud)
    for one, other in zip(plain, cast, strict=True):
        assert other.dtype == torch.float32
        assert torch.equal(one, other)
