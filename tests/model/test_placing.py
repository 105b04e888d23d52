"""A voice moves as a whole, and speaks in 16 bits what it speaks in 32."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from tests.conftest import sampling
from tests.model.test_voice import recording, voice  # noqa: F401
from xttslab.errors import UserError
from xttslab.model import placing
from xttslab.model.placing import bfloat16_slowdown, place
from xttslab.model.sampling import Sentence, generate
from xttslab.model.voice import Speaking, Voice


def test_all_models_move(voice: Voice) -> None:  # noqa: F811
    moved = place(copy.deepcopy(voice), "meta")
    for part in (moved.gpt, moved.codec, moved.decoder):
        assert {value.device.type for value in part.state_dict().values()} == {"meta"}


def test_sixteen_bits_change_the_speech_by_rounding_alone(
    voice: Voice,  # noqa: F811
    recording: np.ndarray,  # noqa: F811
) -> None:
    halved = place(copy.deepcopy(voice), "cpu", "bf16")
    assert {p.dtype for p in halved.gpt.gpt.h.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in halved.decoder.parameters()} == {torch.float32}
    latents, speaker = voice.reference([recording])
    assert torch.equal(halved.reference([recording])[0], latents)
    (whole,), (half,) = (
        generate(some.gpt, [Sentence([5, 6, 7], latents, 1)], sampling(greedy=True))
        for some in (voice, halved)
    )
    torch.testing.assert_close(half.latents.float(), whole.latents, atol=0.05, rtol=0.05)
    place(halved, "cpu", "bf16")  # again: what is halved stays as it is
    (again,) = generate(halved.gpt, [Sentence([5, 6, 7], latents, 1)], sampling(greedy=True))
    assert torch.equal(again.latents, half.latents)
    (wave,) = halved.speak([[5, 6, 7]], [latents], [speaker], Speaking(sampling()))
    assert wave.dtype == np.float32
    assert np.isfinite(wave).all()


def test_a_processor_that_is_slow_in_sixteen_bits_is_refused(
    voice: Voice,  # noqa: F811
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
            place(voice, device, "bf16")
    assert {p.dtype for p in voice.gpt.parameters()} == {torch.float32}
    place(voice, "cpu")


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


def test_wrong_places_are_one_line(voice: Voice) -> None:  # noqa: F811
    with pytest.raises(UserError, match=r"device=nowhere: not usable here \(.*\); try device=cpu"):
        place(voice, "nowhere")
    with pytest.raises(UserError, match="precision=fp8: a voice speaks in float32 or bf16"):
        place(voice, "cpu", "fp8")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match=r"device=cuda: not usable here"):
            place(voice, "cuda")
