"""The wanted speaker is told from others by embeddings that were made up."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml

from xttslab.data.preparing.speaker_search import (
    DOUBTFUL,
    OTHER,
    THEIRS,
    TOGETHER,
    SpeakerPiece,
    SpeakerSearch,
    _settled,
)
from xttslab.data.preparing.voice_windows import VoiceWindows

CONF = Path(__file__).parents[3] / "conf" / "prepare.yaml"
SIZE = 64


def shipped(encoder: str = "campplus") -> SpeakerSearch:
    limits = yaml.safe_load(CONF.read_text(encoding="utf-8"))["speaker_search"][encoder]
    return SpeakerSearch(**{name: v for name, v in limits.items() if name != "_target_"})


def voices(*people: int, noise: float = 0.06, seed: int = 0) -> np.ndarray:
    """A window of each of the people, whose voices are at right angles: (n, 64)."""
    random = np.random.default_rng(seed)
    rows = np.eye(SIZE)[list(people)] + noise * random.standard_normal((len(people), SIZE))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def windows(*people: int, rows: np.ndarray | None = None) -> VoiceWindows:
    """A window of 1.5 s of each of the people in a row; neighbours of one person are one turn."""
    starts = 1.5 * np.arange(len(people))
    turns = np.cumsum([0, *(a != b for a, b in pairwise(people))])
    found = voices(*people) if rows is None else rows
    return VoiceWindows(np.stack([starts, starts + 1.5], axis=1), turns, found, np.zeros((0, 2)))


def kinds(search: SpeakerSearch, heard: VoiceWindows, wanted: int) -> list[tuple[float, int]]:
    speech = [(0.0, float(heard.places[-1, 1]))]
    pieces = search.pieces(heard, np.eye(SIZE, dtype=np.float32)[wanted], speech)
    return [(round(piece.end, 2), piece.kind) for piece in pieces]


def test_speech_is_cut_where_the_speaker_changes() -> None:
    heard = windows(0, 0, 0, 0, 1, 1, 1, 1, 0, 0)
    assert kinds(shipped(), heard, 0) == [(6.0, THEIRS), (12.0, OTHER), (15.0, THEIRS)]
    assert kinds(shipped(), heard, 1) == [(6.0, OTHER), (12.0, THEIRS), (15.0, OTHER)]


def test_a_voice_between_two_is_doubtful() -> None:
    rows = voices(*[0] * 6, *[1] * 6)
    between = np.eye(SIZE)[0] + 0.97 * np.eye(SIZE)[1]
    rows = np.vstack([rows[:6], between / np.linalg.norm(between), rows[6:]])
    heard = windows(*[0] * 6, 2, *[1] * 6, rows=rows)
    assert kinds(shipped(), heard, 0) == [(9.0, THEIRS), (10.5, DOUBTFUL), (19.5, OTHER)]


def test_what_several_say_at_once_is_nobodys() -> None:
    heard = replace(windows(0, 0, 0, 0), together=np.array([[2.0, 2.6]]))
    assert kinds(shipped(), heard, 0) == [(2.0, THEIRS), (2.6, TOGETHER), (6.0, THEIRS)]


def test_a_window_without_embedding_is_as_its_neighbour() -> None:
    rows = voices(0, 0, 0, 0, 1, 1, 1, 1)
    rows[4] = np.nan
    heard = windows(0, 0, 0, 0, 2, 1, 1, 1, rows=rows)
    assert kinds(shipped(), heard, 1)[0] in ((6.0, OTHER), (7.5, OTHER))
    assert kinds(shipped(), windows(0, rows=np.full((1, SIZE), np.nan)), 0) == [(1.5, OTHER)]


def test_noise_that_makes_all_voices_less_alike_changes_nothing() -> None:
    people = [0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1]
    heard = windows(*people, rows=voices(*people, noise=0.11))
    assert [kind for _, kind in kinds(shipped(), heard, 0)] == [THEIRS, OTHER, THEIRS, OTHER]


def test_the_main_voice_is_that_with_most_speech_in_all_recordings() -> None:
    search = shipped()
    recordings = [windows(*[0] * 9, *[1] * 5), windows(*[1] * 6, *[2] * 4)]
    found = search.main_voice(recordings)
    assert found is not None
    assert found @ np.eye(SIZE)[1] > 0.9
    short = search.main_voice([windows(2), windows(2), windows(0), windows(2)])
    assert short is not None
    assert short @ np.eye(SIZE)[2] > 0.9
    assert search.main_voice([windows(0)]) is None
    assert search.main_voice([]) is None


def test_two_people_who_sound_alike_are_not_counted_together() -> None:
    like = np.tile(0.62 * np.eye(SIZE)[1] + 0.785 * np.eye(SIZE)[2], (5, 1)).astype(np.float32)
    rows = np.vstack([voices(*[0] * 8, *[1] * 5), like])
    found = shipped().main_voice([windows(*[0] * 8, *[1] * 5, *[2] * 5, rows=rows)])
    assert found is not None
    assert found @ np.eye(SIZE)[0] > 0.9


def test_a_clip_of_the_wanted_voice_in_another_programme_is_theirs_but_not_surely() -> None:
    between = 0.6 * np.eye(SIZE)[0] + 0.8 * np.eye(SIZE)[3]
    other_programme = windows(*[3] * 4, rows=np.tile(between, (4, 1)).astype(np.float32))
    clips = [windows(*[0] * 6), other_programme, windows(*[1] * 4), windows(0, 0, 0, 1)]
    found = shipped().clip_measures(clips, np.eye(SIZE, dtype=np.float32)[0])
    assert [one["voice_theirs"] for one in found] == [1.0, 1.0, 0.0, 0.75]
    assert [one["voice_share"] for one in found] == [1.0, 0.0, 0.0, 0.75]


@pytest.mark.parametrize(
    ("gaps", "kind"),
    [((0.3, 0.0), OTHER), ((0.0, 0.3), DOUBTFUL), ((0.0, 0.0), DOUBTFUL), ((0.6, 0.7), OTHER)],
)
def test_a_short_doubtful_piece_is_theirs_only_beside_what_they_say(
    gaps: tuple[float, float], kind: int
) -> None:
    start, end = 5.0 + gaps[0], 5.8 + gaps[0]
    pieces = [
        SpeakerPiece(0.0, 5.0, THEIRS, 0.3),
        SpeakerPiece(start, end, DOUBTFUL, 0.03),
        SpeakerPiece(end + gaps[1], 12.0, OTHER, -0.3),
    ]
    assert _settled(pieces) == [pieces[0], pieces[1]._replace(kind=kind), pieces[2]]
    long = [pieces[0], pieces[1]._replace(end=end + 1.0), pieces[2]]
    assert _settled(long)[1].kind == DOUBTFUL


def test_two_who_sound_alike_are_two_people_where_both_speak_long() -> None:
    search = shipped()
    like = search.alike - 0.01
    other = like * np.eye(SIZE)[0] + np.sqrt(1 - like**2) * np.eye(SIZE)[1]

    def heard(windows_of_other: int) -> list[tuple[float, int]]:
        people = [*[0] * 16, *[1] * windows_of_other]
        own = np.eye(SIZE)[10 : 10 + len(people)]  # every window is a little its own
        rows = 0.9 * np.stack([np.eye(SIZE)[0], other])[people] + np.sqrt(1 - 0.9**2) * own
        return kinds(search, windows(*people, rows=rows.astype(np.float32)), 0)

    assert heard(9) == [(24.0, THEIRS), (37.5, OTHER)]
    assert OTHER not in [kind for _, kind in heard(3)]  # an unusual tone of the same person
