"""Plants failures of generation in speech and counts which of them the guard's judge finds.

    python -m experiments.guard.failures clips=40        # recordings and speech of the small base
    python -m experiments.guard.failures clips=40 recogniser=none

Sources: recordings of the demo voice (known to be right), and sentences spoken by the small base,
whose own failures count as false alarms. In every clip one failure of each kind is planted: its end
cut off (20 to 35 % of its speech), as much left out in the middle, a part of it said twice (20 to
35 %), babble behind it (0.8 to 2 s of another clip, a third of them backwards).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
import torch

from experiments.guard.speech import base_speaker, texts, usual_settings
from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.manifest import read_folder
from xttslab.evaluation.pronunciation import normalise
from xttslab.evaluation.recognition import Recogniser
from xttslab.evaluation.take_judge import TakeJudge, pace_of
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.sampling import Generated
from xttslab.speaking.joining import sounding
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.take_guard import Take

KINDS = ("none", "cut end", "left out", "said twice", "babble")
ENDED = Generated(torch.zeros(0), torch.zeros(0, 1), torch.zeros(1), True)


@dataclass(frozen=True, eq=False)
class Planted:
    """A clip with a failure of `kind` in it, beside the text that it should say."""

    kind: str
    text: str
    wave: np.ndarray


def plant(text: str, wave: np.ndarray, other: np.ndarray, seed: int) -> Iterator[Planted]:
    """The clip as it is and once with each failure."""
    drawn = np.random.default_rng(seed)
    first, end = sounding(wave, SPEECH_RATE)
    length = end - first

    def part(low: float, high: float) -> tuple[int, int]:
        begin = first + int(drawn.uniform(low, high) * length)
        return begin, begin + int(drawn.uniform(0.2, 0.35) * length)

    yield Planted("none", text, wave)
    yield Planted("cut end", text, wave[: end - int(drawn.uniform(0.2, 0.35) * length)])
    begin, stop = part(0.1, 0.6)
    yield Planted("left out", text, np.concatenate([wave[:begin], wave[stop:]]))
    begin, stop = part(0.05, 0.6)
    yield Planted("said twice", text, np.concatenate([wave[:stop], wave[begin:]]))
    heard = other[slice(*sounding(other, SPEECH_RATE))]
    heard = heard[: int(drawn.uniform(0.8, 2.0) * SPEECH_RATE)]
    gap = np.zeros(int(drawn.uniform(0.02, 0.3) * SPEECH_RATE), np.float32)
    behind = heard[::-1] if drawn.random() < 1 / 3 else heard
    yield Planted("babble", text, np.concatenate([wave[:end], gap, behind]))


def recordings(count: int) -> list[tuple[str, np.ndarray]]:
    """Text and wave of recordings of the demo voice, 1.5 to 8 s."""
    clips, _ = read_folder(Path("data/demo_milliomos"), "demo_milliomos", "hu")
    found = []
    for clip in clips:
        wave = read_audio(clip.audio)
        if 1.5 <= len(wave) / SAMPLE_RATE <= 8:
            found.append((clip.text, soxr.resample(wave, SAMPLE_RATE, SPEECH_RATE)))
    return found[:count]


def spoken(count: int) -> list[tuple[str, np.ndarray]]:
    """Text and wave of sentences that the small base speaks, seeds that nothing was chosen on."""
    speaker = base_speaker()
    seeds = range(40_000, 40_000 + count)
    lines = [
        SpeechLine(text, usual_settings(seed))
        for text, seed in zip(texts(count), seeds, strict=True)
    ]
    return [(line.text, one.wave) for line, one in zip(lines, speaker.speak(lines), strict=True)]


def main() -> None:
    """Print the share of each kind in which a fault was found, by source."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    recogniser = None if given.get("recogniser") == "none" else Recogniser(batch_size=16)
    judge = TakeJudge(recogniser, "hu")
    count = int(given.get("clips", 40))
    for source, clips in (("recordings", recordings(count)), ("small base", spoken(count))):
        planted = [
            one
            for row, (text, wave) in enumerate(clips)
            for one in plant(text, wave, clips[(row + 7) % len(clips)][1], row)
        ]
        right = [Take(one.text, ENDED, one.wave) for one in planted if one.kind == "none"]
        usual = {"": float(np.median([pace_of(t.wave, normalise(t.text)) for t in right]))}
        shares = {}
        for kind in KINDS:
            takes = [Take(one.text, ENDED, one.wave) for one in planted if one.kind == kind]
            judged = judge(takes, usual)
            shares[kind] = np.mean([bool(one.faults) for one in judged])
            if kind == "none":
                named = zip(takes, judged, strict=True)
                lines = [f"  {t.text}: {'; '.join(one.faults)}" for t, one in named if one.faults]
                print("\n".join(lines))
        line = ", ".join(f"{kind} {share:.1%}" for kind, share in shares.items())
        print(f"{source}, {len(clips)} clips, fault found: {line}", flush=True)


if __name__ == "__main__":
    main()
