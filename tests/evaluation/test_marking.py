import numpy as np
import pytest

from xttslab.evaluation.intervals import draw_counts
from xttslab.evaluation.marking import ClipSet, mark_means, mark_spread
from xttslab.evaluation.marks import Anchor, Scale

SCALE = Scale(Anchor(0.0, "low"), Anchor(10.0, "high"))
NAN = float("nan")


def clip_set(categories: str, texts: str | None = None, mute: tuple[int, ...] = ()) -> ClipSet:
    names = tuple("" if letter == "-" else letter for letter in categories)
    sentences = tuple(texts or "abcdefghijklmnop"[: len(names)])
    silent = np.isin(np.arange(len(names)), mute)
    return ClipSet(names, sentences, silent, draw_counts(sentences, 300, 0))


def test_means_are_weighted_and_by_category() -> None:
    found = mark_means(
        "m", np.array([2.0, 8.0, 5.0, NAN]), np.array([1.0, 3.0, 1.0, 1.0]), SCALE, clip_set("xxy-")
    )
    assert found is not None
    assert found.share == pytest.approx((0.2 + 3 * 0.8 + 0.5) / 5)
    assert found.value == pytest.approx((2 + 24 + 5) / 5)
    assert found.by_category == {"x": pytest.approx(0.65), "y": pytest.approx(0.5)}
    assert np.nanmean(found.draws) == pytest.approx(found.share, abs=0.05)


def test_a_mute_clip_counts_as_0_and_not_as_absent() -> None:
    values, weights = np.array([8.0, NAN]), np.array([1.0, 0.0])
    silent = mark_means("m", values, weights, SCALE, clip_set("--", mute=(1,)))
    absent = mark_means("m", values, weights, SCALE, clip_set("--"))
    assert silent is not None
    assert absent is not None
    assert silent.share == pytest.approx((1 * 0.8 + 0.5 * 0) / 1.5)
    assert absent.share == pytest.approx(0.8)
    assert silent.value == pytest.approx(8.0)


def test_nothing_measured_is_no_mark() -> None:
    assert mark_means("m", np.array([NAN]), np.ones(1), SCALE, clip_set("-")) is None
    assert mark_spread({}, {}, (4.0, 1.0), clip_set("-")) is None


def test_spread_is_the_standard_deviation_of_the_marks_over_the_aspects() -> None:
    clips = clip_set("xxyy")
    rows = {"one": [2.0, 4.0, 6.0, 8.0], "two": [5.0, 5.0, 5.0, 5.0]}
    marked = {k: mark_means(k, np.array(v), np.ones(4), SCALE, clips) for k, v in rows.items()}
    found = mark_spread(marked, {}, (4.0, 1.0), clips)
    assert found is not None
    spread = np.std([2, 4, 6, 8], ddof=1) / 2
    assert found.value == pytest.approx(spread)
    assert found.share == pytest.approx((4 - spread) / 3)
    assert found.by_category["x"] == pytest.approx((4 - np.sqrt(2) / 2) / 3)
    assert found.details["between_categories"] == pytest.approx(np.std([4, 6], ddof=1))


def test_real_clips_set_the_ceiling_of_consistency() -> None:
    clips = clip_set("--")
    marked = {"one": mark_means("one", np.array([2.0, 4.0]), np.ones(2), SCALE, clips)}
    real = {"one": np.array([0.5, 0.7])}  # marks 5 and 7
    found = mark_spread(marked, real, (4.0, 1.0), clips)
    assert found is not None
    assert found.ceiling == Anchor(pytest.approx(np.sqrt(2)), "real clips of the speaker")
    assert found.share == pytest.approx(1.0)


def test_takes_of_one_text_show_how_much_chance_there_is() -> None:
    clips = clip_set("----", "aabb")
    marked = {"one": mark_means("one", np.array([2.0, 4.0, 7.0, 7.0]), np.ones(4), SCALE, clips)}
    found = mark_spread(marked, {}, (4.0, 1.0), clips)
    assert found is not None
    assert found.details["between_takes"] == pytest.approx(np.sqrt(2) / 2)
    assert found.details["between_texts"] == pytest.approx(np.std([3, 7], ddof=1))
    assert "between_categories" not in found.details
