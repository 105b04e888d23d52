import numpy as np
import pytest

from xttslab.evaluation.emotion import (
    RealProsody,
    centre,
    real_shares,
    score_emotion,
    spoken_features,
)
from xttslab.evaluation.prosody import Prosody
from xttslab.evaluation.scales import ClipSet, draw_counts


def clips(category: str, pitch: float, count: int, seed: int = 0) -> list[tuple[str, Prosody]]:
    random = np.random.default_rng(seed)
    return [
        (
            category,
            Prosody(pitch + random.normal(), 8 + random.normal(), -25.0, 5 + random.normal()),
        )
        for _ in range(count)
    ]


@pytest.fixture
def real() -> RealProsody:
    return RealProsody.of([*clips("calm", 80, 12), *clips("wild", 90, 12, 1), *clips("odd", 85, 2)])


def test_energy_is_relative_to_the_set() -> None:
    loud, quiet = Prosody(80, 5, -10, 5), Prosody(80, 5, -30, 5)
    assert centre([loud, quiet])[:, 2].tolist() == [10, -10]
    assert centre([]).shape == (0, 4)


def test_distance_is_in_units_of_the_spread_within_categories(real: RealProsody) -> None:
    own = real.categories["calm"]
    higher = own.copy()
    higher[:, 0] += 2 * real.unit[0]
    assert real.distance(own, "calm") == 0
    assert real.distance(higher, "calm") == pytest.approx(2 / 4)  # one of four features


def test_clips_with_weight_0_do_not_count(real: RealProsody) -> None:
    both = np.concatenate([real.categories["calm"], real.categories["wild"]])
    weights = np.repeat([1.0, 0.0], 12)
    assert real.distance(both, "calm", weights) == pytest.approx(0, abs=1e-12)


def test_other_categories_lie_farther_than_the_own_half(real: RealProsody) -> None:
    anchors = real.anchors("calm", 6)
    assert anchors.untellable == ""
    assert anchors.floor > 2 * anchors.ceiling > 0
    small = real.anchors("calm", 1)
    assert small.ceiling > anchors.ceiling  # single clips lie farther by chance


def test_what_cannot_be_told_is_said(real: RealProsody) -> None:
    few = real.anchors("odd", 2)
    assert few.untellable == "2 real clips of odd; at least 4 are needed"
    alone = RealProsody.of(clips("calm", 80, 6)).anchors("calm", 2)
    assert alone.untellable == "there is no second category to tell it from"
    twins = RealProsody.of([*clips("calm", 80, 30), *clips("mild", 80, 30, 3)]).anchors("calm", 10)
    assert twins.untellable.startswith("real clips of calm cannot be told from other categories")
    assert real.anchors("unknown", 2).untellable.startswith("0 real clips of unknown")


def test_clips_without_a_category_are_left_out() -> None:
    assert list(RealProsody.of(clips("", 80, 5)).categories) == []


def test_the_feature_that_is_farthest_off_is_named(real: RealProsody) -> None:
    odd = np.median(real.categories["calm"], axis=0) + np.array([0, 0, 0, -4])
    assert real.deviation(odd, "calm") == ("rate_syllables_s", pytest.approx(-4))


def test_own_distances_leave_the_clip_itself_out(real: RealProsody) -> None:
    found = real.own_distances("calm")
    assert found.shape == (12,)
    assert (found > 0).all()


def test_missing_values_are_not_compared(real: RealProsody) -> None:
    no_text = real.categories["calm"].copy()
    no_text[:, 3] = np.nan
    assert real.distance(no_text, "calm") == 0
    assert np.isnan(real.distance(np.full((1, 4), np.nan), "calm"))


@pytest.fixture
def toning_real() -> RealProsody:
    return RealProsody.of([*clips("calm", 80, 16), *clips("wild", 90, 16, 1), *clips("odd", 85, 2)])


def as_set(categories: list[str], mute: tuple[int, ...] = ()) -> ClipSet:
    texts = tuple(str(i) for i in range(len(categories)))
    silent = np.isin(np.arange(len(texts)), mute)
    return ClipSet(tuple(categories), texts, silent, draw_counts(texts, 50, 0))


def test_the_right_tone_beats_the_wrong_one(toning_real: RealProsody) -> None:
    spoken = [p for _, p in [*clips("calm", 80, 6, 5), *clips("wild", 90, 6, 6)]]
    right, _, _ = score_emotion(spoken, toning_real, as_set(["calm"] * 6 + ["wild"] * 6))
    wrong, _, _ = score_emotion(spoken, toning_real, as_set(["wild"] * 6 + ["calm"] * 6))
    assert right is not None
    assert wrong is not None
    assert right.share > 0.6
    assert wrong.share < 0.2
    assert set(right.by_category) == {"calm", "wild"}
    assert np.nanmean(right.shares) > np.nanmean(wrong.shares) + 0.4
    assert right.draws.shape == (50,)


def test_categories_without_enough_real_clips_are_named_and_skipped(
    toning_real: RealProsody,
) -> None:
    spoken = [p for _, p in [*clips("calm", 80, 3, 5), *clips("odd", 85, 3, 6)]]
    found, _, reason = score_emotion(spoken, toning_real, as_set(["calm"] * 3 + ["odd"] * 3))
    assert found is not None
    assert list(found.by_category) == ["calm"]
    assert np.isnan(found.shares[3:]).all()
    assert reason == "2 real clips of odd; at least 4 are needed"
    assert found.notes == (reason,)


def test_nothing_to_compare_with_is_no_mark(toning_real: RealProsody) -> None:
    spoken = [p for _, p in clips("", 80, 2)]
    assert score_emotion(spoken, toning_real, as_set(["", ""]))[::2] == (
        None,
        "no clip has a category",
    )
    empty = score_emotion(spoken, RealProsody.of([]), as_set(["calm", "calm"]))
    assert empty[2] == "0 real clips of calm; at least 4 are needed"


def test_a_mute_clip_lowers_its_category(toning_real: RealProsody) -> None:
    spoken: list[Prosody | None] = [p for _, p in clips("calm", 80, 4, 5)]
    whole, _, _ = score_emotion(spoken, toning_real, as_set(["calm"] * 4))
    half, _, _ = score_emotion(
        [*spoken, *[None] * 4], toning_real, as_set(["calm"] * 8, (4, 5, 6, 7))
    )
    assert whole is not None
    assert half is not None
    assert half.share == pytest.approx(whole.share / 2, abs=0.12)
    assert (half.shares[4:] == 0).all()


def test_features_of_mute_clips_are_nan() -> None:
    features = spoken_features([None, Prosody(80, 5, -20, 5), Prosody(80, 5, -30, None)])
    assert np.isnan(features[0]).all()
    assert features[1:, 2].tolist() == [5, -5]


def test_real_clips_have_shares_in_every_category_that_can_be_told(
    toning_real: RealProsody,
) -> None:
    shares = real_shares(toning_real)
    assert shares.shape == (32,)
    assert shares.mean() > 0.7
    assert len(real_shares(RealProsody.of([]))) == 0


def test_noise_without_a_pitch_has_no_tone(toning_real: RealProsody) -> None:
    noise = [Prosody(None, None, p.energy_db, p.rate_syllables_s) for _, p in clips("calm", 80, 4)]
    found, _, _ = score_emotion(noise, toning_real, as_set(["calm"] * 4))
    assert found is not None
    assert found.share == 0
    assert found.shares.tolist() == [0, 0, 0, 0]
