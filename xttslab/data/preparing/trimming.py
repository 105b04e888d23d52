"""A clip and its speech probability in, where the speech begins and ends out."""

from __future__ import annotations

import numpy as np
from pydantic import NonNegativeFloat
from pydantic.dataclasses import dataclass

from xttslab.data.audio import SAMPLE_RATE

_HOP = int(0.01 * SAMPLE_RATE)


@dataclass(frozen=True)
class Trimming:
    """Silence kept on both sides in seconds, and how far a soft ending may reach past the VAD.

    Voice activity models end early on final consonants such as `s` and `sz`; so the speech is
    followed outwards while it stays above `floor_db` relative to its own level.
    """

    margin_s: NonNegativeFloat
    reach_s: NonNegativeFloat
    floor_db: float

    def bounds(
        self, samples: np.ndarray, regions: list[tuple[float, float]]
    ) -> tuple[int, int] | None:
        """(start, end) in samples to keep of (n,) samples; None where no speech was found."""
        if not regions:
            return None
        level = frame_rms(samples)
        first = min(int(regions[0][0] * SAMPLE_RATE) // _HOP, len(level) - 1)
        last = min(int(regions[-1][1] * SAMPLE_RATE) // _HOP, len(level))
        speech = float(np.sqrt(np.mean(np.square(level[first : max(last, first + 1)]))))
        floor = max(speech * 10 ** (self.floor_db / 20), 2.0 * float(np.percentile(level, 5)))
        reach = int(self.reach_s * SAMPLE_RATE) // _HOP
        first = _follow(level, first, -1, reach, floor)
        last = _follow(level, last - 1, 1, reach, floor) + 1
        margin = int(self.margin_s * SAMPLE_RATE)
        return max(0, first * _HOP - margin), min(len(samples), last * _HOP + margin)


def frame_rms(samples: np.ndarray) -> np.ndarray:
    """RMS of every whole 10 ms, (n // 220,); one value at least."""
    frames = max(len(samples) // _HOP, 1)
    padded = np.zeros(frames * _HOP, np.float32)
    padded[: min(len(samples), frames * _HOP)] = samples[: frames * _HOP]
    return np.sqrt(np.mean(np.square(padded.reshape(frames, _HOP)), axis=1))


def _follow(level: np.ndarray, index: int, step: int, reach: int, floor: float) -> int:
    for _ in range(reach):
        if not 0 <= index + step < len(level) or level[index + step] < floor:
            break
        index += step
    return index
