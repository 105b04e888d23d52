import numpy as np
import pytest

from tests.evaluation.conftest import silence, tone
from xttslab.evaluation.prosody import describe, pitch_track

pytest.importorskip("parselmouth", reason="praat-parselmouth is not installed (extra eval)")


@pytest.mark.parametrize("hertz", [90.0, 200.0, 350.0])
def test_pitch_is_in_semitones_above_1_hz(hertz: float) -> None:
    found = describe(tone(1.0, hertz))
    assert found.pitch_st == pytest.approx(12 * np.log2(hertz), abs=0.2)
    assert found.pitch_range_st == pytest.approx(0, abs=0.3)


def test_range_spans_5th_to_95th_percentile() -> None:
    time = np.arange(32_000) / 16_000
    octave = 150 * 2 ** (time / 2)  # one octave up in 2 s
    phase = 2 * np.pi * np.cumsum(octave) / 16_000
    sweep = sum(np.cos(n * phase) / n for n in range(1, 15)).astype(np.float32) * 0.1
    assert describe(sweep).pitch_range_st == pytest.approx(0.9 * 12, abs=0.6)


def test_louder_sound_has_more_energy_and_the_same_pitch() -> None:
    quiet, loud = describe(tone(1.0, level=0.1)), describe(tone(1.0, level=0.2))
    assert loud.energy_db - quiet.energy_db == pytest.approx(6.02, abs=0.05)
    assert loud.pitch_st == pytest.approx(quiet.pitch_st)


def test_rate_counts_syllables_from_first_to_last_sound() -> None:
    audio = np.concatenate([silence(1), tone(1.0), silence(0.5), tone(0.5), silence(1)])
    found = describe(audio, "Nagyszerű 12!")  # nagy-sze-rű ti-zen-ket-tő
    assert found.rate_syllables_s == pytest.approx(7 / 2.0, rel=0.05)


def test_what_cannot_be_had_is_none() -> None:
    noise = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    found = describe(noise)
    assert (found.pitch_st, found.pitch_range_st, found.rate_syllables_s) == (None, None, None)
    assert np.isnan(found.features()).tolist() == [True, True, False, True]


def test_silence_cannot_be_described() -> None:
    with pytest.raises(ValueError, match="no sound in the recording"):
        describe(silence(1))


def test_very_short_sound_has_no_pitch() -> None:
    assert pitch_track(tone(0.04)).shape == (0,)
    assert describe(tone(0.06)).pitch_st is None
