"""What the GPT said and how loud it sounds in, where the sentence ends out.

Sampling may pass over a likely stop token; what follows is babble, breath or silence. Two signs
tell where a sentence was over: the GPT's own stop probability, and a pause in the sound during
which stopping was at least thinkable.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from xttslab.model.sampling import Generated

CERTAIN = 0.5  # a stop this likely ends the sentence, whatever was drawn
THINKABLE = 0.05  # a stop this likely ends it in a pause, or where the limit cut it off
QUIET_DB = -40.0  # below the loudest moment
PAUSE_CODES = 6  # 0.28 s: commas make shorter pauses
KEPT_CODES = 3  # 0.14 s of silence stay behind the last sound


def finished_at(spoken: Generated) -> int:
    """The number of codes up to where the GPT first held the sentence for finished.

    Where the limit cut the sentence off, it ends at the likeliest stop, if any was thinkable.
    """
    sure = (spoken.stop_chance >= CERTAIN).nonzero()
    if len(sure):
        return int(sure[0])
    if not spoken.ended and float(spoken.stop_chance.max()) > THINKABLE:
        return int(spoken.stop_chance.argmax())
    return len(spoken.codes)


def sounding_until(wave: np.ndarray, stop_chance: np.ndarray) -> int:
    """The number of samples of a decoded sentence (n,) that are worth keeping.

    `stop_chance` (T,) belongs to the codes that the wave was made of, evenly. Cuts at the first
    long pause in which a stop was thinkable, and the silence behind the last sound.
    """
    codes = len(stop_chance)
    edges = np.linspace(0, len(wave), codes + 1).astype(int)
    energy = np.array([np.square(wave[a:b]).mean() for a, b in pairwise(edges)])
    loud = energy > energy.max() * 10 ** (QUIET_DB / 10)
    if not loud.any():
        return len(wave)
    places = np.flatnonzero(loud)
    ends = [*(places[:-1] + 1)[np.diff(places) > PAUSE_CODES], places[-1] + 1]
    starts = [*places[1:][np.diff(places) > PAUSE_CODES], codes]
    over = (
        end
        for end, start in zip(ends, starts, strict=True)
        if start == codes or stop_chance[end:start].max() >= THINKABLE
    )
    return int(edges[min(next(over) + KEPT_CODES, codes)])
