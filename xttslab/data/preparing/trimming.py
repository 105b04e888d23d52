"""Find where the speech of a clip begins and ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from xttslab.data.audio import SAMPLE_RATE

_HOP = int(0.01 * SAMPLE_RATE)
_AS_LOUD = 10 ** (-20 / 20)  # of the speech: this is no pause any more
_OVER_NOISE = 4.0  # times the quietest twentieth
_LASTING = 10  # frames; shorter sounds are clicks


@dataclass(frozen=True)
class Trimming:
    """Silence kept on both sides in seconds, and how far a soft ending may reach past the VAD.

    Voice activity models end early on final consonants such as `s` and `sz`; so the speech is
    followed outwards while it stays above `floor_db` relative to its own level. They also miss
    whole words; so of a clip whose ends a person has set nothing goes that is nearly as loud as the
    speech and lasts 0.1 s.
    """

    margin_s: NonNegativeFloat
    reach_s: NonNegativeFloat
    floor_db: float

    def bounds(
        self,
        samples: np.ndarray,
        regions: Sequence[tuple[float, float]],
        whole: bool = False,
    ) -> tuple[int, int] | None:
        """(start, end) in samples to keep of (n,) samples; None where no speech was found.

        `whole`: a person set the ends, where others were chosen by the detector.
        """
        if not regions:
            return None
        level = frame_rms(samples)
        first = min(int(regions[0][0] * SAMPLE_RATE) // _HOP, len(level) - 1)
        last = min(int(regions[-1][1] * SAMPLE_RATE) // _HOP, len(level))
        speech = float(np.sqrt(np.mean(np.square(level[first : max(last, first + 1)]))))
        quiet = float(np.percentile(level, 5))
        floor = max(speech * 10 ** (self.floor_db / 20), 2.0 * quiet)
        reach = int(self.reach_s * SAMPLE_RATE) // _HOP
        first = _follow(level, first, -1, reach, floor)
        last = _follow(level, last - 1, 1, reach, floor) + 1
        if whole:
            sounds = _lasting(level > max(_AS_LOUD * speech, _OVER_NOISE * quiet))
            first, last = min([first, *sounds[:, 0]]), max([last, *sounds[:, 1]])
        margin = int(self.margin_s * SAMPLE_RATE)
        return max(0, first * _HOP - margin), min(len(samples), last * _HOP + margin)


def frame_rms(samples: np.ndarray) -> np.ndarray:
    """RMS of every whole 10 ms, (n // 220,); one value at least."""
    frames = max(len(samples) // _HOP, 1)
    padded = np.zeros(frames * _HOP, np.float32)
    padded[: min(len(samples), frames * _HOP)] = samples[: frames * _HOP]
    return np.sqrt(np.mean(np.square(padded.reshape(frames, _HOP)), axis=1))


def _lasting(loud: np.ndarray) -> np.ndarray:
    """(first, end) frames of every run of `loud` frames that lasts, (runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], loud.astype(np.int8), [0]))))
    runs = edges.reshape(-1, 2)
    return runs[runs[:, 1] - runs[:, 0] >= _LASTING]


def _follow(level: np.ndarray, index: int, step: int, reach: int, floor: float) -> int:
    for _ in range(reach):
        if not 0 <= index + step < len(level) or level[index + step] < floor:
            break
        index += step
    return index
