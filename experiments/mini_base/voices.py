"""A seed in, the mixed voices of the base's corpus out: many for training, some kept for scoring.

A voice is a point between (and a little beyond) Kokoro's five styles, a size that moves pitch and
formants together, and a few ways to speak: its own prosody half and its own pace each. The demo
speaker's mix is kept clear, so that fine-tuning meets a voice the base has never heard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.demo_voice.delivery import TIMBRE as DEMO_TIMBRE
from experiments.teacher.voice import STYLES, Voice, distance

TRAINING = 144
HELD_OUT = 25
WAYS = 4  # manners of each voice

_NEAREST_TO_DEMO = 0.22
_NEAREST_TO_TRAINING = 0.06
_DEEP = STYLES.index("jm_kumo")
_UNCLEAR_PROSODY = STYLES.index("jf_alpha")


@dataclass(frozen=True)
class Paces:
    """How fast voices speak, as factors on the teacher's pace: their own paces, how far a manner
    lies from its voice's, and what none goes beyond."""

    voices: tuple[float, float]
    around: float
    limits: tuple[float, float]


USUAL_PACE = Paces((0.84, 1.04), 0.14, (0.75, 1.15))
VARIOUS_PACE = Paces((0.8, 1.1), 0.2, (0.65, 1.3))


@dataclass(frozen=True)
class Manner:
    """One way in which a voice speaks: clips of one manner prompt each other in training."""

    prosody: tuple[float, ...]
    speed: float


@dataclass(frozen=True)
class CorpusVoice:
    """A voice of the corpus; `size` is the factor on pitch and formants (resampling)."""

    name: str
    timbre: tuple[float, ...]
    size: float
    manners: tuple[Manner, ...]

    def voice(self, manner: int) -> Voice:
        return Voice(self.timbre, self.manners[manner].prosody)


def draw_voices(seed: int) -> tuple[list[CorpusVoice], list[CorpusVoice]]:
    """TRAINING voices `v000` … and HELD_OUT voices `h00` …, the same for the same seed."""
    random = np.random.default_rng(seed)
    training = [_draw(random, f"v{number:03d}", ()) for number in range(TRAINING)]
    known = [voice.timbre for voice in training]
    return training, [_draw(random, f"h{number:02d}", known) for number in range(HELD_OUT)]


def draw_many(seed: int, count: int, apart: list[CorpusVoice]) -> list[CorpusVoice]:
    """`count` voices `w000` … unlike those of `apart`, of more various pace."""
    random = np.random.default_rng(seed)
    known = [voice.timbre for voice in apart]
    return [_draw(random, f"w{n:03d}", known, VARIOUS_PACE) for n in range(count)]


def _draw(
    random: np.random.Generator,
    name: str,
    known: Sequence[tuple[float, ...]],
    paces: Paces = USUAL_PACE,
) -> CorpusVoice:
    timbre = _mix(random)
    while distance(timbre, DEMO_TIMBRE) < _NEAREST_TO_DEMO or any(
        distance(timbre, other) < _NEAREST_TO_TRAINING for other in known
    ):
        timbre = _mix(random)
    size = round(float(random.uniform(0.92, 1.1)), 3)
    pace = random.uniform(*paces.voices)
    manners = tuple(_manner(random, timbre, pace, paces) for _ in range(WAYS))
    return CorpusVoice(name, timbre, size, manners)


def _mix(random: np.random.Generator) -> tuple[float, ...]:
    """Sparse Dirichlet weights; every second voice leans to the only deep style; one in three is
    pushed outwards from the middle, up to weights of −0.1."""
    weights = random.dirichlet(np.full(len(STYLES), 0.6))
    if random.random() < 0.5:
        share = random.uniform(0.5, 0.95)
        weights = (1 - share) * weights
        weights[_DEEP] += share
    if random.random() < 1 / 3:
        weights = weights + random.uniform(0, 0.3) * (weights - 1 / len(STYLES))
        weights = np.clip(weights, -0.1, None)
    return _rounded(weights)


def _manner(
    random: np.random.Generator, timbre: tuple[float, ...], pace: float, paces: Paces
) -> Manner:
    """Prosody near the timbre's own mix, so that pitch and voice suit each other."""
    fresh = random.dirichlet(np.full(len(STYLES), 0.8))
    prosody = 0.65 * np.clip(timbre, 0, None) + 0.35 * fresh
    prosody[_UNCLEAR_PROSODY] = min(prosody[_UNCLEAR_PROSODY], 0.4)
    speed = float(np.clip(pace + random.uniform(-paces.around, paces.around), *paces.limits))
    return Manner(_rounded(prosody), round(speed, 3))


def _rounded(weights: np.ndarray) -> tuple[float, ...]:
    normal = np.round(weights / weights.sum(), 4)
    normal[normal.argmax()] += 1 - normal.sum()
    return tuple(round(float(weight), 4) for weight in normal)
