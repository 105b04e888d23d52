"""Babble behind the end of a sentence is cut; pauses inside it are not."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from TTS.tts.models.xtts import Xtts

from tests.conftest import sampling
from tests.model.test_generation import TINY, build
from xttslab.errors import UserError
from xttslab.model import voice as placing
from xttslab.model.codec import Codec
from xttslab.model.decoder import MiniDecoder
from xttslab.model.generation import generate
from xttslab.model.gpt import XttsGpt
from xttslab.model.sampling import Generated, Sentence
from xttslab.model.voice import (
    KEPT_CODES,
    Speaking,
    Voice,
    bfloat16_slowdown,
    finished_at,
    likely_codes,
    move_voice,
    sounding_until,
)

CODE = 1115  # samples


def sound(*parts: tuple[int, float]) -> np.ndarray:
    """Noise of so many codes at each level."""
    random = np.random.default_rng(0)
    return np.concatenate([level * random.normal(size=codes * CODE) for codes, level in parts])


def chances(codes: int, **at: float) -> np.ndarray:
    """No chance to stop but at the codes named `c12`."""
    made = np.zeros(codes)
    for name, chance in at.items():
        made[int(name[1:])] = chance
    return made


@pytest.mark.parametrize(
    ("chances", "ended", "expected"),
    [
        ([0.0, 0.1, 0.9, 0.0, 0.6], True, 2),  # sampling passed over a sure stop
        ([0.0, 0.1, 0.2, 0.0, 0.4], True, 4),  # nothing was sure: as generated
        ([0.0, 0.1, 0.4, 0.0], False, 2),  # cut off by the limit: the likeliest end
        ([0.0, 0.0, 0.01, 0.0], False, 4),  # cut off, and no end in sight
    ],
)
def test_finished_at(chances: list[float], ended: bool, expected: int) -> None:
    codes = torch.zeros(len(chances) - ended)
    spoken = Generated(codes, torch.zeros(len(chances), 1), torch.tensor(chances), ended)
    assert finished_at(spoken) == expected


def test_silence_behind_the_last_sound_is_cut() -> None:
    wave = sound((20, 0.1), (15, 1e-5))
    assert sounding_until(wave, chances(35)) == ((20 + KEPT_CODES) * CODE, False)


def test_babble_behind_a_pause_with_a_thinkable_stop_is_cut() -> None:
    wave = sound((20, 0.1), (10, 1e-5), (5, 0.1))
    assert sounding_until(wave, chances(35, c22=0.06)) == ((20 + KEPT_CODES) * CODE, True)


@pytest.mark.parametrize(
    ("pause", "stop"),
    [(10, {"c22": 0.04}), (4, {"c22": 0.4}), (10, {"c12": 0.4})],
    ids=["stopping was unthinkable", "the pause is a comma's", "the chance was not in the pause"],
)
def test_a_sentence_goes_on_after_a_pause(pause: int, stop: dict[str, float]) -> None:
    wave = sound((20, 0.1), (pause, 1e-5), (5, 0.1))
    codes = 25 + pause
    assert sounding_until(wave, chances(codes, **stop)) == (codes * CODE, False)


def test_a_mute_sentence_stays_as_it_is() -> None:
    assert sounding_until(np.zeros(5 * CODE), chances(5)) == (5 * CODE, False)


def test_all_models_move(voice: Voice) -> None:
    moved = move_voice(copy.deepcopy(voice), "meta")
    for part in (moved.gpt, moved.codec, moved.decoder):
        assert {value.device.type for value in part.state_dict().values()} == {"meta"}


def test_sixteen_bits_change_the_speech_by_rounding_alone(
    voice: Voice,
    recording: np.ndarray,
) -> None:
    halved = move_voice(copy.deepcopy(voice), "cpu", "bf16")
    assert {p.dtype for p in halved.gpt.gpt.h.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in halved.decoder.parameters()} == {torch.float32}
    latents, speaker = voice.reference([recording])
    assert torch.equal(halved.reference([recording])[0], latents)
    (whole,), (half,) = (
        generate(some.gpt, [Sentence([5, 6, 7], latents, 1)], sampling(greedy=True))
        for some in (voice, halved)
    )
    torch.testing.assert_close(half.latents.float(), whole.latents, atol=0.05, rtol=0.05)
    move_voice(halved, "cpu", "bf16")  # again: what is halved stays as it is
    (again,) = generate(halved.gpt, [Sentence([5, 6, 7], latents, 1)], sampling(greedy=True))
    assert torch.equal(again.latents, half.latents)
    (wave,) = halved.speak([[5, 6, 7]], [latents], [speaker], Speaking(sampling()))
    assert wave.dtype == np.float32
    assert np.isfinite(wave).all()


def test_a_processor_that_is_slow_in_sixteen_bits_is_refused(
    voice: Voice,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placing, "bfloat16_slowdown", lambda: 140.4)
    slow = (
        r"^precision=bf16: this processor multiplies matrices 140 times more slowly in bfloat16; "
        "use precision=float32$"
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("cpu", "auto"):
        with pytest.raises(UserError, match=slow):
            move_voice(voice, device, "bf16")
    assert {p.dtype for p in voice.gpt.parameters()} == {torch.float32}
    move_voice(voice, "cpu")


def test_the_processor_is_tried_once_by_its_fastest_products(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = torch.get_num_threads()
    seconds = {
        torch.float32: iter([9.0, 0.25, *[4.0] * 8]),
        torch.bfloat16: iter([30.0, 5.0, 3.0, *[4.0] * 7]),
    }
    bfloat16_slowdown.cache_clear()
    monkeypatch.setattr(placing, "_product_s", lambda kind: next(seconds[kind]))
    assert [bfloat16_slowdown(), bfloat16_slowdown()] == [12.0, 12.0]
    assert [list(rest) for rest in seconds.values()] == [[], []]
    bfloat16_slowdown.cache_clear()
    monkeypatch.undo()
    assert 0 < bfloat16_slowdown() < 1e4  # whatever this processor is good at
    assert torch.get_num_threads() == threads


def test_wrong_places_are_one_line(voice: Voice) -> None:
    with pytest.raises(UserError, match=r"device=nowhere: not usable here \(.*\); try device=cpu"):
        move_voice(voice, "nowhere")
    with pytest.raises(UserError, match="precision=fp8: a voice speaks in float32 or bf16"):
        move_voice(voice, "cpu", "fp8")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match=r"device=cuda: not usable here"):
            move_voice(voice, "cuda")


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


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("temperature", 0, "a number from 0.01 to 5"),
        ("temperature", "hot", "a number from 0.01 to 5"),
        ("top_k", 2.5, "a whole number from 0 to 10000"),
        ("top_p", 0, "a number from 0.01 to 1"),
        ("repetition_penalty", True, "a number from 0.5 to 100"),
    ],
)
def test_rules_by_which_no_code_can_be_drawn_are_refused(name, value, wanted) -> None:
    with pytest.raises(UserError) as refused:
        sampling(**{name: value})
    assert str(refused.value) == f"{name}={value}: give {wanted}"


@pytest.mark.parametrize(
    ("name", "value"), [("speed", -1), ("speed", 0), ("seed", 1.5), ("chunk_seconds", 0)]
)
def test_settings_that_cannot_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(UserError, match=rf"^{name}={value}: give a "):
        Speaking(sampling(), **{name: value})
