"""Makes recordings of several real people taking turns, and says who speaks when."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.preparing.voice_activity import FRAME_SECONDS, frame_rms, speech_probability

SHARED = Path(__file__).parents[3] / "shared" / "data"
# The voice that DCTTS learned is that of egri_csillagok_0032 (CAM++: cosine .82 to .88).
FOLDERS = {
    "quiz": ("broadcast_hu/quiz",),
    "interview": ("broadcast_hu/interview",),
    "ljspeech": ("ljspeech32",),
    "reader": ("hungarian_dctts", "hungarian_real/egri_csillagok_0032.flac"),
    "anna": ("hungarian_real/anna.mp3",),
}
SHORTEST, LONGEST = 1.0, 15.0  # seconds of a turn
_OVERLAPPING = 0.1  # of the changes: the next person begins before the last one has ended
_LEVEL = 0.07  # RMS of every turn, ±3 dB


@dataclass(frozen=True)
class Turn:
    """Who speaks from when to when, in seconds."""

    who: str
    start: float
    end: float


@dataclass
class Mix:
    """(n,) samples at 22,050 Hz, the turns in it, and where somebody speaks, (32 ms frames,), by
    who; it is taken from the turns before they were mixed."""

    samples: np.ndarray
    turns: list[Turn] = field(default_factory=list)
    speech: dict[str, np.ndarray] = field(default_factory=dict)


@lru_cache
def voice_of(who: str) -> list[np.ndarray]:
    """A person's clips, (n,) samples each, in the order of their names."""
    places = [SHARED / name for name in FOLDERS[who]]
    paths = [sorted(p.rglob("*.flac")) if p.is_dir() else [p] for p in places]
    return [read_audio(path) for group in paths for path in group]


def mix(people: list[str], seconds: float, snr_db: float | None, seed: int) -> Mix:
    """A recording of about `seconds` in which `people` take turns; noise `snr_db` below them.

    Turns last 1 to 15 s, evenly in the logarithm; the pause between two is −0.4 to 0.8 s. Each
    person's speech but their last clip, a sample, is gone through again and again.
    """
    random = np.random.default_rng(seed)
    voices = {who: np.concatenate(voice_of(who)[:-1] or voice_of(who)) for who in people}
    places = dict.fromkeys(people, 0)
    end = int(seconds * SAMPLE_RATE)
    made = np.zeros(end + int(2 * LONGEST * SAMPLE_RATE), np.float32)
    tracks = {who: np.zeros_like(made) for who in people}
    turns: list[Turn] = []
    position, last = 0, ""
    while position < end:
        who = str(random.choice([person for person in people if person != last]))
        length = int(np.exp(random.uniform(np.log(SHORTEST), np.log(LONGEST))) * SAMPLE_RATE)
        piece, places[who] = _next_piece(voices[who], places[who], length)
        if random.random() < _OVERLAPPING and turns:
            position -= int(random.uniform(0.1, 0.4) * SAMPLE_RATE)
        else:
            position += int(random.uniform(0.0, 0.8) * SAMPLE_RATE)
        tracks[who][position : position + len(piece)] += piece * _gain(piece, random)
        turns.append(Turn(who, position / SAMPLE_RATE, (position + len(piece)) / SAMPLE_RATE))
        position, last = position + len(piece), who
    length = position
    made = sum(tracks.values())[:length]
    frames = -(-int(length / SAMPLE_RATE * 16_000) // 512)
    speech = {
        who: speech_probability(track[:length])[:frames] >= 0.5 for who, track in tracks.items()
    }
    if snr_db is not None:
        noise = random.standard_normal(length).astype(np.float32)
        made = made + np.float32(_LEVEL * 10 ** (-snr_db / 20)) * noise
    return Mix(made.astype(np.float32), turns, speech)


def _next_piece(voice: np.ndarray, place: int, length: int) -> tuple[np.ndarray, int]:
    """The next `length` samples or a little more or less of a voice, ended where it is quietest."""
    if place + length + SAMPLE_RATE > len(voice):
        place = 0
    reach = min(length // 3, SAMPLE_RATE // 2)
    level = frame_rms(voice[place + length - reach : place + length + reach])
    cut = place + length - reach + int(np.argmin(level)) * (SAMPLE_RATE // 100)
    return voice[place:cut], cut


def _gain(piece: np.ndarray, random: np.random.Generator) -> float:
    level = frame_rms(piece)
    loud = float(np.sqrt(np.mean(np.square(level[level > 0.1 * level.max()]))))
    return _LEVEL / max(loud, 1e-4) * 10 ** (random.uniform(-3, 3) / 20)


def shares(found: Mix, wanted: str, spans: list[tuple[float, float]]) -> tuple[float, float, float]:
    """Of the spoken seconds in `spans`: the share that only the wanted person speaks, and of those
    that they speak alone: the share that is in `spans`; and the seconds kept."""
    frames = len(found.speech[wanted])
    kept = np.zeros(frames, bool)
    for start, end in spans:
        kept[round(start / FRAME_SECONDS) : round(end / FRAME_SECONDS)] = True
    theirs = found.speech[wanted]
    others = np.any([track for who, track in found.speech.items() if who != wanted], axis=0)
    alone = theirs & ~others
    spoken = kept & (theirs | others)
    pure = float((spoken & alone).sum() / max(spoken.sum(), 1))
    return pure, float((kept & alone).sum() / alone.sum()), float(spoken.sum() * FRAME_SECONDS)
