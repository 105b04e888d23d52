from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.conftest import tone
from xttslab.data.speaker_encoders import resemblyzer as embed
from xttslab.evaluation import speaker_similarity as speaker
from xttslab.evaluation.speaker_similarity import (
    VoiceCeiling,
    cosines,
    foreign_rows,
    mean_similarity,
    similarity_to_others,
    voice_ceiling,
    voice_drift,
)
from xttslab.evaluation.spoken_clips import RATE, SpokenClip

MUTE = np.full(256, np.nan)


def unit(*values: float) -> np.ndarray:
    row = np.zeros(256)
    row[: len(values)] = values
    return row / np.linalg.norm(row)


def test_similarity_is_the_mean_of_pairs_and_knows_mute_clips() -> None:
    references = np.stack([unit(1, 0), unit(0, 1), MUTE])
    clips = np.stack([unit(1, 0), unit(1, 1), MUTE])
    found = mean_similarity(clips, references)
    assert found[:2] == pytest.approx([0.5, np.sqrt(0.5)])
    assert np.isnan(found[2])
    assert np.isnan(mean_similarity(clips, references[2:])).all()
    assert cosines(clips[:2], references[:2]).shape == (2, 2)


def test_the_ceiling_leaves_each_clip_itself_out() -> None:
    references = np.stack([unit(1, 0), unit(1, 0), unit(0, 1), MUTE])
    found = similarity_to_others(references, references)
    assert found[:3] == pytest.approx([0.5, 0.5, 0.0])
    assert np.isnan(found[3])
    assert np.isnan(similarity_to_others(references[:1], references[:1])).all()


def test_drift_compares_the_two_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        speaker.ENCODERS, "speaker_similarity", lambda parts: np.stack([unit(1, 0), unit(1, 1)])
    )
    references = unit(1, 0)[None]
    assert voice_drift(tone(4.0), references, seconds=2.0) == pytest.approx(1 - np.sqrt(0.5))
    assert np.isnan(voice_drift(tone(3.9), references, seconds=2.0))


def test_one_voice_is_nearer_to_itself_than_to_a_shifted_one(demo: tuple[SpokenClip, ...]) -> None:
    pytest.importorskip("resemblyzer", reason="resemblyzer is not installed (requirements)")
    own = embed([clip.audio for clip in demo[10:14]])
    faster = [
        np.interp(np.arange(0, len(c.audio), 1.35), np.arange(len(c.audio)), c.audio)
        for c in demo[14:16]
    ]
    other = embed([audio.astype(np.float32) for audio in faster])
    assert similarity_to_others(own, own).min() > mean_similarity(other, own).max()
    assert RATE == 16_000


def test_a_copy_is_not_compared_with_what_it_is_made_from() -> None:
    references = np.eye(256, dtype=np.float32)[:3]
    copies = np.eye(256, dtype=np.float32)[[0, 0, 2]]
    copies[2] = np.nan
    found = similarity_to_others(copies, references)
    assert found[:2].tolist() == [0.0, 0.5]
    assert np.isnan(found[2])


def test_the_ceiling_is_taken_at_the_lengths_of_the_scored_clips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Four real clips of 1 to 4 s are cut to 0.5, 1.25, 2 and 3.5 s, the longest to the longest."""
    cut: list[float] = []

    def encode(parts: list[np.ndarray]) -> np.ndarray:
        cut.extend(len(part) / RATE for part in parts)
        return np.stack([unit(1, 1 / len(part)) for part in parts])

    monkeypatch.setitem(speaker.ENCODERS, "speaker_similarity", encode)
    real = [tone(seconds) for seconds in (2.0, 1.0, 4.0, 3.0)]
    whole = np.stack([unit(1, 0)] * 4)
    seconds = [0.5, 0.5, 1.5, 2.0, 5.0]
    found = voice_ceiling("speaker_similarity", real, whole, seconds)
    assert cut == pytest.approx([1.0, 0.5, 3.5, 1.75], abs=0.01)
    assert found.values == pytest.approx([1, 1, 1, 1], abs=1e-6)
    assert found.at(np.array([1.0, 9.0])) == pytest.approx([1, 1], abs=1e-3)


def test_the_ceiling_of_a_short_clip_is_lower() -> None:
    ceiling = VoiceCeiling(np.array([0.5, 0.7, np.nan]), 0.1, np.log(2.0))
    assert ceiling.at(np.array([2.0, 2 * np.e, 2 / np.e])) == pytest.approx([0.6, 0.7, 0.5])


def test_clips_of_a_second_person_are_found() -> None:
    """Within a person cosines of .8, between the two .2; a single odd clip is no second person."""
    first = [unit(2, 1, *np.eye(6)[n]) for n in range(4)]
    second = [unit(1, -2, 0, *np.eye(6)[n]) for n in range(2)]
    table = np.stack([*first[:2], *second, *first[2:], MUTE])
    seconds = [3.0] * 7
    assert foreign_rows(table, seconds) == [2, 3]
    assert foreign_rows(table, [3.0, 3.0, 3.0, 1.0, 3.0, 3.0, 3.0]) == []
    assert foreign_rows(table[:1], [3.0]) == []
