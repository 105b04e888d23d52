"""Finishes a clip: trims silence, reduces noise, sets the loudness and measures the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import soxr
from pydantic import Field, PositiveFloat
from pydantic import dataclasses as checked

from xttslab.data.audio import SAMPLE_RATE
from xttslab.data.copies import peaks
from xttslab.data.loudness import SILENCE, integrated_lufs, true_peak_db
from xttslab.data.pitch import pitch_measures
from xttslab.data.preparing.phones import sound_frames
from xttslab.data.preparing.spectrum import noise_measures
from xttslab.data.preparing.voice_activity import (
    FRAME_SECONDS,
    Segmentation,
    Span,
    SpeechFinder,
    Trimming,
    speech_probability,
)
from xttslab.data.speaker_encoders import ENCODERS, RATE, EncoderName
from xttslab.errors import UserError

RECIPE_VERSION = 6  # raise it when a clip made by newer code would differ
VOICE_SAMPLES = 5 * SAMPLE_RATE  # the middle of a clip says who speaks, …
_VOICE_STEP = SAMPLE_RATE // 2  # … in half seconds: torch keeps memory for every length it has seen
_FADE = int(0.005 * SAMPLE_RATE)


@checked.dataclass(frozen=True)
class Loudness:
    """Target in LUFS (ITU-R BS.1770), ceiling in dBTP."""

    target_lufs: float
    ceiling_dbtp: float

    def gain_db(self, lufs: float, peak_dbtp: float) -> float:
        """The gain that brings a clip of that loudness to the target, less where its peak would
        pass the ceiling: turning a clip down leaves its shape alone, a limiter would not."""
        if lufs <= SILENCE:
            return 0.0
        return min(self.target_lufs - lufs, self.ceiling_dbtp - peak_dbtp)


@checked.dataclass(frozen=True)
class Denoising:
    """`strength` 0 leaves the sound alone, 1 takes all away that looks like steady noise.

    Reduced noise can leave a metallic rest that a voice learns: listen before training on it.
    """

    strength: Annotated[float, Field(ge=0, le=1)]

    @property
    def changes(self) -> list[tuple[str, str]]:
        """What stands in changed.csv for every clip."""
        return [("noise reduced", f"{self.strength:.0%}")] if self.strength else []

    def clean(self, samples: np.ndarray) -> np.ndarray:
        """Reduce steady noise in (n,) samples (package `noisereduce`); returns the very same array
        for strength 0. Raises UserError where the package is missing."""
        if not self.strength:
            return samples
        try:
            import noisereduce
        except ImportError as fault:
            raise UserError(
                "denoising.strength needs a package: run `pip install noisereduce`, or leave it 0"
            ) from fault
        cleaned = noisereduce.reduce_noise(
            samples, SAMPLE_RATE, stationary=True, prop_decrease=self.strength
        )
        return cleaned.astype(np.float32)


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
class FinishedClip:
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
    `encoder` embeds their speakers; None leaves that check out."""

    speech: SpeechFinder
    segments: Segmentation
    trimming: Trimming
    denoising: Denoising
    loudness: Loudness
    min_seconds: PositiveFloat
    max_seconds: PositiveFloat
    encoder: EncoderName | None = None

    def passage(self, samples: np.ndarray) -> Passage:
        """Look for speech in (n,) samples that are a clip already."""
        probability = speech_probability(samples)
        return Passage(samples, self.speech.regions(probability), probability, whole=True)

    def finish(self, passage: Passage) -> FinishedClip:
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
        measures = self._measures(passage, cleaned, kept)
        gain = self.loudness.gain_db(measures["lufs"], measures["peak_dbtp"])
        finished = kept * np.float32(10 ** (gain / 20))
        place = start / SAMPLE_RATE, end / SAMPLE_RATE
        measures["gain_db"] = gain
        sound = {"sound": clip_sound(kept, passage.probability, *place)}
        changes = _trimmed(start, len(samples) - end)
        changes += [*self.denoising.changes, ("gain", f"{gain:+.1f} dB")]
        features = self._features(finished) | sound
        return FinishedClip(finished, *place, tuple(changes), measures, features)

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
        return measures | pitch_measures(kept)

    def _features(self, finished: np.ndarray) -> dict[str, np.ndarray]:
        features = {"peaks": peaks(finished)}
        if self.encoder is not None:
            size = min(len(finished) - len(finished) % _VOICE_STEP, VOICE_SAMPLES) or len(finished)
            middle = (len(finished) - size) // 2
            heard = finished[middle : middle + size]
            heard = soxr.resample(heard, SAMPLE_RATE, RATE, quality="HQ")
            features[self.encoder] = ENCODERS[self.encoder]([heard])[0]
        return features


def clip_sound(kept: np.ndarray, probability: np.ndarray, start: float, end: float) -> np.ndarray:
    """The `sound_frames` of the samples `kept` of a passage, from `start` to `end` seconds, with
    the passage's `probability` of speech."""
    spoken = probability[int(start / FRAME_SECONDS) : int(np.ceil(end / FRAME_SECONDS))] >= 0.5
    return sound_frames(kept, SAMPLE_RATE, spoken)


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
