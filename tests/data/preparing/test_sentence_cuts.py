from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import RECIPE, SEGMENTS, SPEECH
from xttslab.data.preparing.folder import Record
from xttslab.data.preparing.recordings import plan_segments
from xttslab.data.preparing.sentence_cuts import OTHER_SPEAKER, SpokenPassage, cut_sentences
from xttslab.data.preparing.timed_texts import TimedSegment, TimedText, TimedWord, timed_text
from xttslab.data.preparing.voice_activity import FRAME_SECONDS

Said = tuple[float, float, str, str]
# What is said in the sound: start, end, words, speaker.
SAID = (
    (0.5, 3.5, "Melyik városban áll a Halászbástya?", "A"),
    (4.2, 7.0, "Ki festette a Majális című képet?", "A"),
    (7.3, 10.1, "Nem tudom, talán Szinyei lehetett.", "B"),
    (10.6, 14.0, "Melyik bolygó kering közel a Naphoz?", "A"),
)


def sound(
    said: tuple[tuple[float, float, str, str], ...] = SAID, seconds: float = 15
) -> np.ndarray:
    """(frames, 2): nobody speaks but where something is said."""
    detected = np.full((round(seconds / FRAME_SECONDS), 2), (0.02, 1e-7), np.float32)
    for start, end, *_ in said:
        detected[round(start / FRAME_SECONDS) : round(end / FRAME_SECONDS)] = 0.95, 1e-2
    return detected


def by_words(jitter: float, said: Sequence[Said] = SAID) -> TimedText:
    """Words with times, each off by up to `jitter` seconds."""
    random, segments = np.random.default_rng(0), []
    for start, end, text, name in said:
        words = text.split()
        bounds = np.linspace(start, end, len(words) + 1)
        off = random.uniform(-jitter, jitter, (2, len(words)))
        pairs = zip(words, bounds[:-1] + off[0], bounds[1:] + off[1], strict=True)
        timed = tuple(TimedWord(w, float(a), float(max(a, b)), name) for w, a, b in pairs)
        segments.append(TimedSegment(text, start, end, name, timed))
    return timed_text(Path("a.json"), segments)


def cut(timed: TimedText, detected: np.ndarray) -> list[SpokenPassage]:
    return cut_sentences(timed, detected, SPEECH, SEGMENTS)


@pytest.mark.parametrize("jitter", [0.0, 0.15])
def test_sentences_are_cut_at_their_pauses(jitter: float) -> None:
    found = cut(by_words(jitter), sound())
    assert [(one.text, one.speaker, one.fault) for one in found] == [
        (text, name, "") for _, _, text, name in SAID
    ]
    off = [abs(np.array([p.start, p.end]) - s[:2]).max() for p, s in zip(found, SAID, strict=True)]
    assert max(off) <= FRAME_SECONDS


def test_a_segment_of_several_sentences_stays_whole() -> None:
    first = TimedSegment(f"{SAID[0][2]} {SAID[1][2]}", 0.5, 7.0, "A")
    rest = [TimedSegment(text, a, b, name) for a, b, text, name in SAID[2:]]
    found = cut(timed_text(Path("a.srt"), [first, *rest]), sound())
    assert [one.text for one in found] == [first.text, SAID[2][2], SAID[3][2]]
    assert (found[0].start, found[0].end) == pytest.approx((0.5, 7.0), abs=0.05)


def test_one_that_is_too_long_is_divided_where_the_sound_pauses() -> None:
    said = [(5 * n + 0.5, 5 * n + 4.9, "Ez a sor közepesen hosszú mondat.", "") for n in range(3)]
    text = " ".join(one[2] for one in said)
    found = cut(timed_text(Path("a.srt"), [TimedSegment(text, 0.5, 14.9)]), sound(said))
    assert [len(one.text.split()) for one in found] == [12, 6]
    assert (found[0].end, found[1].start) == pytest.approx((9.9, 10.5), abs=0.05)


def test_segments_reach_the_worker_processes() -> None:
    blank = Record("x", "x", "", "x.wav", "")
    for timed in (None, by_words(0.0)):
        segments, _ = plan_segments(blank, sound(), RECIPE, timed)
        assert [one.blank for one in pickle.loads(pickle.dumps(segments))] == [
            one.blank for one in segments
        ]


def test_what_others_say_is_left_out() -> None:
    found = cut(by_words(0.05).keeping("A"), sound())
    assert [one.fault for one in found] == ["", "", OTHER_SPEAKER, ""]


def test_a_short_sentence_joins_its_neighbour_but_never_another_speaker() -> None:
    said = ((0.5, 1.2, "Igen.", "A"), (1.6, 4.5, "Ez a jó válasz.", "A"), (4.8, 5.4, "Jó.", "B"))
    found = cut(by_words(0.0, said), sound(said, 6))
    assert [one.text for one in found] == ["Igen. Ez a jó válasz.", "Jó."]


def test_a_long_sentence_is_divided_at_a_comma() -> None:
    text = f"{'szó ' * 18}szó, {'még ' * 18}egy."
    words = text.split()
    starts = np.concatenate((np.linspace(0.5, 8, 20)[:-1], np.linspace(8.5, 16, 20)[:-1]))
    timed = tuple(
        TimedWord(w, float(a), float(a) + 0.3) for w, a in zip(words, starts, strict=True)
    )
    segment = TimedSegment(" ".join(words), 0.5, 16.0, "", timed)
    said = ((0.5, 8.0, "", ""), (8.5, 16.0, "", ""))
    first, second = cut(timed_text(Path("a.json"), [segment]), sound(said, 17))
    assert first.text.endswith("szó,")
    assert second.text.startswith("még")
    assert (first.end, second.start) == pytest.approx((8.0, 8.5), abs=0.05)


def test_two_at_once_and_words_without_a_sound_give_no_clip() -> None:
    a = TimedSegment("Melyik városban áll a Halászbástya?", 0.5, 3.5, "A")
    b = TimedSegment("Nem tudom.", 2.5, 3.9, "B")
    c = TimedSegment("Itt senki sem beszél.", 8.0, 9.5, "A")
    detected = sound(((0.5, 3.9, "", ""),), 10)
    found = cut(timed_text(Path("a.srt"), [a, b, c]), detected)
    assert [(one.fault, one.value) for one in found] == [
        ("B speaks at the same time", "1.0 s"),
        ("A speaks at the same time", "1.0 s"),
        ("no speech is heard where its words are", "8.0 to 9.5 s: Itt senki sem beszél."),
    ]


def test_a_sentence_ends_before_what_two_say_at_once() -> None:
    said = (
        (0.5, 4.0, "Melyik városban áll a Halászbástya?", "A"),
        (4.1, 6.3, "Nem tudom, talán Budapesten.", "B"),
        (6.0, 9.0, "Így van, Budapesten áll.", "A"),
    )
    passages = cut(by_words(0.0, said), sound(((0.5, 9.0, "", ""),)))  # nobody makes a pause
    first, *others = passages
    assert (first.start, first.fault) == (pytest.approx(0.5, abs=0.05), "")
    assert 3.85 <= first.end <= 4.25
    assert [passage.fault for passage in others] == [
        "A speaks at the same time",
        "B speaks at the same time",
    ]
