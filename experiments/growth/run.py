"""1×, 10× and 100× the clips in, how time per clip, start-up and memory grow out.

python -m experiments.growth.run                # 311, 3,110 and 31,100 clips; 3 GB of disk
python -m experiments.growth.run --clips 50 100 # tries the script

Codes and mels are made up; store, data module, buckets and collation are those of a real run, and
a GPT of one layer takes the steps, on one thread. Each size is measured in a process of its own,
with a warm store (second opening), in processor seconds but for the start-up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
import torch

from xttslab.data.codes import CodeStore, Encoded, entry_key
from xttslab.data.corpus import Corpus
from xttslab.data.datamodule import BatchSettings, ClipData
from xttslab.data.manifest import EVAL, TRAIN, Clip
from xttslab.text.lexicon import Lexicon

ROOT = Path(__file__).resolve().parents[2]
CATEGORIES = ("confirmation", "excitement", "greeting", "neutral", "question", "tension")
SECONDS = (2.0, 5.0)
PER_SHARD = 256
READ = 4000  # clips of a reading measurement
STEPS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, nargs="+", default=[311, 3110, 31100])
    parser.add_argument("--one", type=Path, help="measure this store (used by the script itself)")
    options = parser.parse_args()
    if options.one:
        torch.set_num_threads(1)
        print(json.dumps(measure(options.one, options.clips[0])))
        return
    print(
        "| clips | start-up, s | ms a clip read | clips/s read | ms a clip trained | memory, GB |"
    )
    print("|---|---|---|---|---|---|")
    for count in options.clips:
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), count)
            command = [sys.executable, "-W", "ignore", "-m", "experiments.growth.run"]
            command += ["--one", folder, "--clips", str(count)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        print(
            f"| {count} | {row['start_s']:.2f} | {1000 / row['clips_per_s']:.3f} "
            f"| {row['clips_per_s']:.0f} | {row['step_ms']:.2f} | {row['memory_gb']:.2f} |",
            flush=True,
        )


def fill(folder: Path, count: int) -> None:
    """A store of `count` made-up clips of two to five seconds."""
    random = np.random.default_rng(count)
    store = CodeStore(folder)
    noise = random.normal(size=(80, 1000)).astype(np.float16)
    for first in range(0, count, PER_SHARD):
        entries = {}
        for number in range(first, min(first + PER_SHARD, count)):
            codes = random.integers(0, 1024, round(seconds_of(number) * 22050 / 1024))
            frames = 4 * len(codes)
            entries[key_of(number)] = Encoded(codes.astype(np.uint16), noise[:, :frames])
        store.add(entries)


def seconds_of(number: int) -> float:
    low, high = SECONDS
    return low + (high - low) * (number * 0.618 % 1)


def key_of(number: int) -> bytes:
    return entry_key(f"{number:064x}", "made up")


def measure(folder: Path, count: int) -> dict[str, float]:
    """Seconds to the first batch, reading and training speed, memory without the mapped files."""
    clips = tuple(
        Clip(
            Path(f"{number}.wav"), "szöveg", "beszélő", CATEGORIES[number % 6], False, "hu",
            EVAL if number % 10 == 0 else TRAIN, "made_up",
        )
        for number in range(count)
    )  # fmt: skip
    tokens = tuple(np.arange(1, 40, dtype=np.int64) for _ in clips)
    hashes = tuple(f"{number:064x}" for number in range(count))
    corpus = Corpus(
        "made_up", clips, hashes, tokens, tuple(map(seconds_of, range(count))), (), Lexicon()
    )
    from experiments.growth.model import first_step_s, step_ms, tiny_gpt

    gpt = tiny_gpt()
    started = time.perf_counter()
    settings = BatchSettings(3, 0, 8, "none", 1, 32, "self", (3.0, 6.0), 0)
    keys = [key_of(number) for number in range(count)]
    store = CodeStore(folder)
    data = ClipData(corpus, gpt.tokens, store, keys, settings, "fixed", 7)
    loader = data.train_dataloader()
    batches = iter(loader)
    first = next(batches)
    opened = time.perf_counter() - started
    start = opened + first_step_s(gpt, first)
    trained = step_ms(gpt, islice(_forever(data), STEPS))
    reading = time.process_time()
    read = sum(len(batch.rows) for batch in islice(_forever(data), READ // 3))
    rate = read / (time.process_time() - reading)
    memory = psutil.Process().memory_info()
    return {
        "start_s": start,
        "clips_per_s": rate,
        "step_ms": trained,
        "memory_gb": (memory.rss - memory.shared) / 1e9,
    }


def _forever(data: ClipData):
    while True:
        yield from data.train_dataloader()


if __name__ == "__main__":
    main()
