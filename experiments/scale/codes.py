"""Hours of made-up audio codes in, what they take on disk, in memory and in time out.

    python -m experiments.scale.codes --hours 1 10 100

Clips of 2 to 14 s with random codes and mel frames of the real sizes (21.5 codes and 86 frames a
second) are written as `prepare` and `train` write them. Measured in a process of its own each:
opening the store, the memory that takes, one epoch's plan of batches, reading clips at random.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

from xttslab.data.audio import MEL_BINS
from xttslab.data.codes import CLIPS_PER_SHARD, CodeStore, Encoded, entry_key
from xttslab.data.sampler import LengthBuckets

CODES_PER_S, FRAMES_PER_S = 22050 / 1024, 22050 / 256
READ = 2000


def fill(folder: Path, hours: float) -> int:
    """Write clips until there are so many hours; returns their number."""
    chance, store, seconds, clips = np.random.default_rng(7), CodeStore(folder), 0.0, 0
    while seconds < hours * 3600:
        shard = {}
        for _ in range(CLIPS_PER_SHARD):
            length = chance.uniform(2.0, 14.0)
            codes = chance.integers(0, 1024, round(length * CODES_PER_S), dtype=np.uint16)
            mel = np.zeros((MEL_BINS, round(length * FRAMES_PER_S)), np.float16)
            shard[entry_key(str(clips), "scale")] = Encoded(codes, mel)
            seconds, clips = seconds + length, clips + 1
        store.add(shard)
    return clips


def look(folder: Path) -> dict[str, float]:
    """Open, plan an epoch, read at random."""
    process = psutil.Process()
    before, started = process.memory_info().rss, time.perf_counter()
    store = CodeStore(folder)
    opened = time.perf_counter() - started
    keys = list(store._rows)
    memory = process.memory_info().rss - before
    started = time.perf_counter()
    lengths = store.lengths(keys) + 60
    batches = list(LengthBuckets(lengths, 0, 3200, [1.0] * len(keys), 7, 0, 1))
    planned = time.perf_counter() - started
    chosen = np.random.default_rng(7).choice(len(keys), min(READ, len(keys)), replace=False)
    started = time.perf_counter()
    for row in chosen:
        _ = store[keys[row]]
    read = (time.perf_counter() - started) / len(chosen)
    size = sum(path.stat().st_size for path in folder.iterdir())
    return {
        "clips": len(keys),
        "disk_gb": round(size / 1e9, 3),
        "open_s": round(opened, 2),
        "index_mb": round(memory / 1e6, 1),
        "plan_s": round(planned, 2),
        "batches": len(batches),
        "first_read_ms": round(1000 * read, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, nargs="+", default=[1.0, 10.0, 100.0])
    parser.add_argument("--look", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.look:
        print(json.dumps(look(options.look)))
        return
    for hours in options.hours:
        folder = Path(tempfile.mkdtemp(prefix="xttslab-scale-", dir=os.environ.get("TMPDIR")))
        try:
            started = time.perf_counter()
            fill(folder, hours)
            wrote = time.perf_counter() - started
            call = [sys.executable, "-m", "experiments.scale.codes", "--look", str(folder)]
            found = subprocess.run(call, check=True, capture_output=True, text=True).stdout
            print(f"{hours:g} h: written in {wrote:.0f} s, {found.strip()}", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
