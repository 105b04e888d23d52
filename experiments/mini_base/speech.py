"""Texts and mixed voices in, a corpus of hours of speech out: interruptible, in balanced shards.

    nohup setsid nice -n 19 python -m experiments.mini_base.speech --hours 10 &
    nohup setsid nice -n 19 python -m experiments.mini_base.speech --quick --hours 20 &

Writes `FOLDER/shard_00000/` … with 100 utterances each (`wavs/*.flac`, 24 kHz, 16 bit, and
`metadata.csv`), `FOLDER/held_out/` with the voices kept for scoring, `FOLDER/metadata.csv` over
all of them, which makes FOLDER a data set, and `FOLDER/voices.json`. A shard appears whole or not
at all; what is there is not spoken again, so the same command continues. Utterance number i is the
same in every run, and every 144 utterances each voice speaks once: any prefix of the shards is a
balanced corpus. `FOLDER/pid` holds the process group: `kill -STOP -- -$(cat FOLDER/pid)` pauses,
`-CONT` goes on, `-TERM` ends. `--quick` speaks other texts in 400 other voices with the teacher's
quick double (`experiments.teacher.quick`), into a folder of its own.
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from experiments.mini_base.places import QUICK, TEACHER
from experiments.mini_base.texts import held_out, texts
from experiments.mini_base.voices import WAYS, CorpusVoice, draw_many, draw_voices
from experiments.teacher.phonemes import HungarianPhonemes
from experiments.teacher.synthesis import SAMPLE_RATE, Kokoro, trim
from experiments.teacher.voice import STYLES
from xttslab.files import replacing

SEED = 20
QUICK_SEED, QUICK_VOICES = 21, 400
TEXTS = 40_000
SHARD = 100
HELD_OUT_EACH = 12  # utterances of every voice kept for scoring
_LEVEL = 0.07  # RMS, −23 dBFS
_PEAK = 0.95
_COLUMNS = (
    "audio_file", "text", "speaker_name", "category", "language", "split",
    "voice", "speed", "seconds",
)  # fmt: skip


Job = tuple[Path, list["Utterance"], str, bool]  # folder, what is said, split, whether quickly


@dataclass(frozen=True)
class Utterance:
    """What is said, by which voice, in which of its manners."""

    number: int
    text: str
    voice: CorpusVoice
    manner: int

    @property
    def setting(self) -> str:
        """Clips of one setting sound alike, so they prompt each other."""
        return f"{self.voice.name}_{self.manner}"


class Speaker:
    """The engines of one process."""

    def __init__(self, quick: bool) -> None:
        self._phonemes = HungarianPhonemes()
        self._kokoro = _quick_kokoro() if quick else Kokoro(threads=1)

    def say(self, utterance: Utterance) -> np.ndarray:
        """(n,) float32 at SAMPLE_RATE, silence trimmed, −23 dBFS."""
        voice, manner = utterance.voice, utterance.voice.manners[utterance.manner]
        plain = self._kokoro.speak(
            self._phonemes(utterance.text), voice.voice(utterance.manner), manner.speed / voice.size
        )
        sized = soxr.resample(trim(plain), SAMPLE_RATE * voice.size, SAMPLE_RATE)
        return sized * min(_LEVEL / np.sqrt(np.mean(sized**2)), _PEAK / np.abs(sized).max())


def _quick_kokoro() -> Kokoro:
    from experiments.teacher.quick import QuickKokoro

    return QuickKokoro(QUICK)


def utterances(quick: bool = False) -> Iterator[Utterance]:
    """The corpus in its order: rounds of all voices, each round shuffled anew."""
    voices, kept = draw_voices(SEED)
    seed = QUICK_SEED if quick else SEED
    if quick:
        voices = draw_many(QUICK_SEED, QUICK_VOICES, kept)
    for number, text in enumerate(texts(TEXTS, seed)):
        place, round_number = number % len(voices), number // len(voices)
        order = np.random.default_rng((seed, round_number)).permutation(len(voices))
        manner = int(np.random.default_rng((seed, 1, number)).integers(WAYS))
        yield Utterance(number, text, voices[order[place]], manner)


def held_out_utterances() -> Iterator[Utterance]:
    """Every kept voice speaks HELD_OUT_EACH of the scoring sentences, half in each of two manners:
    one clip prompts, another of the same manner is compared."""
    _, voices = draw_voices(SEED)
    sentences, number = held_out(), 0
    for row, voice in enumerate(voices):
        order = np.random.default_rng((SEED, 2, row)).permutation(len(sentences))
        for place in range(HELD_OUT_EACH):
            yield Utterance(number, sentences[order[place]], voice, place % 2)
            number += 1


def write_shard(folder: Path, some: list[Utterance], split: str, quick: bool) -> None:
    """Speak `some` into `folder`, which appears when all is done."""
    with replacing(folder) as partial:
        _write_shard(partial, some, split, quick)


def _write_shard(folder: Path, some: list[Utterance], split: str, quick: bool) -> None:
    (folder / "wavs").mkdir(parents=True)
    rows = []
    for utterance in some:
        audio = _speaker(quick).say(utterance)
        name = f"wavs/{utterance.setting}_{utterance.number:05d}.flac"
        sf.write(folder / name, audio, SAMPLE_RATE, subtype="PCM_16")
        speed = utterance.voice.manners[utterance.manner].speed
        seconds = round(len(audio) / SAMPLE_RATE, 3)
        row = (name, utterance.text, utterance.setting, "", "hu", split)
        rows.append((*row, utterance.voice.name, speed, seconds))
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="|", lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(rows)


@lru_cache(maxsize=1)
def _speaker(quick: bool) -> Speaker:
    return Speaker(quick)


def _work(job: Job) -> str:
    write_shard(*job)
    return job[0].name


def jobs(out: Path, quick: bool) -> Iterator[Job]:
    """The first shard, the voices kept for scoring (of the teacher itself; its quick double keeps
    back the sentences of its first shard), then all other shards in their order."""
    corpus = list(utterances(quick))
    shards = [
        (out / f"shard_{start // SHARD:05d}", corpus[start : start + SHARD], "train", quick)
        for start in range(0, len(corpus), SHARD)
    ]
    if quick:
        shards[0] = (*shards[0][:2], "eval", quick)
    yield shards[0]
    if not quick:
        yield out / "held_out", list(held_out_utterances()), "eval", quick
    yield from shards[1:]


def gather(out: Path) -> float:
    """Write the `metadata.csv` of all finished shards, so that `out` is a data set of its own;
    returns hours of speech."""
    rows = []
    for path in sorted(out.glob("*/metadata.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="|"):
                rows.append(row | {"audio_file": f"{path.parent.name}/{row['audio_file']}"})
    with replacing(out / "metadata.csv") as partial:
        with partial.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, _COLUMNS, delimiter="|", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    return sum(float(row["seconds"]) for row in rows) / 3600


def _write_voices(path: Path) -> None:
    training, kept = draw_voices(SEED)
    content = {
        "styles": STYLES,
        "training": [asdict(voice) for voice in training],
        "held_out": [asdict(voice) for voice in kept],
    }
    path.write_text(json.dumps(content, indent=1), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="default: teacher/ or quick/speech/ of the cache")
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--quick", action="store_true", help="by the teacher's quick double")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    out = options.out or (QUICK / "speech" if options.quick else TEACHER)
    out.mkdir(parents=True, exist_ok=True)
    (out / "pid").write_text(str(os.getpgrp()))
    if not options.quick:
        _write_voices(out / "voices.json")

    missing = [job for job in jobs(out, options.quick) if not job[0].is_dir()]
    started, before = time.monotonic(), gather(out)
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for name in pool.imap_unordered(_work, missing):
            hours = gather(out)
            rate = (hours - before) * 3600 / (time.monotonic() - started)
            print(f"{name}: {hours:.2f} h in all, {rate:.2f} times real time", flush=True)
            if hours >= options.hours:
                pool.terminate()
                break


if __name__ == "__main__":
    main()
