"""The demo speaker and how each category is spoken: plain speech in, delivered speech out.

The timbre is one mixed voice for all clips. A category has its own pace (Kokoro's speed), its own
prosody half of the style, and its own pitch and range (resynthesis by Praat's overlap-add).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import parselmouth
from parselmouth.praat import call

from experiments.teacher.voice import Voice, blend

TIMBRE = blend({"jm_kumo": 0.7, "jf_gongitsune": 0.3})
CALM = {"jm_kumo": 0.7, "jf_gongitsune": 0.3}
OPEN = {"jm_kumo": 0.5, "jf_gongitsune": 0.5}
LIVELY = {"jm_kumo": 0.5, "jf_gongitsune": 0.3, "jf_tebukuro": 0.2}

_FLOOR_HZ, _CEILING_HZ = 60.0, 500.0
_FRAME_S = 0.01
_PEAK = 0.95


@dataclass(frozen=True)
class Delivery:
    """`speed` of the model; prosody weights; `shift` in semitones; `spread` scales the pitch range
    around its median (1 leaves it); `level` is the clip's RMS in dBFS."""

    speed: float
    prosody: dict[str, float]
    shift: float = 0.0
    spread: float = 1.0
    level: float = -23.0

    @property
    def voice(self) -> Voice:
        return Voice(TIMBRE, blend(self.prosody))


MILLIOMOS = {
    "neutral": Delivery(0.95, CALM),
    "question": Delivery(0.93, OPEN, shift=1.0, spread=1.25),
    "excitement": Delivery(1.05, LIVELY, shift=3.0, spread=1.5, level=-19.0),
    "greeting": Delivery(0.97, OPEN, shift=2.0, spread=1.3, level=-21.0),
    "tension": Delivery(0.78, CALM, shift=-2.0, spread=0.7, level=-27.0),
    "transition": Delivery(1.06, CALM, shift=0.5, spread=1.2, level=-22.0),
    "confirmation": Delivery(0.88, CALM, shift=-0.5, spread=1.3, level=-21.0),
}
BLIKK = {
    "neutral": Delivery(1.0, CALM, shift=-0.5, spread=0.6, level=-24.0),
    "question": Delivery(1.0, CALM, shift=0.0, spread=0.8, level=-24.0),
    "excitement": Delivery(1.05, OPEN, shift=0.5, spread=0.9, level=-22.0),
}
SETS = {"milliomos": MILLIOMOS, "blikk": BLIKK}


def deliver(audio: np.ndarray, rate: int, delivery: Delivery) -> np.ndarray:
    """Give speech the delivery's pitch, range and level; peaks stay below 0.95."""
    if delivery.shift or delivery.spread != 1:
        audio = _repitch(audio, rate, delivery.shift, delivery.spread)
    loudness = 10 ** (delivery.level / 20) / np.sqrt(np.mean(audio**2))
    return audio * min(loudness, _PEAK / np.abs(audio).max())


def pitch_track(audio: np.ndarray, rate: int) -> np.ndarray:
    """Fundamental frequency of the voiced 10 ms frames in Hz (Praat's autocorrelation)."""
    pitch = parselmouth.Sound(audio.astype(np.float64), rate).to_pitch(
        time_step=_FRAME_S, pitch_floor=_FLOOR_HZ, pitch_ceiling=_CEILING_HZ
    )
    track = pitch.selected_array["frequency"]
    return track[track > 0]


def _repitch(audio: np.ndarray, rate: int, shift: float, spread: float) -> np.ndarray:
    sound = parselmouth.Sound(audio.astype(np.float64), rate)
    manipulation = call(sound, "To Manipulation", _FRAME_S, _FLOOR_HZ, _CEILING_HZ)
    tier = call(manipulation, "Extract pitch tier")
    median = float(np.median(pitch_track(audio, rate)))
    formula = f"{median} * 2 ^ ({shift} / 12) * (self / {median}) ^ {spread}"
    call(tier, "Formula", formula)
    call([tier, manipulation], "Replace pitch tier")
    result = call(manipulation, "Get resynthesis (overlap-add)")
    return result.values[0].astype(np.float32)
