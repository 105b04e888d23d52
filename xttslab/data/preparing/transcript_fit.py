"""Tells whether a transcript with times is of the recording that it lies beside.

Where its words are somebody should speak, and its gaps and ends of segments should lie where the
sound pauses. How well they do is compared with the same transcript at any other place of the
recording: one of another recording fits no better where it stands than elsewhere.
"""

from __future__ import annotations

import math

import numpy as np

from xttslab.data.preparing.timed_texts import SENTENCE_END, TimedText
from xttslab.data.preparing.voice_activity import FRAME_SECONDS, SpeechFinder

_BEYOND = 1.0  # seconds that a transcript may last longer than the sound
_LEAST_SPOKEN = 0.35  # of the transcript's time in which somebody has to speak
_EDGE = 0.1  # seconds around the end of a segment in which a pause is expected
_NEAR = 0.3  # seconds that times may be off as a whole
_FEWEST = 12  # gaps and ends that make a judgement
_BY_CHANCE = 2.0  # standard deviations above other places: less is chance
_SURE = 6.0  # … and so much at another place is none


def why_unfit(timed: TimedText, detected: np.ndarray, speech: SpeechFinder) -> str | None:
    """What shows that the words are not those of the sound; None where nothing does.

    `detected` (frames, 2): probability of speech and power of every 32 ms.
    """
    length = len(detected) * FRAME_SECONDS
    if timed.end > length + _BEYOND:
        return f"it ends at {timed.end:.1f} s, the recording at {length:.1f} s"
    spoken = detected[:, 0] >= speech.leave
    said, edges, count = _expected(timed, len(detected))
    share = float(spoken[said].mean()) if said.any() else 0.0
    if share < _LEAST_SPOKEN:
        return f"somebody speaks in {share:.0%} of the time of its words"
    if count < _FEWEST:
        return None
    # Subtitles stay until the next one comes: their gaps say nothing.
    return _elsewhere(edges | ~said if timed.exact else edges, ~spoken)


def _expected(timed: TimedText, frames: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Where the transcript has words, and where pauses beside its gaps, (frames,) bool each; and
    how many ends of segments there are."""
    said, edges = (np.zeros(frames, bool) for _ in range(2))
    count, since = 0, math.nan
    for word in timed.words:
        since = word.start if math.isnan(since) else since
        if math.isnan(word.end) or math.isnan(since):
            continue
        first, last = (round(time / FRAME_SECONDS) for time in (since, word.end))
        said[first : max(last, first + 1)] = True
        if word.closes and (timed.exact or word.text.endswith(SENTENCE_END)):
            count += 1
            edge = round(_EDGE / FRAME_SECONDS)
            edges[max(last - edge, 0) : last + edge] = True
        since = math.nan
    return said, edges, count


def _elsewhere(expected: np.ndarray, quiet: np.ndarray) -> str | None:
    """Whether pauses lie where they are expected no better than by chance; (frames,) bool each."""
    a, b = (np.fft.rfft(x - x.mean()) for x in (expected.astype(float), quiet.astype(float)))
    match = np.fft.irfft(np.conj(a) * b, len(expected))  # by how far the sound is later
    near = round(_NEAR / FRAME_SECONDS)
    spread = float(match.std())
    if spread == 0.0:
        return None
    here = float(max(match[: near + 1].max(), match[-near:].max())) / spread
    place = int(np.argmax(match))
    if here >= _BY_CHANCE:
        return None
    best = float(match[place]) / spread
    later = (place if place < len(match) / 2 else place - len(match)) * FRAME_SECONDS
    value = f"its pauses lie where the sound has pauses by chance only ({here:.1f} deviations)"
    if best >= _SURE:
        value += f"; moved by {later:+.1f} s they would fit"
    return value
