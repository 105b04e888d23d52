"""How fast, how much memory, and does a killed preparation end in the same bytes?

    python -m experiments.prepare_speed.measure speed --hours 1
    python -m experiments.prepare_speed.measure kill --hours 10

A recording of the wanted length is made of the packaged voice: its clips again and again, each
time at another speed and with other pauses, so that no two hours are alike. `kill` ends the whole
process group with SIGKILL half way, runs the same command again, and compares every file with
those of an uninterrupted run.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import soundfile as sf
import soxr

from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.preparing.sources import ASSETS

ROOT = Path(__file__).parents[2]
RATE = 44_100


@dataclass
class Run:
    """One preparation: seconds, and the memory of all its processes over time, in bytes: `memory`
    counts a page that processes share once (PSS), `resident` in each of them (RSS)."""

    seconds: float = 0.0
    code: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)
    resident: list[int] = field(default_factory=list)

    def growth(self) -> float:
        """MB between the level after the start (all processes loaded) and the highest."""
        settled = [size for moment, size in self.memory if moment > 0.1 * self.seconds][:10]
        return (max(size for _, size in self.memory) - float(np.median(settled))) / 1e6

    def above_start(self) -> float:
        """MB between the first look, a second after the start, and the highest."""
        return (max(size for _, size in self.memory) - self.memory[0][1]) / 1e6

    def say_memory(self) -> None:
        """Print what was needed above the start, and how it grew."""
        twice = (max(self.resident) - self.resident[0]) / 1e6
        print(
            f"memory: {self.above_start():.0f} MB above the start, {self.growth():.0f} MB growth; "
            f"with shared pages counted in every process {twice:.0f} MB above the start"
        )


def make_recording(path: Path, hours: float) -> None:
    """Write `hours` of speech at 44.1 kHz, 16 bit, block by block."""
    random = np.random.default_rng(0)
    with sf.SoundFile(path, "w", RATE, 1, "PCM_16", format="RF64") as file:
        left = int(hours * 3600 * RATE)
        for block in _speech(random):
            file.write(block[:left])
            left -= len(block)
            if left <= 0:
                return


def _speech(random: np.random.Generator) -> Iterator[np.ndarray]:
    clips = [read_audio(path) for path in sorted(ASSETS.rglob("*.ogg"))]
    while True:
        speed = random.uniform(0.9, 1.1)
        for number in random.permutation(len(clips)):
            clip = soxr.resample(clips[number], SAMPLE_RATE, RATE / speed, quality="HQ")
            pause = np.zeros(int(random.uniform(0.3, 1.6) * RATE), np.float32)
            block = np.concatenate([clip, pause])
            yield block + 3e-4 * random.standard_normal(len(block)).astype(np.float32)


def prepare(work: Path, name: str, source: Path, options: list[str], kill_after: float = 0) -> Run:
    """Run the command in its own process group; kill all of it after `kill_after` seconds."""
    command = [sys.executable, "-m", "xttslab.prepare", f"dataset={name}", f"source={source}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    start, run = time.monotonic(), Run()
    with (work / f"{name}.log").open("a") as log:
        process = subprocess.Popen(
            [*command, *options], cwd=work, env=environment, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        watch = threading.Thread(target=_watch, args=(process.pid, start, run), daemon=True)
        watch.start()
        try:
            run.code = process.wait(kill_after or None)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            run.code = process.wait()
    run.seconds = time.monotonic() - start
    watch.join()
    return run


def _watch(pid: int, start: float, run: Run) -> None:
    """Note the memory of the process and its children every second."""
    while True:
        time.sleep(1.0)
        try:
            parent = psutil.Process(pid)
            family = [parent, *parent.children(recursive=True)]
            sizes = [member.memory_full_info() for member in family]
        except psutil.Error:
            if not psutil.pid_exists(pid):
                return
            continue
        if parent.status() == psutil.STATUS_ZOMBIE:
            return
        run.memory.append((time.monotonic() - start, sum(size.pss for size in sizes)))
        run.resident.append(sum(size.rss for size in sizes))


def digests(folder: Path) -> dict[str, str]:
    """Content of all clips and tables of a prepared set; the audit and the state are left out."""
    files = [*folder.glob("*.csv"), *(folder / "wavs").iterdir()]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def speed(work: Path, source: Path, hours: float, options: list[str]) -> None:
    """Print how many times faster than real time one preparation is, and its memory."""
    run = prepare(work, "speed", source, options)
    print(f"{hours} h in {run.seconds:.0f} s: {hours * 3600 / run.seconds:.1f} times real time")
    run.say_memory()
    print(
        f"exit {run.code}, load {os.getloadavg()[1]:.1f}, {len(digests(work / 'data/speed'))} files"
    )


def kill(work: Path, source: Path, hours: float, options: list[str]) -> None:
    """Print whether a killed and repeated preparation gives the bytes of a whole one."""
    (work / "whole").mkdir()
    (work / "killed").mkdir()
    whole = prepare(work / "whole", "show", source, options)
    print(f"whole: {hours} h in {whole.seconds:.0f} s, exit {whole.code}")
    whole.say_memory()
    first = prepare(work / "killed", "show", source, options, kill_after=0.5 * whole.seconds)
    made = len(list((work / "killed/data/show").rglob("wavs/*.wav")))
    print(f"killed after {first.seconds:.0f} s with {made} clips made, exit {first.code}")
    second = prepare(work / "killed", "show", source, options)
    print(f"second run: {second.seconds:.0f} s, exit {second.code}")
    one, other = digests(work / "whole/data/show"), digests(work / "killed/data/show")
    print(f"{len(one)} files, equal: {one == other}")
    if one != other:
        names = sorted(
            name for name in one.keys() | other.keys() if one.get(name) != other.get(name)
        )
        print("different:", names[:10])


def main() -> None:
    """Make the recording, then measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("speed", "kill"))
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--work", type=Path, required=True, help="an empty folder with space")
    parser.add_argument("options", nargs="*", help="overrides for xttslab.prepare")
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True)
    source = chosen.work / "show.wav"
    make_recording(source, chosen.hours)
    measure = {"speed": speed, "kill": kill}[chosen.what]
    measure(chosen.work, source, chosen.hours, chosen.options)


if __name__ == "__main__":
    main()
