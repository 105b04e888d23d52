"""Decoded samples in, the finished clip with its changes and measurements out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import soxr
from pydantic import PositiveFloat
from pydantic import dataclasses as checked

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.preparing.denoising import Denoising
from xttslab.data.preparing.fingerprints import peaks
from xttslab.data.preparing.loudness import Loudness, integrated_lufs, true_peak_db
from xttslab.data.preparing.prosody import melody
from xttslab.data.preparing.segments import Segmentation, Span
from xttslab.data.preparing.spectrum import noise_measures
from xttslab.data.preparing.trimming import Trimming
from xttslab.data.preparing.voice_activity import SpeechFinder, speech_probability

MADE_BY = 4  # raise it when a clip made by newer code would differ
VOICE_RATE = 16_000  # what speaker encoders read
_VOICE_SAMPLES = 5 * SAMPLE_RATE  # the middle of a clip says who speaks
_FADE = int(0.005 * SAMPLE_RATE)

Voices = Callable[[Sequence[np.ndarray]], np.ndarray]
"""Clips at 16 kHz in, one embedding of norm 1 for each out, (clips, size); NaN without speech."""


class Unusable(Exception):
    """Why no clip could be made: `reason` and `value` of its row in rejected.csv."""

    def __init__(self, reason: str, value: str) -> None:
        super().__init__(reason, value)
        self.reason = reason
        self.value = value


@dataclass(frozen=True)
class Passage:
    """Samples that hold one clip: (n,), the speech in them, and its probability per 32 ms; `whole`:
    a person set its ends, and all that is said in it belongs to its text."""

    samples: np.ndarray
    regions: Sequence[Span]
    probability: np.ndarray
    whole: bool = False


@dataclass(frozen=True)
class Finished:
    """A clip as it is written: (n,) samples, its place in the passage in seconds, every change as
    (what, how much), its measurements, and arrays that compare it with other clips."""

    samples: np.ndarray
    start: float
    end: float
    changes: tuple[tuple[str, str], ...]
    measures: dict[str, float]
    features: dict[str, np.ndarray]


@checked.dataclass(frozen=True)
class Recipe:
    """The steps that make a clip. `min_seconds` and `max_seconds` bound what training can use;
    `voices` embeds speakers, None leaves that check out."""

    speech: SpeechFinder
    segments: Segmentation
    trimming: Trimming
    denoising: Denoising
    loudness: Loudness
    min_seconds: PositiveFloat
    max_seconds: PositiveFloat
    voices: Voices | None = field(default=None, repr=False)

    def passage(self, samples: np.ndarray) -> Passage:
        """Look for speech in (n,) samples that are a clip already."""
        probability = speech_probability(samples)
        return Passage(samples, self.speech.regions(probability), probability, whole=True)

    def finish(self, passage: Passage) -> Finished:
        """Clean, trim and level a passage, and measure it.

        Raises Unusable for one without speech, too short or too long.
        """
        samples = passage.samples
        bounds = self.trimming.bounds(samples, passage.regions, passage.whole)
        if bounds is None:
            raise Unusable("no speech is heard", f"{len(samples) / SAMPLE_RATE:.2f} s")
        start, end = bounds
        self.require_length((end - start) / SAMPLE_RATE)
        cleaned = self.denoising.clean(samples)
        kept = _faded(cleaned[start:end])
        gain = self.loudness.gain_db(kept)
        finished = kept * np.float32(10 ** (gain / 20))
        measures = self._measures(passage, cleaned, kept) | {"gain_db": gain}
        changes = _trimmed(start, len(samples) - end)
        changes += [*self.denoising.changes, ("gain", f"{gain:+.1f} dB")]
        place = start / SAMPLE_RATE, end / SAMPLE_RATE
        return Finished(finished, *place, tuple(changes), measures, self._features(finished))

    def require_length(self, seconds: float) -> None:
        """Raise Unusable for what is too short or too long to train on."""
        if seconds < self.min_seconds:
            raise Unusable(f"shorter than {self.min_seconds} s", f"{seconds:.2f} s")
        if seconds > self.max_seconds:
            raise Unusable(f"longer than {self.max_seconds} s", f"{seconds:.2f} s")

    def _measures(
        self, passage: Passage, cleaned: np.ndarray, kept: np.ndarray
    ) -> dict[str, float]:
        measures = noise_measures(passage.samples, passage.probability)
        if cleaned is not passage.samples:
            after = noise_measures(cleaned, passage.probability)
            measures |= {"snr_before_db": measures["snr_db"], "snr_db": after["snr_db"]}
        measures["seconds"] = len(kept) / SAMPLE_RATE
        measures["lufs"] = integrated_lufs(kept)
        measures["peak_dbtp"] = true_peak_db(kept)
        return measures | melody(kept)

    def _features(self, finished: np.ndarray) -> dict[str, np.ndarray]:
        features = {"peaks": peaks(finished)}
        if self.voices is not None:
            middle = max(0, len(finished) - _VOICE_SAMPLES) // 2
            heard = finished[middle : middle + _VOICE_SAMPLES]
            heard = soxr.resample(heard, SAMPLE_RATE, VOICE_RATE, quality="HQ")
            features["voice"] = self.voices([heard])[0]
        return features


def _faded(samples: np.ndarray) -> np.ndarray:
    """5 ms in and out, so that a clip cut from running sound does not click."""
    ramp = np.linspace(0.0, 1.0, min(_FADE, len(samples) // 2), dtype=np.float32)
    faded = samples.astype(np.float32, copy=True)
    faded[: len(ramp)] *= ramp
    faded[len(faded) - len(ramp) :] *= ramp[::-1]
    return faded


def _trimmed(before: int, after: int) -> list[tuple[str, str]]:
    cuts = (("silence trimmed at the start", before), ("silence trimmed at the end", after))
    return [(what, f"{n / SAMPLE_RATE:.2f} s") for what, n in cuts if n > SAMPLE_RATE // 100]
