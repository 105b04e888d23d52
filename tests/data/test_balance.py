"""How often clips of rare categories are seen."""

from __future__ import annotations

import numpy as np
import pytest

from xttslab.data.balance import draw, repeats, shares

GROUPS = ["neutral"] * 16 + ["tension"] * 4 + ["greeting"]


def test_none_sees_every_clip_exactly_once() -> None:
    assert repeats(GROUPS, "none", 3).tolist() == [1.0] * 21
    assert sorted(draw(np.ones(5), np.random.default_rng(0))) == [0, 1, 2, 3, 4]


def test_sqrt_and_equal_raise_the_rare_up_to_the_cap() -> None:
    root = repeats(GROUPS, "sqrt", 10)
    assert root[0] == 1
    assert root[16] == pytest.approx(2)  # √(16 / 4)
    assert root[20] == pytest.approx(4)
    equal = repeats(GROUPS, "equal", 10)
    assert [equal[0], equal[16], equal[20]] == [1, 4, 10]


def test_clips_without_a_category_are_left_alone() -> None:
    assert repeats(["", "", "a", "b", "b"], "equal", 9).tolist() == [1, 1, 2, 1, 1]
    assert repeats(["", ""], "equal", 9).tolist() == [1, 1]


def test_shares_tell_what_balancing_does() -> None:
    before = shares(GROUPS, repeats(GROUPS, "none", 3))
    after = shares(GROUPS, repeats(GROUPS, "equal", 100))
    assert before["greeting"] == pytest.approx(1 / 21)
    assert after == pytest.approx({"greeting": 1 / 3, "neutral": 1 / 3, "tension": 1 / 3})


def test_fractions_are_seen_in_that_part_of_the_epochs() -> None:
    random = np.random.default_rng(0)
    seen = [list(draw(np.array([1.0, 2.25]), random)).count(1) for _ in range(4000)]
    assert set(seen) == {2, 3}
    assert np.mean(seen) == pytest.approx(2.25, abs=0.03)
