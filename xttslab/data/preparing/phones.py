"""Learns how the phones of a set sound, and aligns texts with their clips.

A phone is two states, each with a Gaussian of diagonal covariance, and silence is one. The states
of a text follow each other as in a hidden Markov model; the most likely path through them is found
with Viterbi's algorithm, the Gaussians are estimated from it, and so on (Rabiner, Proceedings of
the IEEE 77, 1989). They start from those of the packaged demo voice, which keep a say where a set
has little of a phone (Gauvain and Lee, IEEE Transactions on Speech and Audio Processing 2, 1994).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.fft import dct

from xttslab.text.hungarian import phonemes, spell_out

SOUND_HZ = 50  # frames a second
START = Path(__file__).parents[2] / "assets" / "phones.npz"
_WINDOW_S = 0.023  # of a spectrum, of which two make a frame
_BANDS, _BAND_HZ = 24, (100, 8000)
_FLOOR_DB = 70.0  # below the loudest band: what is fainter is taken for silence
_COEFFICIENTS = 13
STATES = 2  # states of a phone
_SKIPPED = 5.0  # nats that a state without a frame costs
_STEPS = np.array([[0, 1], [1, 1], [2, 1]], dtype=np.uint32)  # states and frames of a step
_TRUST, _UNKNOWN_TRUST = 60.0, 15.0  # frames that the start counts for, and the mean of all speech
_SOFT = 5  # frames beside speech that may be soft speech
_LEAST_VARIANCE = 0.1  # of that of all speech
_ROUNDS, _FLAT_ROUNDS = 6, 12
_KNOWN = 0.5  # share of phones that the start knows, below which it is none
# Letters of other languages → the Hungarian phone that is nearest.
_LETTERS = {"a": "aː", "e": "ɛ", "g": "ɡ", "q": "k", "w": "v", "x": "k"}


class Chain(NamedTuple):
    """The states of a text, (states,), and after how many of them each of its words ends."""

    states: np.ndarray
    ends: np.ndarray


def sound_frames(wave: np.ndarray, rate: int, spoken: np.ndarray) -> np.ndarray:
    """Cepstra of float samples (n,), `SOUND_HZ` a second, and in the last column whether somebody
    speaks, as `spoken` (frames of equal length over the whole, bool) says; (frames, 14) float16."""
    size = int(_WINDOW_S * rate)
    count = 2 * int(max(len(wave) - size, 0) * SOUND_HZ / rate)
    if count < 4 or not len(spoken):
        return np.zeros((0, _COEFFICIENTS + 1), np.float16)
    # Rounded one by one: a whole number of samples a step would run ahead, 2 s in a quarter hour.
    first = (np.arange(count) * rate / (2 * SOUND_HZ)).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(wave, size)[first]
    power = np.abs(np.fft.rfft(windows * np.hanning(size).astype(np.float32))) ** 2
    edges = np.geomspace(*_BAND_HZ, _BANDS + 1) * size / rate
    lowest = np.unique(np.minimum(edges.astype(int), power.shape[1] - 1))
    bands = np.add.reduceat(power, lowest, axis=1)[:, :-1] / np.diff(lowest)
    level = 10 * np.log10(bands + 1e-10)
    level = np.maximum(level, level.max() - _FLOOR_DB).reshape(len(level) // 2, 2, -1).mean(axis=1)
    cepstra = dct(level, norm="ortho", axis=1)[:, :_COEFFICIENTS]
    place = np.linspace(0, len(spoken) - 1, len(cepstra)).round().astype(int)
    return np.column_stack([cepstra, spoken[place]]).astype(np.float16)


def observations(frames: np.ndarray) -> np.ndarray:
    """Cepstra without their mean, and their slopes over five frames; (frames, 26) float32."""
    cepstra = frames[:, :_COEFFICIENTS].astype(np.float32)
    cepstra = cepstra - cepstra.mean(axis=0)
    around = np.pad(cepstra, ((2, 2), (0, 0)), mode="edge")
    slopes = (2 * (around[4:] - around[:-4]) + (around[3:-1] - around[1:-3])) / 10
    return np.hstack([cepstra, slopes])


def phones_of(text: str, language: str) -> list[tuple[str, list[str]]]:
    """Each word of a text as it is spoken, with its phones: those of Hungarian, the letters of any
    other language."""
    found = []
    for word in (spell_out(text) if language == "hu" else text).split():
        phones = phonemes(word) if language == "hu" else _letters(word)
        if phones:
            found.append((word, phones))
    return found


def _letters(word: str) -> list[str]:
    plain = unicodedata.normalize("NFD", word.lower())
    return [_LETTERS.get(sign, sign) for sign in re.findall(r"[^\W\d_]", plain)]


@dataclass(frozen=True)
class PhoneModels:
    """What is known of each state: means and variances (states, 26), frames heard (states,);
    state 0 is silence, `phones` gives a phone's number."""

    phones: Mapping[str, int]
    means: np.ndarray
    variances: np.ndarray
    frames: np.ndarray

    def chain(self, words: Iterable[Sequence[str]]) -> Chain:
        """The states of words (phones each), with silence around every word."""
        states, ends = [0], []
        for word in words:
            for phone in word:
                first = 1 + STATES * self.phones[phone]
                states += range(first, first + STATES)
            ends.append(len(states))
            states.append(0)
        return Chain(np.array(states), np.array(ends))

    def costs(self, heard: np.ndarray, states: np.ndarray) -> np.ndarray:
        """By how many nats each state is a worse guess at each of the `observations` (frames, 26)
        than all states together, as often as each is heard; (states, frames)."""
        precision = 1 / self.variances
        weights = np.hstack([self.means * precision, -0.5 * precision]).T
        offset = np.log(2 * np.pi * self.variances) + self.means**2 * precision
        density = np.hstack([heard, heard**2]) @ weights - 0.5 * offset.sum(axis=1)
        share = np.log((self.frames + 1) / (self.frames + 1).sum())
        anything = np.logaddexp.reduce(density + share, axis=1)
        return np.ascontiguousarray((anything[:, None] - density[:, states]).T)

    def align(
        self, heard: np.ndarray, chain: Chain, off: np.ndarray | None = None
    ) -> np.ndarray | None:
        """Which place of the chain each frame is, (frames,); None where the frames are too few.

        `off`: by how many nats each state is less likely at each frame for another reason, (states,
        frames). Where it is given other words may be heard before and after; their frames are
        places -1 and len(chain.states).
        """
        if 2 * len(heard) <= len(chain.states) + 2:
            return None
        costs = self.costs(heard, chain.states)
        if off is not None:
            costs = np.pad(costs + off, ((1, 1), (0, 0)))
        _, path = _viterbi(costs, True)
        return path[::-1, 0] - int(off is not None)


def best_paths(costs: np.ndarray) -> np.ndarray:
    """The cost of the best path from the first state and frame to each, (states, frames); huge
    where there is none."""
    return np.nan_to_num(_viterbi(costs, False), posinf=1e5)


def _viterbi(costs: np.ndarray, path: bool) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    from librosa.sequence import dtw  # it loads numba, which most commands do without

    return dtw(
        C=costs.astype(np.float64),
        step_sizes_sigma=_STEPS,
        weights_add=np.array([0.0, 0.0, _SKIPPED]),
        weights_mul=np.ones(3),
        backtrack=path,
    )


def learn_phones(
    clips: Sequence[tuple[np.ndarray, Sequence[Sequence[str]]]],
    names: Iterable[str],
    start: bool = True,
) -> PhoneModels:
    """Models of the phones `names` from clips: the `sound_frames` of each, and its words' phones.

    `start` False leaves the packaged start out; so does a set of whose phones it knows few.
    """
    names = sorted(names)
    heard = [observations(frames) for frames, _ in clips]
    spoken = [frames[:, -1] > 0.5 for frames, _ in clips]
    known = _packaged() if start else None
    if known is not None and np.mean([name in known.phones for name in names]) < _KNOWN:
        known = None
    prior, trust = _prior(names, known, np.vstack(heard), np.concatenate(spoken))
    models = prior
    chains = [models.chain(words) for _, words in clips]
    if known is None:
        flat = [_flat(one, chain) for one, chain in zip(spoken, chains, strict=True)]
        models = _estimated(prior, trust, heard, flat)
    for _ in range(_ROUNDS if known is not None else _FLAT_ROUNDS):
        pairs = [(h, c, models.align(h, c)) for h, c in zip(heard, chains, strict=True)]
        used = [(h, c.states[path]) for h, c, path in pairs if path is not None]
        models = _estimated(prior, trust, [h for h, _ in used], [labels for _, labels in used])
    return models


def save_phones(models: PhoneModels, path: Path) -> None:
    """Write models as a packaged start."""
    names = np.array([*models.phones])
    parts = (models.means, models.variances, models.frames)
    means, variances, frames = (part.astype(np.float32) for part in parts)
    np.savez_compressed(path, phones=names, means=means, variances=variances, frames=frames)


@lru_cache(maxsize=1)
def _packaged() -> PhoneModels | None:
    if not START.is_file():
        return None
    with np.load(START) as stored:
        phones = {str(name): number for number, name in enumerate(stored["phones"])}
        return PhoneModels(phones, stored["means"], stored["variances"], stored["frames"])


def _prior(
    names: Sequence[str], known: PhoneModels | None, heard: np.ndarray, spoken: np.ndarray
) -> tuple[PhoneModels, np.ndarray]:
    """What is thought of each state before its frames are heard, and how many frames that counts
    for: the packaged start, and for what it does not know the mean of all speech."""
    speech = heard[spoken] if spoken.any() else heard
    size = 1 + STATES * len(names)
    means, variances = (
        np.tile(speech.mean(axis=0), (size, 1)),
        np.tile(speech.var(axis=0), (size, 1)),
    )
    trust, frames = np.full(size, _UNKNOWN_TRUST), np.ones(size)
    near = np.convolve(spoken, np.ones(2 * _SOFT + 1), "same") > 0.5
    silence = heard[~near]
    if len(silence) > _UNKNOWN_TRUST:
        means[0], variances[0] = silence.mean(axis=0), silence.var(axis=0)
    variances = np.maximum(variances, _LEAST_VARIANCE * speech.var(axis=0))
    if known is not None:
        rows = [] if len(silence) > _TRUST else [(0, 0)]
        for number, name in enumerate(names):
            if name in known.phones:
                own, theirs = 1 + STATES * number, 1 + STATES * known.phones[name]
                rows += [(own + part, theirs + part) for part in range(STATES)]
        own, theirs = np.array(rows).T
        means[own], variances[own] = known.means[theirs], known.variances[theirs]
        trust[own], frames[own] = _TRUST, known.frames[theirs]
    numbers = {name: number for number, name in enumerate(names)}
    return PhoneModels(numbers, means, variances, frames), trust


def _flat(spoken: np.ndarray, chain: Chain) -> np.ndarray:
    """A state for every frame: those of the text in equal parts over the speech, silence else."""
    labels, speech = np.zeros(len(spoken), int), np.flatnonzero(spoken)
    states = chain.states[chain.states > 0]
    if len(speech) and len(states):
        labels[speech] = states[np.arange(len(speech)) * len(states) // len(speech)]
    return labels


def _estimated(
    prior: PhoneModels, trust: np.ndarray, heard: Sequence[np.ndarray], labels: Sequence[np.ndarray]
) -> PhoneModels:
    """The models that these frames (frames, 26 each) with these states make most likely, drawn
    to `prior` as by `trust` (states,) frames of it."""
    if not heard:
        return prior
    frames, states = np.vstack(heard).astype(np.float64), np.concatenate(labels)
    count = np.bincount(states, minlength=len(trust)).astype(float)
    sums, squares = (
        np.stack([np.bincount(states, column, len(trust)) for column in values.T], axis=1)
        for values in (frames, frames**2)
    )
    total = (count + trust)[:, None]
    means = (sums + trust[:, None] * prior.means) / total
    own = prior.variances + prior.means**2
    variances = (squares + trust[:, None] * own) / total - means**2
    floor = _LEAST_VARIANCE * frames[states > 0].var(axis=0) if (states > 0).any() else 1e-3
    return PhoneModels(prior.phones, means, np.maximum(variances, floor), count)
