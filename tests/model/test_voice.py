"""From text tokens and a recording to a waveform, as Coqui's `Xtts` does it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from TTS.tts.models.xtts import Xtts

from tests.conftest import sampling
from tests.model.test_sampling import TINY, build
from xttslab.errors import UserError
from xttslab.model.codec import Codec
from xttslab.model.decoder import MiniDecoder
from xttslab.model.gpt import XttsGpt
from xttslab.model.sampling import Generated
from xttslab.model.voice import Speaking, Voice, likely_codes


@pytest.fixture(scope="module")
def voice() -> Voice:
    _, gpt = build(TINY)
    torch.manual_seed(5)
    codec = Codec(torch.linspace(1.0, 3.0, 80), hidden=16, codebook_dim=8, codes=32, blocks=1)
    decoder = MiniDecoder(latent_dim=64, width=32, blocks=1, speaker_dim=16, speaker_width=16)
    return Voice(gpt, codec, decoder.eval(), likely=lambda tokens: 2.0 * tokens)


@pytest.fixture(scope="module")
def recording() -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=9 * 22050)
    return (0.1 * noise).astype(np.float32)


def test_prompt_latents_equal_coqui(voice: Voice, recording: np.ndarray) -> None:
    """Coqui's own method over chunks, bound to our parts: 9 s in chunks of 4 s, the last of 1 s."""

    class Stand:
        gpt, mel_stats, device = voice.gpt, voice.codec.mel_stats, "cpu"

        class args:
            gpt_use_perceiver_resampler = True

    expected = Xtts.get_gpt_cond_latents(
        Stand(), torch.from_numpy(recording)[None], 22050, length=30, chunk_length=4
    )
    latents, speaker = voice.reference([recording], seconds=30, chunk_seconds=4)
    torch.testing.assert_close(latents, expected[0], atol=1e-4, rtol=1e-4)
    assert speaker.shape == (16, 1)
    assert speaker.norm().item() == pytest.approx(1.0, abs=1e-5)


def test_speaks_each_sentence_at_its_length(voice: Voice, recording: np.ndarray) -> None:
    latents, speaker = voice.reference([recording])
    texts = [[5, 6, 7], [11] * 12]
    settings = Speaking(sampling(repetition_penalty=2.0), trim_babble=False)
    waves = voice.speak(texts, [latents, latents], [speaker, speaker], settings)
    for text, wave in zip(texts, waves, strict=True):
        assert wave.dtype == np.float32
        assert 0 < len(wave) <= int(4 * voice.limit(len(text)) * 24000 / 22050) * 256
    alone = voice.speak(texts[:1], [latents], [speaker], settings)[0]
    np.testing.assert_allclose(alone, waves[0], atol=1e-4)


def test_speed_stretches_time(voice: Voice) -> None:
    spoken = Generated(torch.zeros(40), torch.randn(40, 64), torch.zeros(40), ended=False)
    speaker = torch.nn.functional.normalize(torch.randn(16, 1), dim=0)
    usual, fast = (
        len(voice.decode(spoken, speaker, Speaking(sampling(), speed=s))) for s in (1.0, 1.25)
    )
    assert fast / usual == pytest.approx(0.8, abs=0.02)


def test_limit_is_twice_the_likely_length_and_never_past_the_positions(voice: Voice) -> None:
    assert voice.limit(10) == 40
    assert voice.limit(39) == voice.gpt.max_gen_mel_tokens == 87
    assert voice.limit(0) == 1
    # 33 letters, 20 tokens of XTTS-v2's vocabulary, take about three seconds of 21.5 codes each.
    assert likely_codes(20, per_token=2.7) == 64.0


def test_too_short_a_reference_is_refused(voice: Voice) -> None:
    with pytest.raises(UserError, match=r"the reference has 0\.20 s, XTTS needs 0\.33 s"):
        voice.reference([np.zeros(4410, dtype=np.float32)])


def test_the_model_is_never_used_in_training_mode(voice: Voice, recording: np.ndarray) -> None:
    latents, speaker = voice.reference([recording])
    gpt: XttsGpt = voice.gpt
    gpt.train()
    with pytest.raises(ValueError, match="eval mode"):
        voice.speak([[1, 2]], [latents], [speaker], Speaking(sampling()))
    gpt.eval()
