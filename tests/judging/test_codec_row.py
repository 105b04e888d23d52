"""Real clips through codes and decoder: the GPT's states are those that it speaks with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.conftest import sampling
from xttslab.judging.codec_row import hidden_states, through_codec
from xttslab.judging.subject import Subject
from xttslab.model.sampling import Sentence, generate
from xttslab.model.voice import Speaking


def test_states_of_given_codes_are_those_of_generated_ones(subject: Subject) -> None:
    speaker = subject.speaker
    latents, _ = speaker.reference("greeting")
    tokens = torch.from_numpy(speaker.tokenizer.encode("Jó estét!", "hu"))
    sentence = Sentence(tokens.tolist(), latents, limit=12)
    spoken = generate(speaker.voice.gpt, [sentence], sampling(greedy=True))[0]
    with torch.no_grad():
        found = hidden_states(speaker.voice, latents, tokens, spoken.codes)
    assert found.shape == (len(spoken.codes) + 1, 64)
    torch.testing.assert_close(found[: len(spoken.latents)], spoken.latents, atol=1e-4, rtol=1e-3)


def test_a_clip_comes_back_as_long_as_it_was(subject: Subject) -> None:
    clip = subject.clips[0]
    again = through_codec(subject.speaker, [clip], Speaking(sampling()))[0]
    assert again.name == "quiz_000.wav"
    assert (again.text, again.category, again.rate) == (clip.text, clip.category, 24_000)
    assert again.seconds == pytest.approx(1.0, abs=0.1)
    assert np.isfinite(again.audio).all()
    assert len(again.codes) == 22
