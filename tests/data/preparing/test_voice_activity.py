"""Passages are cut at pauses, within the bounds, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.preparing.conftest import RECIPE, SEGMENTS, SPEECH, shared
from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.preparing import finishing as clips
from xttslab.data.preparing import voice_activity
from xttslab.data.preparing.finishing import Unusable
from xttslab.data.preparing.voice_activity import (
    FRAME_SECONDS,
    SpeechFinder,
    Trimming,
    detector_gain,
    frame_rms,
    speech_probability,
)

FLAT = np.ones(40_000, np.float32)


def spans(*lengths: float, pauses: list[float]) -> list[tuple[float, float]]:
    """Stretches of speech of these lengths with these pauses between them."""
    found, now = [], 0.0
    for length, pause in zip(lengths, [*pauses, 0.0], strict=True):
        found.append((now, now + length))
        now += length + pause
    return found


def lengths(passages: list[tuple[float, float]]) -> list[float]:
    return [round(end - start, 2) for start, end in passages]


def test_long_pauses_always_cut_and_short_ones_do_not() -> None:
    regions = spans(3.0, 3.0, 3.0, pauses=[0.3, 0.8])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [6.3, 3.0]


def test_a_short_passage_joins_the_nearer_neighbour() -> None:
    regions = spans(3.0, 1.0, 3.0, pauses=[0.78, 0.72])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [3.0, 4.72]


def test_a_short_passage_far_from_others_stays_alone() -> None:
    regions = spans(3.0, 1.0, 3.0, pauses=[0.9, 1.5])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [3.0, 1.0, 3.0]


def test_a_join_never_makes_a_passage_too_long() -> None:
    regions = spans(11.5, 1.0, pauses=[0.75])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [11.5, 1.0]


def test_a_long_passage_is_cut_at_its_longest_pauses() -> None:
    regions = spans(5.0, 5.0, 5.0, 5.0, pauses=[0.25, 0.5, 0.25])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [10.25, 10.25]


def test_speech_without_a_pause_may_pass_the_maximum() -> None:
    assert lengths(SEGMENTS.passages([(0.0, 20.0)], FLAT)) == [20.0]


def test_beyond_the_ceiling_it_is_cut_at_the_least_likely_moment() -> None:
    probability = FLAT.copy()
    probability[round(11.2 / FRAME_SECONDS)] = 0.4
    passages = SEGMENTS.passages([(0.0, 33.0)], probability)
    assert passages[0][1] == pytest.approx(11.2, abs=0.05)
    assert all(end - start <= 28.0 for start, end in passages)
    assert passages[-1][1] == 33.0


def test_a_remainder_is_short_rather_than_the_whole_beyond_the_ceiling() -> None:
    regions = spans(28.0, 0.5, pauses=[0.5])
    assert lengths(SEGMENTS.passages(regions, FLAT)) == [28.0, 0.5]


def test_no_speech_gives_no_passages() -> None:
    assert SEGMENTS.passages([], FLAT) == []


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.1, 60.0), st.floats(0.2, 5.0)), min_size=1, max_size=40))
def test_all_speech_is_in_exactly_one_passage(parts: list[tuple[float, float]]) -> None:
    regions = spans(*(length for length, _ in parts), pauses=[pause for _, pause in parts[:-1]])
    passages = SEGMENTS.passages(regions, np.ones(int(3_000 / FRAME_SECONDS), np.float32))
    assert all(a[1] <= b[0] for a, b in pairwise(passages))
    assert all(0 < end - start <= SEGMENTS.ceiling_s + 1e-6 for start, end in passages)
    for start, end in regions:
        inside = sum(max(0.0, min(end, b) - max(start, a)) for a, b in passages)
        assert inside == pytest.approx(end - start)
    for (_, end), (start, _) in pairwise(regions):
        if start - end >= max(SEGMENTS.split_pause_s, SEGMENTS.join_pause_s) + 1e-6:
            assert not any(a < end < b for a, b in passages)


TRIM = Trimming(margin_s=0.1, reach_s=0.25, floor_db=-40.0)


def test_silence_is_cut_to_the_margin(spoken: list[np.ndarray]) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    clip = np.concatenate([silence, spoken[0], silence])
    alone = TRIM.bounds(spoken[0], SPEECH.regions(speech_probability(spoken[0])))
    padded = TRIM.bounds(clip, SPEECH.regions(speech_probability(clip)))
    assert alone is not None
    assert padded is not None
    assert padded[0] > 0.85 * SAMPLE_RATE
    assert padded[1] < len(clip) - 0.85 * SAMPLE_RATE
    assert padded[0] - SAMPLE_RATE <= alone[0] + 0.05 * SAMPLE_RATE


def noise_burst(start: float, end: float, level: float) -> np.ndarray:
    """Two seconds of near silence with a burst at 0.5 to 1.0 s, and a softer one."""
    random = np.random.default_rng(0)
    shape = np.full(2 * SAMPLE_RATE, 1e-5)
    shape[int(0.5 * SAMPLE_RATE) : SAMPLE_RATE] = 0.1
    shape[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] = level
    return (shape * random.standard_normal(len(shape))).astype(np.float32)


@pytest.mark.parametrize(
    ("ending", "level", "wanted"),
    [
        (1.0, 0.01, 1.10),  # nothing follows: margin alone
        (1.2, 0.01, 1.30),  # a soft consonant after the detector let go
        (1.8, 0.01, 1.35),  # no further than the reach
        (1.2, 0.0003, 1.10),  # below the floor: silence
    ],
)
def test_a_soft_ending_is_followed(ending: float, level: float, wanted: float) -> None:
    clip = noise_burst(1.0, ending, level)
    bounds = TRIM.bounds(clip, [(0.5, 1.0)])
    assert bounds is not None
    assert bounds[0] / SAMPLE_RATE == pytest.approx(0.4, abs=0.03)
    assert bounds[1] / SAMPLE_RATE == pytest.approx(wanted, abs=0.03)


def test_no_speech_has_no_bounds_and_edges_hold() -> None:
    clip = noise_burst(1.0, 1.0, 0.0)
    assert TRIM.bounds(clip, []) is None
    assert TRIM.bounds(clip, [(0.0, 2.0)]) == (0, len(clip))


def test_frame_rms_of_a_constant() -> None:
    assert np.allclose(frame_rms(np.full(2_205, 0.5, np.float32)), 0.5)
    assert frame_rms(np.zeros(10, np.float32)).shape == (1,)


def test_a_word_that_the_detector_misses_stays_where_a_person_set_the_ends(
    monkeypatch: pytest.MonkeyPatch, spoken: list[np.ndarray]
) -> None:
    clip = spoken[0]
    seconds = len(clip) / SAMPLE_RATE
    missed = np.zeros(int(np.ceil(seconds / FRAME_SECONDS)), np.float32)
    missed[10:20] = 1.0  # 0.32 s of the whole
    monkeypatch.setattr(clips, "speech_probability", lambda samples: missed)
    passage = RECIPE.passage(clip)
    assert RECIPE.finish(passage).measures["seconds"] == pytest.approx(seconds, abs=0.25)
    with pytest.raises(Unusable, match="shorter"):
        replace(RECIPE, min_seconds=2.0).finish(replace(passage, whole=False))


def test_clicks_noise_and_soft_sounds_around_a_clip_still_go() -> None:
    clip = noise_burst(1.3, 1.8, 0.005)  # 26 dB below
    clip[int(0.1 * SAMPLE_RATE) : int(0.12 * SAMPLE_RATE)] = 0.5  # a click
    assert TRIM.bounds(clip, [(0.5, 1.0)], whole=True) == TRIM.bounds(clip, [(0.5, 1.0)])
    noisy = noise_burst(1.0, 1.0, 0.1) + 0.03 * np.random.default_rng(1).standard_normal(len(clip))
    bounds = TRIM.bounds(noisy.astype(np.float32), [(0.5, 1.0)], whole=True)
    assert bounds is not None
    assert (bounds[0] / SAMPLE_RATE, bounds[1] / SAMPLE_RATE) == pytest.approx((0.4, 1.1), abs=0.04)


def test_the_first_word_of_a_real_clip_is_not_lost() -> None:
    """ "alkotni. Jó? Adásban soha! …": the detector begins at "Jó", 1.6 s in."""
    clip = read_audio(shared("broadcast_hu") / "interview" / "talk_05.flac")
    passage = RECIPE.passage(clip)
    assert passage.regions[0][0] > 1.5
    assert RECIPE.finish(passage).measures["seconds"] == pytest.approx(8.69, abs=0.05)


def test_equals_the_packages_streaming_model(spoken: list[np.ndarray]) -> None:
    silero = pytest.importorskip("silero_vad")
    import torch

    wave = soxr.resample(spoken[0], SAMPLE_RATE, 16_000, quality="HQ")
    wave = wave[: len(wave) // 512 * 512]
    model = silero.load_silero_vad(onnx=True)
    with torch.inference_mode():
        wanted = [float(model(torch.from_numpy(part), 16_000)) for part in wave.reshape(-1, 512)]
    found = speech_probability(wave, 16_000)
    assert np.abs(found - np.array(wanted)).max() < 1e-4


def test_noise_and_silence_are_not_speech(spoken: list[np.ndarray]) -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE).astype(np.float32)
    assert speech_probability(noise).max() < 0.5
    assert speech_probability(np.zeros(SAMPLE_RATE, np.float32)).max() < 0.5
    assert speech_probability(np.zeros(0, np.float32)).shape == (0,)
    assert (speech_probability(spoken[0]) > 0.5).mean() > 0.5


def test_long_audio_is_the_same_in_one_or_many_calls(
    spoken: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    long = np.concatenate([spoken[0], np.zeros(SAMPLE_RATE, np.float32)] * 8)
    found = speech_probability(long)
    assert len(found) == int(np.ceil(len(long) / SAMPLE_RATE / FRAME_SECONDS))
    monkeypatch.setattr(voice_activity, "_BLOCK", 7)
    assert np.abs(speech_probability(long) - found).max() < 1e-5


def test_regions_follow_both_thresholds() -> None:
    finder = SpeechFinder(enter=0.5, leave=0.3, min_speech_s=0.06, min_pause_s=0.09)
    probability = np.array([0, 0.6, 0.4, 0.6, 0.1, 0.6, 0.2, 0, 0, 0, 0.6, 0, 0, 0, 0, 0.9, 0.9])
    spans = [
        (round(a / FRAME_SECONDS), round(b / FRAME_SECONDS)) for a, b in finder.regions(probability)
    ]
    # The dip at 4 is shorter than a pause, the lone frame at 10 shorter than speech.
    assert spans == [(1, 6), (15, 17)]


def test_no_speech_has_no_regions() -> None:
    assert SPEECH.regions(np.zeros(100)) == []
    assert SPEECH.regions(np.zeros(0)) == []


@pytest.mark.parametrize("decibels", [-60.0, -40.0, 40.0, 90.0])
def test_speech_is_found_at_any_level(spoken: list[np.ndarray], decibels: float) -> None:
    clip = np.concatenate([spoken[0], np.zeros(SAMPLE_RATE, np.float32), spoken[1]])
    factor = np.float32(10 ** (decibels / 20))
    same = (speech_probability(factor * clip) >= 0.5) == (speech_probability(clip) >= 0.5)
    assert same.mean() > 0.97


def test_usual_levels_are_heard_as_they_are(spoken: list[np.ndarray]) -> None:
    for gain in (0.1, 1.0, 3.0):
        assert detector_gain([gain * spoken[0]]) == 1.0
    assert detector_gain([np.zeros(SAMPLE_RATE, np.float32)]) == 1.0
    assert detector_gain([np.zeros(0, np.float32)]) == detector_gain([]) == 1.0


def test_the_level_is_that_of_the_loudest_second_without_its_clicks() -> None:
    block = np.full(SAMPLE_RATE * 4, 1e-4, np.float32)  # -80 dBFS, raised to -25
    assert detector_gain([block]) == pytest.approx(10 ** (55 / 20), rel=1e-3)
    clicked = block.copy()
    clicked[:: SAMPLE_RATE // 2] = 0.9
    assert detector_gain([clicked]) == pytest.approx(10 ** (55 / 20), rel=1e-3)
    louder = 10 * block
    assert detector_gain([block, louder, block]) == pytest.approx(10 ** (35 / 20), rel=1e-3)
