"""Voices of clips in, the clips that another person speaks out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_SAMPLE = 400  # clips among which the most typical one is looked for
_FEWEST = 5  # clips of a speaker below which nobody is the main one
_ROUNDS = 5


def strangers(voices: np.ndarray, speakers: Sequence[str], least_cosine: float) -> dict[int, float]:
    """Clips whose voice is not their speaker's main one: position → cosine to that voice.

    `voices` (clips, size) with rows of norm 1, or NaN where no voice was heard; `speakers` is the
    name that stands in the metadata. The main voice is the mean of the clips around the most
    typical one, so it holds as long as no other person speaks more than the main one.
    """
    found: dict[int, float] = {}
    heard = ~np.isnan(voices).any(axis=1)
    for speaker in sorted(set(speakers)):
        rows = np.flatnonzero(heard & np.equal(np.array(speakers, object), speaker))
        if len(rows) < _FEWEST:
            continue
        cosine = voices[rows] @ _main_voice(voices[rows], least_cosine)
        below = cosine < least_cosine
        found |= dict(zip(rows[below].tolist(), cosine[below].tolist(), strict=True))
    return found


def _main_voice(voices: np.ndarray, least_cosine: float) -> np.ndarray:
    sample = voices[:: -(-len(voices) // _SAMPLE)]
    close = (voices @ sample.T >= least_cosine).sum(axis=0)
    centre = sample[int(np.argmax(close))]
    for _ in range(_ROUNDS):
        mean = voices[voices @ centre >= least_cosine].mean(axis=0)
        centre = mean / np.linalg.norm(mean)
    return centre
