"""Takes spoken many at a time are what each would be alone."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import sampling
from xttslab.errors import UserError
from xttslab.judging.sentences import Take
from xttslab.judging.subject import Subject
from xttslab.judging.takes import Order, orders_for, renamed, speak_takes
from xttslab.model.voice import Speaking
from xttslab.speaking.speaker import Speaker

TEXTS = ["Jó estét!", "Igen.", "Most minden ezen az egy kérdésen múlik."]
SETTINGS = Speaking(sampling(repetition_penalty=5.0))


def takes(*texts: str) -> list[Take]:
    after = ("greeting", "tension")
    return [
        Take(f"{n:02d}", "short", after[n % 2], after[n % 2], text, 7 + n)
        for n, text in enumerate(texts)
    ]


def test_a_take_does_not_depend_on_its_batch(subject: Subject) -> None:
    orders = orders_for(subject.speaker, takes(*TEXTS), SETTINGS)
    together = speak_takes(subject.speaker, orders, progress=False)
    for order, clip in zip(orders, together, strict=True):
        alone = speak_takes(subject.speaker, [order], progress=False)[0]
        assert alone.codes == clip.codes
        np.testing.assert_allclose(alone.audio, clip.audio, atol=1e-4)


def test_a_clip_knows_what_was_to_be_said(subject: Subject) -> None:
    clip = speak_takes(subject.speaker, orders_for(subject.speaker, takes("Jó!"), SETTINGS))[0]
    assert (clip.name, clip.text, clip.category) == ("00.wav", "Jó!", "greeting")
    assert (clip.seed, clip.sentence_set, clip.rate) == (7, "short", 24_000)
    assert len(clip.codes) == pytest.approx(clip.seconds * 21.5, abs=2)
    assert renamed([clip], "zero_shot")[0].name == "zero_shot_00.wav"


def test_it_is_what_the_voice_speaks(subject: Subject) -> None:
    speaker = subject.speaker
    take = takes("Jó estét!")[0]
    clip = speak_takes(speaker, [Order(take, SETTINGS)], progress=False)[0]
    latents, embedding = speaker.reference("greeting")
    tokens = speaker.tokenizer.encode("Jó estét!", "hu")
    settings = Speaking(SETTINGS.sampling, seed=7)
    wave = speaker.voice.speak([tokens], [latents], [embedding], settings)[0]
    np.testing.assert_allclose(clip.audio, wave, atol=1e-5)


def test_a_long_text_is_spoken_in_pieces(subject: Subject) -> None:
    text = "Ez az első mondat, amely elég hosszú. " * 10
    clip = speak_takes(subject.speaker, [Order(takes(text)[0], SETTINGS)], progress=False)[0]
    assert clip.codes is None
    assert clip.seconds > 1


def test_a_category_has_its_own_temperature_and_an_order_its_own_recording(
    subject: Subject,
) -> None:
    plain = subject.speaker
    tuned = Speaker(
        plain.voice, plain.tokenizer, "hu", plain.references, temperatures={"tension": 0.6}
    )
    orders = orders_for(tuned, takes("Jó!", "Jó!"), SETTINGS)
    assert [order.settings.sampling.temperature for order in orders] == [0.75, 0.6]
    other = next(clip.audio for clip in subject.clips if clip.category == "tension")
    default, changed = (
        speak_takes(plain, [Order(takes("Jó estét!")[0], SETTINGS, path)], progress=False)[0]
        for path in (None, other)
    )
    assert not np.array_equal(default.audio[:1000], changed.audio[:1000])


def test_a_text_that_cannot_be_read_is_said(subject: Subject) -> None:
    with pytest.raises(UserError):
        speak_takes(subject.speaker, [Order(takes("...")[0], SETTINGS)], progress=False)
