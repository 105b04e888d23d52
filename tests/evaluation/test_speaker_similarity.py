from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.conftest import tone
from xttslab.data.speaker_encoders import resemblyzer as embed
from xttslab.evaluation import speaker_similarity as speaker
from xttslab.evaluation.speaker_similarity import (
    cosines,
    mean_similarity,
    own_similarity,
    similarity_to_others,
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
    found = own_similarity(references)
    assert found[:3] == pytest.approx([0.5, 0.5, 0.0])
    assert np.isnan(found[3])
    assert np.isnan(own_similarity(references[:1])).all()


def test_drift_compares_the_two_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speaker, "embed", lambda parts: np.stack([unit(1, 0), unit(1, 1)]))
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
    assert own_similarity(own).min() > mean_similarity(other, own).max()
    assert RATE == 16_000


def test_a_copy_is_not_compared_with_what_it_is_made_from() -> None:
    references = np.eye(256, dtype=np.float32)[:3]
    copies = np.eye(256, dtype=np.float32)[[0, 0, 2]]
    copies[2] = np.nan
    found = similarity_to_others(copies, references)
    assert found[:2].tolist() == [0.0, 0.5]
    assert np.isnan(found[2])
