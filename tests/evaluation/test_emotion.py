import numpy as np
import pytest

from xttslab.evaluation.emotion import RealProsody, centre
from xttslab.evaluation.prosody import Prosody


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
