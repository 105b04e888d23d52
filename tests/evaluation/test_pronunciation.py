import pytest

from xttslab.evaluation.pronunciation import compare, normalise, pooled_rate
from xttslab.evaluation.recognition import Recognised, Word


def heard(*words: str) -> Recognised:
    """Words of half a second each."""
    timed = [Word(f" {word}", i / 2, (i + 1) / 2) for i, word in enumerate(words)]
    return Recognised(tuple(timed))


def test_texts_are_compared_as_they_sound() -> None:
    assert normalise("„Nagyszerű” — 12 pont!") == "nagyszerű tizenkét pont"
    assert normalise("12 points", language="en") == "12 points"
    assert normalise(" … ") == ""


def test_the_rate_is_edits_over_characters() -> None:
    found = compare(heard("nagyszeru", "teljesítmény!"), "Nagyszerű teljesítmény!")
    assert (found.cer, found.characters) == (pytest.approx(1 / 22), 22)
    assert compare(heard("Tizenkét", "pont."), "12 pont").cer == 0


def test_nothing_heard_is_all_wrong_and_has_no_end() -> None:
    found = compare(Recognised(()), "Igen.")
    assert (found.cer, found.speech_end) == (1.0, None)


def test_speech_ends_before_the_words_that_were_added() -> None:
    text = "Ez egy nagyon nehéz kérdés."
    assert compare(heard(*text.split()), text).speech_end == 2.5
    assert compare(heard(*text.split(), "mama", "lala"), text).speech_end == 2.5
    assert compare(heard("Ez", "egy", "nagyon", "nehéz", "kírdís"), text).speech_end == 2.5


def test_added_words_count_as_errors_too() -> None:
    assert compare(heard("Igen.", "Igen."), "Igen.").cer == pytest.approx(5 / 4)


def test_a_text_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="no speakable text in '…'"):
        compare(heard("a"), "…")


def test_the_mean_weighted_by_characters_is_the_pooled_rate() -> None:
    texts = ["igen", "nagyszerű teljesítmény"]
    said = [heard("igem"), heard("nagyszerű", "teljesítmény")]
    each = [compare(words, text) for words, text in zip(said, texts, strict=True)]
    weighted = sum(c.cer * c.characters for c in each) / sum(c.characters for c in each)
    assert weighted == pytest.approx(pooled_rate(["igem", texts[1]], texts))
