import numpy as np
import pytest

from xttslab.evaluation.scales import (
    Anchor,
    ClipSet,
    Scale,
    _for_few,
    draw_counts,
    interval,
    limit,
    make_scale,
    paired_difference,
    score_means,
    score_spread,
    to_score,
    weighted_means,
)
from xttslab.evaluation.settings import GateRule, ScaleRule


def test_takes_of_one_sentence_are_drawn_together() -> None:
    counts = draw_counts(["a", "b", "a", "c"], draws=200, seed=1)
    assert counts.shape == (200, 4)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()


def test_weighted_means_leave_nan_out() -> None:
    counts = np.array([[1, 1, 1], [0, 0, 2], [2, 1, 0]])
    found = weighted_means(np.array([1.0, 4.0, np.nan]), np.array([1.0, 2.0, 1.0]), counts)
    assert found[0] == pytest.approx(3.0)
    assert np.isnan(found[1])
    assert found[2] == pytest.approx((2 * 1 + 2 * 4) / 4)


def test_an_interval_is_moved_to_its_estimate() -> None:
    found = interval(5.0, np.linspace(7.0, 9.0, 1001), 0.95)
    assert (found.value, found.low, found.high) == pytest.approx((5.0, 4.05, 5.95))


def test_intervals_hold_the_truth_about_as_often_as_promised() -> None:
    random = np.random.default_rng(0)
    held = 0
    for trial in range(300):
        sample = random.normal(3.0, 1.0, 40)
        draws = weighted_means(sample, np.ones(40), draw_counts([*map(str, range(40))], 400, trial))
        found = interval(sample.mean(), draws, 0.95)
        held += found.low <= 3.0 <= found.high
    assert 0.90 <= held / 300 <= 0.98


def test_nothing_known_gives_no_interval() -> None:
    found = interval(float("nan"), np.array([np.nan]), 0.95)
    assert np.isnan([found.value, found.low, found.high]).all()


def test_a_paired_difference_sees_what_the_spread_of_clips_hides() -> None:
    random = np.random.default_rng(0)
    first = random.normal(5, 3, 40)
    second = first + 0.5 + random.normal(0, 0.2, 40)
    found = paired_difference(first, second, [str(i) for i in range(40)])
    assert found.value == pytest.approx(0.5, abs=0.1)
    assert 0.3 < found.low < found.value < found.high < 0.7


def test_equal_clips_have_no_measurable_difference() -> None:
    scores = np.array([4.0, 6.0, np.nan, 8.0])
    found = paired_difference(scores, scores, ["a", "b", "c", "d"])
    assert (found.value, found.low, found.high) == (0, 0, 0)


SCALE = Scale(Anchor(0.0, "low"), Anchor(10.0, "high"))
NAN = float("nan")


def clip_set(categories: str, texts: str | None = None, mute: tuple[int, ...] = ()) -> ClipSet:
    names = tuple("" if letter == "-" else letter for letter in categories)
    sentences = tuple(texts or "abcdefghijklmnop"[: len(names)])
    silent = np.isin(np.arange(len(names)), mute)
    return ClipSet(names, sentences, silent, draw_counts(sentences, 300, 0))


def test_means_are_weighted_and_by_category() -> None:
    found = score_means(
        "m", np.array([2.0, 8.0, 5.0, NAN]), np.array([1.0, 3.0, 1.0, 1.0]), SCALE, clip_set("xxy-")
    )
    assert found is not None
    assert found.share == pytest.approx((0.2 + 3 * 0.8 + 0.5) / 5)
    assert found.value == pytest.approx((2 + 24 + 5) / 5)
    assert found.by_category == {"x": pytest.approx(0.65), "y": pytest.approx(0.5)}
    assert np.nanmean(found.draws) == pytest.approx(found.share, abs=0.05)


def test_a_mute_clip_counts_as_0_and_not_as_absent() -> None:
    values, weights = np.array([8.0, NAN]), np.array([1.0, 0.0])
    silent = score_means("m", values, weights, SCALE, clip_set("--", mute=(1,)))
    absent = score_means("m", values, weights, SCALE, clip_set("--"))
    assert silent is not None
    assert absent is not None
    assert silent.share == pytest.approx((1 * 0.8 + 0.5 * 0) / 1.5)
    assert absent.share == pytest.approx(0.8)
    assert silent.value == pytest.approx(8.0)


def test_nothing_measured_is_no_mark() -> None:
    assert score_means("m", np.array([NAN]), np.ones(1), SCALE, clip_set("-")) is None
    assert score_spread({}, {}, (4.0, 1.0), clip_set("-")) is None


def test_spread_is_the_standard_deviation_of_the_scores_over_the_aspects() -> None:
    clips = clip_set("xxyy")
    rows = {"one": [2.0, 4.0, 6.0, 8.0], "two": [5.0, 5.0, 5.0, 5.0]}
    scored = {k: score_means(k, np.array(v), np.ones(4), SCALE, clips) for k, v in rows.items()}
    found = score_spread(scored, {}, (4.0, 1.0), clips)
    assert found is not None
    spread = np.std([2, 4, 6, 8], ddof=1) / 2
    assert found.value == pytest.approx(spread)
    assert found.share == pytest.approx((4 - spread) / 3)
    assert found.by_category["x"] == pytest.approx((4 - np.sqrt(2) / 2) / 3)
    assert found.details["between_categories"] == pytest.approx(np.std([4, 6], ddof=1))


def test_real_clips_set_the_ceiling_of_consistency() -> None:
    clips = clip_set("--")
    scored = {"one": score_means("one", np.array([2.0, 4.0]), np.ones(2), SCALE, clips)}
    real = {"one": np.array([0.5, 0.7])}  # scores 5 and 7
    found = score_spread(scored, real, (4.0, 1.0), clips)
    assert found is not None
    assert found.ceiling == Anchor(pytest.approx(np.sqrt(2)), "real clips of the speaker")
    assert found.share == pytest.approx(1.0)


def test_takes_of_one_text_show_how_much_chance_there_is() -> None:
    clips = clip_set("----", "aabb")
    scored = {"one": score_means("one", np.array([2.0, 4.0, 7.0, 7.0]), np.ones(4), SCALE, clips)}
    found = score_spread(scored, {}, (4.0, 1.0), clips)
    assert found is not None
    assert found.details["between_utterances"] == pytest.approx(np.sqrt(2) / 2)
    assert found.details["between_texts"] == pytest.approx(np.std([3, 7], ddof=1))
    assert "between_categories" not in found.details


RULE = ScaleRule(0.95, 0.10, "mismatched", "real")


def test_scores_lie_straight_between_floor_and_ceiling_either_way_up() -> None:
    rising = Scale(Anchor(2.0, ""), Anchor(4.0, ""))
    falling = Scale(Anchor(0.9, ""), Anchor(0.1, ""))
    assert to_score(rising.share(np.array([1.0, 2.0, 3.0, 4.0, 9.0]))).tolist() == [0, 0, 5, 10, 10]
    assert to_score(falling.share(np.array([2.0, 0.5, 0.1]))) == pytest.approx([0, 5, 10])


def test_single_clips_may_pass_the_ceiling_a_little_so_that_real_speech_averages_10() -> None:
    scale = Scale(Anchor(0.0, ""), Anchor(1.0, ""))
    assert scale.share(np.array([1.1, 5.0])).tolist() == [1.1, 1.25]
    assert np.isnan(scale.share(np.array([np.nan]))[0])


def test_measured_ends_replace_the_fixed_ones() -> None:
    scale = make_scale(RULE, Anchor(0.9, "shuffled"), Anchor(0.2, "real"))
    assert (scale.floor, scale.ceiling) == (Anchor(0.9, "shuffled"), Anchor(0.2, "real"))
    assert make_scale(RULE, None, None).floor == Anchor(0.95, "fixed")


@pytest.mark.parametrize("ceiling", [0.8, 0.95, 1.4])
def test_measured_ends_that_lie_too_close_or_cross_are_not_used(ceiling: float) -> None:
    scale = make_scale(RULE, Anchor(0.9, "shuffled"), Anchor(ceiling, "real"))
    assert (scale.floor.value, scale.ceiling.value) == (0.95, 0.10)
    assert scale.ceiling.source.startswith(f"fixed: measured 0.9 to {ceiling:.3g} is too narrow")


def test_a_gate_lets_through_what_its_aspect_allows() -> None:
    rule = GateRule(fails=2.0, holds=4.0)
    found = limit(np.array([0.0, 0.2, 0.3, 0.4, 1.0]), rule, failed=3.0)
    assert found == pytest.approx([0.3, 0.3, 0.65, 1.0, 1.0])


def test_intervals_of_few_sentences_are_wider_than_those_of_many() -> None:
    """A t quantile in place of a normal one: 2.26 to 1.96 for ten, times the root of 10 / 9."""
    assert _for_few(10, 0.95) == pytest.approx(2.262 / 1.960 * np.sqrt(10 / 9), rel=1e-3)
    assert _for_few(1000, 0.95) == pytest.approx(1.0, abs=0.01)
    random = np.random.default_rng(5)
    wrong = 0
    for _ in range(200):  # nothing differs: 5 % of the intervals may miss 0
        found = paired_difference(np.zeros(8), random.normal(size=8), list("abcdefgh"), 300)
        wrong += found.low > 0 or found.high < 0
    assert wrong <= 18
