"""Other people's clips are found as long as the main speaker speaks most."""

from __future__ import annotations

import numpy as np

from xttslab.data.preparing.speakers import strangers


def voices(count: int, person: int, spread: float = 0.03) -> np.ndarray:
    """Embeddings of norm 1 around a person's own direction."""
    centre = np.random.default_rng(person).standard_normal(256)
    centre /= np.linalg.norm(centre)
    found = centre + spread * np.random.default_rng(7).standard_normal((count, 256))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_strangers_are_named_with_their_cosine() -> None:
    mixed = np.concatenate([voices(30, person=0), voices(4, person=1), voices(3, person=2)])
    found = strangers(mixed, ["a"] * 37, 0.72)
    assert sorted(found) == list(range(30, 37))
    assert all(abs(cosine) < 0.4 for cosine in found.values())


def test_the_main_voice_is_the_most_frequent_one_not_the_mean_of_all() -> None:
    mixed = np.concatenate([voices(12, person=1), voices(20, person=0), voices(11, person=2)])
    assert sorted(strangers(mixed, ["a"] * 43, 0.72)) == [*range(12), *range(32, 43)]


def test_each_name_has_its_own_main_voice() -> None:
    mixed = np.concatenate([voices(10, person=0), voices(10, person=1)])
    assert strangers(mixed, ["a"] * 10 + ["b"] * 10, 0.72) == {}


def test_clips_without_a_voice_and_small_sets_are_left_alone() -> None:
    silent = np.full((2, 256), np.nan)
    assert strangers(np.concatenate([voices(10, 0), silent]), ["a"] * 12, 0.72) == {}
    assert strangers(np.concatenate([voices(2, 0), voices(2, 1)]), ["a"] * 4, 0.72) == {}


def test_a_large_set_is_sampled_and_still_right() -> None:
    mixed = np.concatenate([voices(3_000, person=0), voices(50, person=1)])
    assert sorted(strangers(mixed, ["a"] * 3_050, 0.72)) == list(range(3_000, 3_050))
