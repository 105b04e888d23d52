"""Clips in, what a whole run of each trainer takes out: wall clock, processor time, bytes on disk.

Each runs from a cold start, as it ships: imports, codes, evaluation, checkpoints, our report.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.speed_vs_coqui.clips import write_clips
from experiments.speed_vs_coqui.measuring import ROOT, architecture, measurable

RECIPE = "Coqui, float32 (its recipe)"
BF16 = "trainer.precision=bf16-mixed"
# What is chosen beside the defaults, and how many threads it may have (0: all cores). Coqui's data
# set module sets its own to 1.
OURS: dict[str, tuple[int, list[str]]] = {
    "ours, float32, attention dropout, one thread": (1, ["trainer=cpu"]),
    "ours, float32, attention dropout": (0, ["trainer=cpu"]),
    "ours, float32": (0, ["trainer=cpu", "model.attention_dropout=0"]),
    "ours, bfloat16": (0, ["trainer=cpu", "model.attention_dropout=0", BF16]),
    "ours, hardware=cpu": (0, ["hardware=cpu"]),
    "ours, hardware=cpu, bfloat16": (0, ["hardware=cpu", BF16]),
    "ours, hardware=cpu, bfloat16, `last` after every epoch": (
        0, ["hardware=cpu", BF16, "checkpoint.every_minutes=0"],
    ),
}  # fmt: skip


@dataclass(frozen=True)
class WholeRun:
    """How much both trainers are given."""

    size: str = "small"
    clips: int = 72
    held_out: int = 8
    epochs: int = 10


def whole_runs(task: WholeRun, out: Path, place: Path, only: Sequence[str] = ()) -> str:
    """Coqui's trainer, then ours in every variant, or those whose names hold a part of `only`;
    returns the table.

    `out` gets a line of JSON for each; `place` is a folder with room for the checkpoints.
    """
    ours = measurable(OURS, "cpu")
    clips = write_clips(place / "data/milliomos", task.clips, task.held_out)
    given = [sys.executable, "-m", "experiments.speed_vs_coqui.given", str(place / "base")]
    subprocess.run([*given, task.size], cwd=ROOT, check=True)
    theirs = ["experiments.speed_vs_coqui.whole", str(clips), task.size, str(task.epochs)]
    commands = {RECIPE: (1, theirs)}
    for name, (threads, chosen) in ours.items():
        commands[name] = (threads, ["xttslab.train", *_ours(task, place), *chosen])
    rows = []
    for number, (name, (threads, command)) in enumerate(commands.items()):
        if only and not any(part in name for part in only):
            continue
        found = _measured(command, place / f"run_{number}", threads)
        rows.append({"trainer": name, **found})
        with (out / f"whole_{task.size}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    return whole_table(rows)


def whole_table(rows: list[dict]) -> str:
    """The measured runs; the first is what the others are compared with."""
    lines = [
        "| trainer | clock, s | times as fast | processor, s | most on disk, GB | of theirs "
        "| left on disk, GB | of theirs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    first = rows[0]
    for row in rows:
        ratio = {key: row[key] / first[key] for key in ("peak_gb", "left_gb")}
        lines.append(
            f"| {row['trainer']} | {row['wall_s']:.0f} | {first['wall_s'] / row['wall_s']:.2f} "
            f"| {row['cpu_s']:.0f} | {row['peak_gb']:.3f} | {ratio['peak_gb']:.2f} "
            f"| {row['left_gb']:.3f} | {ratio['left_gb']:.2f} |"
        )
    return "\n".join(lines)


def _ours(task: WholeRun, place: Path) -> list[str]:
    return [
        "dataset=milliomos", f"data_dir={place / 'data'}", "codes_dir=codes", "dataset.language=en",
        f"model.folder={place / 'base'}", *architecture(task.size), "batch.clips=3",
        "batch.max_tokens=0", f"trainer.max_epochs={task.epochs}", "checkpoint.patience=0",
        "samples.every_n_epochs=0", "run_name=whole",
    ]  # fmt: skip


def _measured(command: list[str], folder: Path, threads: int) -> dict[str, float]:
    """Run a module in a new folder, which counts as all that it leaves."""
    folder.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    if threads:
        environment["OMP_NUM_THREADS"] = str(threads)
    started, worked = time.perf_counter(), _children_s()
    with (folder.parent / f"{folder.name}.log").open("w") as log:
        running = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", *command],
            cwd=folder, env=environment, stdout=log, stderr=log,
        )  # fmt: skip
        sizes: list[int] = []
        watch = threading.Thread(target=_watch, args=(running, folder, sizes))
        watch.start()
        code = running.wait()
        watch.join()
    wall = time.perf_counter() - started
    if code:
        end = Path(log.name).read_text(encoding="utf-8")[-3000:]
        raise SystemExit(f"{' '.join(command)}: failed\n{end}")
    return {
        "wall_s": wall,
        "cpu_s": _children_s() - worked,
        "peak_gb": max(sizes) / 1e9,
        "left_gb": _bytes(folder) / 1e9,
    }


def _watch(running: subprocess.Popen, folder: Path, sizes: list[int]) -> None:
    while running.poll() is None:
        sizes.append(_bytes(folder))
        time.sleep(0.2)


def _bytes(folder: Path) -> int:
    """What the files of a folder hold; a file with two names counts once."""
    found = {}
    for path in folder.rglob("*"):
        try:
            status = path.stat()
        except FileNotFoundError:  # written under another name, and renamed meanwhile
            continue
        if path.is_file():
            found[status.st_ino] = status.st_size
    return sum(found.values())


def _children_s() -> float:
    """Processor seconds of all processes that were started and have ended."""
    used = os.times()
    return used.children_user + used.children_system


def coqui_run(clips: Path, size: str, epochs: int) -> None:
    """Coqui's own Trainer over the clips, with its evaluation and checkpoints, to this folder."""
    import TTS.tts.layers.xtts.trainer.dataset as coqui_dataset
    from trainer import Trainer, TrainerArgs
    from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTTrainer

    from experiments.speed_vs_coqui.coqui_side import read_wave, recipe, samples

    coqui_dataset.load_audio = read_wave
    out = Path.cwd()
    given = out.with_name("given")  # its DVAE, which is no part of what it leaves
    given.mkdir(exist_ok=True)
    config = recipe(given, size, batch=3, epochs=epochs)
    config.output_path = str(out)
    rows = samples(clips)
    trainer = Trainer(
        TrainerArgs(),
        config,
        output_path=str(out),
        model=GPTTrainer(config),
        train_samples=[row for row in rows if row["split"] == "train"],
        eval_samples=[row for row in rows if row["split"] == "eval"],
    )
    trainer.fit()


if __name__ == "__main__":
    coqui_run(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
