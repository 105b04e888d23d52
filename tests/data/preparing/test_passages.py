"""Passages end where the wanted speaker does, and say what was left out between them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import RECIPE
from xttslab.data.preparing.passages import OTHER_VOICE, SEVERAL_VOICES, divide
from xttslab.data.preparing.speaker_search import DOUBTFUL, OTHER, THEIRS, TOGETHER, SpeakerPiece
from xttslab.data.preparing.timed_texts import TimedSegment, TimedText, TimedWord, timed_text

SPEECH = np.ones((2_000, 2), np.float32)


def test_without_a_search_speech_is_divided_at_its_pauses() -> None:
    found = divide(SPEECH, [(0.0, 3.0), (5.0, 9.0)], RECIPE, None, None)
    assert [(p.start, p.end, p.fault) for p in found] == [(0.0, 3.0, ""), (5.0, 9.0, "")]


def test_no_passage_bridges_what_somebody_else_says() -> None:
    pieces = [
        SpeakerPiece(0.0, 3.0, THEIRS, 0.4),
        SpeakerPiece(3.0, 3.4, OTHER, -0.3),
        SpeakerPiece(3.5, 6.0, THEIRS, 0.3),
        SpeakerPiece(6.0, 6.5, TOGETHER, 0.1),
        SpeakerPiece(6.5, 6.9, OTHER, -0.2),
        SpeakerPiece(6.9, 8.0, OTHER, -0.4),
    ]
    found = divide(SPEECH, [(0.0, 3.4), (3.5, 8.0)], RECIPE, None, pieces)
    assert [(p.start, p.end, p.fault) for p in found] == [
        (0.0, 3.0, ""),
        (3.0, 3.4, OTHER_VOICE),
        (3.5, 6.0, ""),
        (6.0, 6.5, SEVERAL_VOICES),
        (6.5, 8.0, OTHER_VOICE),
    ]
    assert found[1].value == "0.4 s, cosine 0.30 nearer to another voice"
    assert found[3].value == "0.5 s"
    assert found[4].value == "1.5 s, cosine 0.35 nearer to another voice"


def test_what_is_too_short_to_tell_says_so() -> None:
    pieces = [SpeakerPiece(0.0, 3.0, THEIRS, 0.4), SpeakerPiece(4.0, 4.6, OTHER, 0.05)]
    _, short = divide(SPEECH, [(0.0, 3.0), (4.0, 4.6)], RECIPE, None, pieces)
    assert (short.fault, short.value) == (OTHER_VOICE, "0.6 s, too short to tell whose it is")


def test_a_passage_tells_how_much_of_it_is_surely_theirs() -> None:
    pieces = [SpeakerPiece(0.0, 3.0, THEIRS, 0.4), SpeakerPiece(3.0, 4.0, DOUBTFUL, 0.05)]
    (passage,) = divide(SPEECH, [(0.0, 4.0)], RECIPE, None, pieces)
    assert passage.measures["voice_share"] == pytest.approx(0.75)
    assert passage.measures["voice_margin"] == 0.05


def subtitles(*lines: tuple[str, float, float]) -> TimedText:
    return timed_text(Path("show.srt"), [TimedSegment(*line) for line in lines])


def spoken_at(*spans: tuple[float, float]) -> np.ndarray:
    """Probability and power where somebody speaks in these seconds, (625, 2): 20 s."""
    found = np.full((625, 2), 1e-6, np.float32)
    for start, end in spans:
        found[round(start / 0.032) : round(end / 0.032)] = 1.0
    return found


def test_sentences_of_a_transcript_without_speakers_are_told_apart_by_voice() -> None:
    spans = [(1.0, 2.4), (2.8, 4.2), (4.6, 8.0), (8.5, 12.0)]
    detected = spoken_at(*spans)
    texts = ("Jó estét!", "Jó estét kívánok.", "Ön szerint melyik a helyes?", "A negyedik.")
    timed = subtitles(*((text, *span) for text, span in zip(texts, spans, strict=True)))
    kinds = (THEIRS, OTHER, THEIRS, OTHER)
    pieces = [
        SpeakerPiece(a, b, kind, 0.3 if kind == THEIRS else -0.3)
        for (a, b), kind in zip(spans, kinds, strict=True)
    ]
    found = divide(detected, spans, RECIPE, timed, pieces)
    assert [passage.text for passage in found] == list(texts)
    assert [passage.fault for passage in found] == ["", OTHER_VOICE, "", OTHER_VOICE]
    assert {passage.speaker for passage in found} == {""}
    assert [passage.measures.get("voice_share") for passage in found] == [1.0, None, 1.0, None]
    together = divide(detected, spans, RECIPE, timed, None)
    assert together[0].text == "Jó estét! Jó estét kívánok."


def test_a_sentence_that_is_mostly_anothers_is_left_out_whoever_the_transcript_names() -> None:
    spans = [(1.0, 4.0), (5.0, 9.0)]
    detected = spoken_at(*spans)
    names = ("Anna", "Béla")
    lines = zip(("Ez itt egy mondat.", "Ez is egy mondat."), spans, names, strict=True)
    timed = timed_text(Path("a.json"), [TimedSegment(t, *span, n) for t, span, n in lines])
    pieces = [SpeakerPiece(1.0, 4.0, TOGETHER, 0.0), SpeakerPiece(5.0, 9.0, DOUBTFUL, 0.02)]
    found = divide(detected, spans, RECIPE, timed, pieces)
    assert [(p.speaker, p.fault, p.value[:5]) for p in found] == [
        ("Anna", SEVERAL_VOICES, "3.0 s"),
        ("Béla", "", ""),
    ]
    assert found[1].measures["voice_share"] == 0.0


def test_others_before_and_after_a_sentence_are_cut_off_and_told() -> None:
    detected = spoken_at((1.0, 6.0))
    timed = timed_text(Path("a.json"), [TimedSegment("Ez itt egy mondat.", 1.3, 5.6, "Anna")])
    pieces = [
        SpeakerPiece(1.0, 1.3, OTHER, -0.3),
        SpeakerPiece(1.3, 5.6, THEIRS, 0.3),
        SpeakerPiece(5.6, 6.0, TOGETHER, 0.0),
    ]
    found = divide(detected, [(1.0, 6.0)], RECIPE, timed.keeping("Anna"), pieces)
    assert [(p.start, p.end, p.fault) for p in found] == [
        (pytest.approx(1.0, abs=0.04), 1.3, OTHER_VOICE),
        (1.3, 5.6, ""),
        (5.6, pytest.approx(6.0, abs=0.04), SEVERAL_VOICES),
    ]
    assert found[1].measures["voice_share"] == 1.0


def test_words_of_a_sentence_are_not_cut_off_for_another_voice() -> None:
    detected = spoken_at((1.0, 6.0))
    timed = timed_text(Path("a.json"), [TimedSegment("Ez itt egy mondat.", 1.0, 6.0, "Anna")])
    pieces = [SpeakerPiece(1.0, 2.0, OTHER, -0.3), SpeakerPiece(2.0, 6.0, THEIRS, 0.3)]
    (passage,) = divide(detected, [(1.0, 6.0)], RECIPE, timed.keeping("Anna"), pieces)
    assert passage.start == pytest.approx(1.0, abs=0.04)
    assert passage.measures["voice_share"] == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize(("kind", "texts"), [(OTHER, ["Ez itt", "mondat."]), (THEIRS, None)])
def test_a_word_amid_anothers_sentence_is_whose_it_sounds(
    kind: int, texts: list[str] | None
) -> None:
    words = [
        TimedWord(text, start, start + 1.0, "Béla" if text == "nem" else "Anna")
        for start, text in zip((1.0, 2.0, 3.0, 4.0), ("Ez", "itt", "nem", "mondat."), strict=True)
    ]
    segment = TimedSegment("Ez itt nem mondat.", 1.0, 5.0, "Anna", tuple(words))
    timed = timed_text(Path("a.json"), [segment]).keeping("Anna")
    pieces = [
        SpeakerPiece(1.0, 3.0, THEIRS, 0.3),
        SpeakerPiece(3.0, 4.0, kind, 0.0),
        SpeakerPiece(4.0, 5.0, THEIRS, 0.3),
    ]
    found = divide(spoken_at((1.0, 5.0)), [(1.0, 5.0)], RECIPE, timed, pieces)
    kept = [passage.text for passage in found if not passage.fault]
    assert kept == (texts or ["Ez itt nem mondat."])
