from __future__ import annotations

from pathlib import Path

from tests.data.preparing.conftest import SPEECH
from tests.data.preparing.test_sentence_cuts import SAID, by_words, sound
from xttslab.data.preparing.timed_texts import TimedSegment, timed_text
from xttslab.data.preparing.transcript_fit import why_unfit


def test_a_transcript_fits_its_own_recording() -> None:
    assert why_unfit(by_words(0.1), sound(), SPEECH) is None


def test_one_that_is_longer_than_the_recording_does_not_fit() -> None:
    misfit = why_unfit(by_words(0.0), sound(seconds=12)[:375], SPEECH)
    assert misfit == "it ends at 14.0 s, the recording at 12.0 s"


def test_one_whose_words_nobody_says_does_not_fit() -> None:
    timed = timed_text(Path("a.srt"), [TimedSegment("Jó estét kívánok!", 5.0, 14.5)])
    misfit = why_unfit(timed, sound(SAID[:1]), SPEECH)
    assert misfit == "somebody speaks in 0% of the time of its words"
