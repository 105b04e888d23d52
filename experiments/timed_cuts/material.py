"""Builds long recordings of known sentences, and transcripts of them as recognisers write them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.manifest import read_folder
from xttslab.data.preparing.sources import ASSETS
from xttslab.data.preparing.timed_texts import TimedSegment, TimedWord
from xttslab.data.preparing.voice_activity import frame_rms

SHARED = Path(__file__).parents[3] / "shared" / "data"
HOP = 0.01  # seconds of a frame of `frame_rms`
LEVEL = 0.07  # RMS of the speech
ROOM_DB = -50.0  # of the room's noise, relative to it
SPEAKERS = ("Speaker 0", "Speaker 1")


@dataclass(frozen=True)
class Said:
    """A sentence of a recording: its text, its true first and last moment in seconds, its voice."""

    text: str
    start: float
    end: float
    speaker: str = ""


@dataclass(frozen=True)
class Show:
    """(n,) samples, and what is said in them."""

    samples: np.ndarray
    said: tuple[Said, ...]


def sets() -> dict[str, list[tuple[np.ndarray, str]]]:
    """The clips that are there, (n,) samples and text each, by set."""
    found = {name: list(_packaged(name)) for name in ("demo_milliomos", "demo_blikk")}
    tables = {
        "ljspeech32": SHARED / "ljspeech32",
        "quiz": SHARED / "broadcast_hu" / "quiz",
        "interview": SHARED / "broadcast_hu" / "interview",
    }
    return found | {name: list(_table(path)) for name, path in tables.items() if path.is_dir()}


def _packaged(name: str) -> Iterator[tuple[np.ndarray, str]]:
    clips, _ = read_folder(ASSETS / name, name)
    for clip in clips:
        yield read_audio(clip.audio), clip.text


def _table(folder: Path) -> Iterator[tuple[np.ndarray, str]]:
    with (folder / "transcripts.psv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="|", quoting=csv.QUOTE_NONE):
            path = next(folder.rglob(Path(row["audio_file"]).name))
            yield read_audio(path), row["text"]


def make_show(
    clips: Sequence[tuple[np.ndarray, str]],
    seed: int,
    pauses: tuple[float, float] = (0.08, 1.2),
    noise_db: float = ROOM_DB,
    names: Sequence[str] = ("",),
) -> Show:
    """Join clips in a random order, with pauses between the given seconds (as many short as long
    ones by their logarithm), over noise; each clip is one sentence of a random one of `names`."""
    random = np.random.default_rng(seed)
    parts, said = [np.zeros(SAMPLE_RATE // 2, np.float32)], []
    position = len(parts[0])
    for index in random.permutation(len(clips)):
        samples, text = clips[index]
        bare = _bare(samples)
        start = position / SAMPLE_RATE
        one = _one_sentence(text)
        said.append(Said(one, start, start + len(bare) / SAMPLE_RATE, str(random.choice(names))))
        pause = np.exp(random.uniform(*np.log(pauses)))
        parts += [bare, np.zeros(int(pause * SAMPLE_RATE), np.float32)]
        position += len(bare) + len(parts[-1])
    whole = np.concatenate(parts)
    noise = random.standard_normal(len(whole)).astype(np.float32)
    return Show(whole + noise * np.float32(LEVEL * 10 ** (noise_db / 20)), tuple(said))


def _bare(clip: np.ndarray) -> np.ndarray:
    """The clip from its first to its last sound, at the usual level."""
    level = frame_rms(clip)
    speech = np.sqrt(np.mean(np.square(level[level > np.median(level)])))
    loud = np.flatnonzero(level > max(10 ** (-32 / 20) * speech, 1.5 * np.percentile(level, 3)))
    hop = int(HOP * SAMPLE_RATE)
    part = clip[loud[0] * hop : (loud[-1] + 1) * hop]
    return (LEVEL * part / np.sqrt(np.mean(part**2))).astype(np.float32)


def _one_sentence(text: str) -> str:
    """A clip's text with one end only, so that the ends which are known are the only ones."""
    words = text.split()
    inner = [word.rstrip(".!?…") if word.rstrip(".!?…") else "" for word in words[:-1]]
    last = words[-1] if words[-1][-1] in ".!?…" else f"{words[-1].rstrip(',;:–-')}."
    first, *rest = [word for word in (*inner, last) if word]
    return " ".join([first[:1].upper() + first[1:], *rest])


def by_words(show: Show, jitter: float, seed: int = 0) -> list[TimedSegment]:
    """A segment a sentence with times of words, each off by up to `jitter` seconds; inside a
    sentence they lie by letters."""
    random = np.random.default_rng(seed)
    found = []
    for one in show.said:
        words, letters = one.text.split(), np.array([len(w) + 1 for w in one.text.split()])
        bounds = one.start + (one.end - one.start) * np.concatenate(([0], np.cumsum(letters)))
        bounds = one.start + (bounds - one.start) / letters.sum()
        off = random.uniform(-jitter, jitter, (2, len(words)))
        starts = np.maximum(bounds[:-1] + off[0], 0)
        ends = np.maximum(bounds[1:] + off[1], starts)
        timed = tuple(
            TimedWord(word, float(a), float(b), one.speaker)
            for word, a, b in zip(words, starts, ends, strict=True)
        )
        text = " ".join(words)
        found.append(TimedSegment(text, float(starts[0]), float(ends[-1]), one.speaker, timed))
    return found


def by_segments(show: Show, jitter: float, seed: int = 0) -> list[TimedSegment]:
    """Segments of one to three sentences of a speaker without times of words."""
    random = np.random.default_rng(seed)
    found, place = [], 0
    while place < len(show.said):
        group = show.said[place : place + int(random.integers(1, 4))]
        same = [one for one in group if one.speaker == group[0].speaker]
        group = group[: 1 + next((i for i, o in enumerate(group[1:]) if o not in same), len(group))]
        place += len(group)
        start = max(group[0].start + random.uniform(-jitter, jitter), 0.0)
        end = group[-1].end + random.uniform(-jitter, jitter)
        text = " ".join(one.text for one in group)
        found.append(TimedSegment(text, float(start), float(end), group[0].speaker))
    return found


def as_subtitles(show: Show, jitter: float, seed: int = 0) -> list[TimedSegment]:
    """Subtitles of at most 42 letters, as people read them: cut anywhere between words; each lasts
    until the next."""
    words = [w for one in by_words(show, 0.0) for w in one.words]
    random = np.random.default_rng(seed)
    lines: list[list[TimedWord]] = []
    for word in words:
        full = lines and sum(len(w.text) + 1 for w in lines[-1]) + len(word.text) > 42
        if not lines or full or word.speaker != lines[-1][0].speaker:
            lines.append([])
        lines[-1].append(word)
    starts = [max(line[0].start + random.uniform(-jitter, jitter), 0.0) for line in lines]
    ends = [*(min(b, line[-1].end + 0.5) for line, b in zip(lines, starts[1:], strict=False))]
    ends.append(lines[-1][-1].end)
    return [
        TimedSegment(" ".join(w.text for w in line), a, max(a, b), line[0].speaker)
        for line, a, b in zip(lines, starts, ends, strict=True)
    ]
