"""Eighty clips in, what a whole run of each trainer takes out: wall clock and bytes on disk."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from experiments.speed_vs_coqui.clips import write_clips
from experiments.speed_vs_coqui.measuring import ROOT

EPOCHS = 10


def whole_runs(out: Path, threads: int) -> str:
    """Both trainers from a cold start, each as it ships; returns the table."""
    place = out.resolve() / "whole"
    clips = write_clips(place / "data/milliomos", train=72, held_out=8)
    ours = [
        "xttslab.train", "dataset=milliomos", "model=xtts_mini", "weights=random", "trainer=cpu",
        f"trainer.max_epochs={EPOCHS}", "checkpoint.patience=0", "samples.every_n_epochs=0",
        "model.codec={hidden: 512, codebook_dim: 512, codes: 1024, blocks: 3}",  # as theirs is
        "model.attention_dropout=0.1", "trainer.enable_progress_bar=false",
        f"run_name=whole_{int(time.time())}",
    ]  # fmt: skip
    theirs = ["experiments.speed_vs_coqui.whole", str(clips), str(place / "coqui")]
    rows = []
    for name, command, left in (
        ("Coqui", theirs, place / "coqui"),
        ("ours", ours, place / "outputs"),
    ):
        started, worked = time.perf_counter(), _children_s()
        environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(ROOT)}
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", *command],
            cwd=place, env=environment, check=True, capture_output=True,
        )  # fmt: skip
        took = time.perf_counter() - started
        files = [file for file in left.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files) / 1e6
        spent = _children_s() - worked
        found = {"wall_s": took, "cpu_s": spent, "disk_mb": size}
        rows.append({"trainer": name, **{key: round(value, 1) for key, value in found.items()}})
        with (out / "whole.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    head = ["| trainer | wall clock, s | processor, s | left on disk, MB |", "|---|---|---|---|"]
    return "\n".join([*head, *("| " + " | ".join(map(str, row.values())) + " |" for row in rows)])


def _children_s() -> float:
    """Processor seconds of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def coqui_run(clips: Path, out: Path) -> None:
    """Coqui's own Trainer over the clips, with its evaluation and checkpoints."""
    import TTS.tts.layers.xtts.trainer.dataset as coqui_dataset
    from trainer import Trainer, TrainerArgs
    from TTS.tts.layers.xtts.trainer.gpt_trainer import GPTTrainer

    from experiments.speed_vs_coqui.coqui_side import read_wave, recipe, samples

    coqui_dataset.load_audio = read_wave
    given = out.parent / "given"  # its DVAE, which is no part of what it leaves
    given.mkdir(parents=True, exist_ok=True)
    config = recipe(given, "small", batch=3, epochs=EPOCHS)
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
    coqui_run(Path(sys.argv[1]), Path(sys.argv[2]))
