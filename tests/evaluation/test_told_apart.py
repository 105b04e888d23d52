"""Can a classifier tell spoken clips from the speaker's own?"""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.evaluation.scales import ClipSet, draw_counts
from xttslab.evaluation.settings import ScaleRule
from xttslab.evaluation.told_apart import score_told_apart, told_themselves

RULE = ScaleRule(1.0, 0.5, "fixed", "fixed")


def features(count: int, shift: float, seed: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    voice = random.normal(size=(count, 20)) + shift * np.eye(20)[0] * 3
    return {"voice": voice, "prosody": random.normal(size=(count, 5)) + shift * np.eye(5)[0]}


def names(count: int, kind: str = "s") -> tuple[str, ...]:
    return tuple(f"{kind}{n}" for n in range(count))


def clip_set(texts: tuple[str, ...], mute: int = 0) -> ClipSet:
    count = len(texts)
    return ClipSet(("a",) * count, texts, np.arange(count) < mute, draw_counts(texts, 200, 7))


REAL = features(24, 0.0, 1)


def test_the_same_voice_is_guessed_and_another_is_told() -> None:
    clips = clip_set(names(20))
    same, _ = score_told_apart(features(20, 0.0, 2), REAL, names(24, "r"), clips, RULE)
    other, _ = score_told_apart(features(20, 3.0, 3), REAL, names(24, "r"), clips, RULE)
    assert same.value == pytest.approx(0.5, abs=0.15)
    assert other.value > 0.95
    low, high = np.percentile(other.draws, (2.5, 97.5))
    assert high < np.percentile(same.draws, 2.5)
    assert low >= 0
    assert set(other.details) == {"auc_voice", "auc_prosody"}
    assert other.by_category["a"] == pytest.approx(other.share, abs=0.02)


def test_halves_of_the_real_clips_are_guessed() -> None:
    found, why = told_themselves(REAL, names(24, "r"), clip_set(names(24, "r")), RULE)
    assert why == ""
    assert found.value == pytest.approx(0.5, abs=0.1)


def test_copies_of_the_real_clips_are_not_told_apart() -> None:
    """A copy says the same text as its original and so shares its fold."""
    copies = {family: table + 1e-6 for family, table in REAL.items()}
    found, _ = score_told_apart(copies, REAL, names(24), clip_set(names(24)), RULE)
    assert found.value == pytest.approx(0.5, abs=0.12)


def test_mute_clips_are_told_apart_from_everything() -> None:
    spoken = features(20, 0.0, 2)
    for table in spoken.values():
        table[:5] = np.nan
    found, _ = score_told_apart(spoken, REAL, names(24, "r"), clip_set(names(20), 5), RULE)
    heard, _ = score_told_apart(
        features(20, 0.0, 2), REAL, names(24, "r"), clip_set(names(20)), RULE
    )
    assert found.value > heard.value + 0.08


def test_too_few_sentences_are_said() -> None:
    texts = names(5) * 2
    found, why = score_told_apart(features(10, 0, 2), REAL, names(24, "r"), clip_set(texts), RULE)
    assert found is None
    assert why == "24 real clips and 5 sentences to tell apart; at least 6 of each are needed"
    few = {family: table[:11] for family, table in REAL.items()}
    assert told_themselves(few, names(11), clip_set(names(11)), RULE)[1].startswith("fewer than 12")
