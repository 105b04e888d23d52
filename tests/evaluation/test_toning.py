import numpy as np
import pytest

from tests.evaluation.test_emotion import clips
from xttslab.evaluation.emotion import RealProsody
from xttslab.evaluation.intervals import draw_counts
from xttslab.evaluation.marking import ClipSet
from xttslab.evaluation.prosody import Prosody
from xttslab.evaluation.toning import mark_emotion, real_shares, spoken_features


@pytest.fixture
def real() -> RealProsody:
    return RealProsody.of([*clips("calm", 80, 16), *clips("wild", 90, 16, 1), *clips("odd", 85, 2)])


def as_set(categories: list[str], mute: tuple[int, ...] = ()) -> ClipSet:
    texts = tuple(str(i) for i in range(len(categories)))
    silent = np.isin(np.arange(len(texts)), mute)
    return ClipSet(tuple(categories), texts, silent, draw_counts(texts, 50, 0))


def test_the_right_tone_beats_the_wrong_one(real: RealProsody) -> None:
    spoken = [p for _, p in [*clips("calm", 80, 6, 5), *clips("wild", 90, 6, 6)]]
    right, _, _ = mark_emotion(spoken, real, as_set(["calm"] * 6 + ["wild"] * 6))
    wrong, _, _ = mark_emotion(spoken, real, as_set(["wild"] * 6 + ["calm"] * 6))
    assert right is not None
    assert wrong is not None
    assert right.share > 0.6
    assert wrong.share < 0.2
    assert set(right.by_category) == {"calm", "wild"}
    assert np.nanmean(right.shares) > np.nanmean(wrong.shares) + 0.4
    assert right.draws.shape == (50,)


def test_categories_without_enough_real_clips_are_named_and_skipped(real: RealProsody) -> None:
    spoken = [p for _, p in [*clips("calm", 80, 3, 5), *clips("odd", 85, 3, 6)]]
    found, _, reason = mark_emotion(spoken, real, as_set(["calm"] * 3 + ["odd"] * 3))
    assert found is not None
    assert list(found.by_category) == ["calm"]
    assert np.isnan(found.shares[3:]).all()
    assert reason == "2 real clips of odd; at least 4 are needed"
    assert found.notes == (reason,)


def test_nothing_to_compare_with_is_no_mark(real: RealProsody) -> None:
    spoken = [p for _, p in clips("", 80, 2)]
    assert mark_emotion(spoken, real, as_set(["", ""]))[::2] == (None, "no clip has a category")
    empty = mark_emotion(spoken, RealProsody.of([]), as_set(["calm", "calm"]))
    assert empty[2] == "0 real clips of calm; at least 4 are needed"


def test_a_mute_clip_lowers_its_category(real: RealProsody) -> None:
    spoken: list[Prosody | None] = [p for _, p in clips("calm", 80, 4, 5)]
    whole, _, _ = mark_emotion(spoken, real, as_set(["calm"] * 4))
    half, _, _ = mark_emotion([*spoken, *[None] * 4], real, as_set(["calm"] * 8, (4, 5, 6, 7)))
    assert whole is not None
    assert half is not None
    assert half.share == pytest.approx(whole.share / 2, abs=0.12)
    assert (half.shares[4:] == 0).all()


def test_features_of_mute_clips_are_nan() -> None:
    features = spoken_features([None, Prosody(80, 5, -20, 5), Prosody(80, 5, -30, None)])
    assert np.isnan(features[0]).all()
    assert features[1:, 2].tolist() == [5, -5]


def test_real_clips_have_shares_in_every_category_that_can_be_told(real: RealProsody) -> None:
    shares = real_shares(real)
    assert shares.shape == (32,)
    assert shares.mean() > 0.7
    assert len(real_shares(RealProsody.of([]))) == 0


def test_noise_without_a_pitch_has_no_tone(real: RealProsody) -> None:
    noise = [Prosody(None, None, p.energy_db, p.rate_syllables_s) for _, p in clips("calm", 80, 4)]
    found, _, _ = mark_emotion(noise, real, as_set(["calm"] * 4))
    assert found is not None
    assert found.share == 0
    assert found.shares.tolist() == [0, 0, 0, 0]
