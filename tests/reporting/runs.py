"""Runs made of numbers: the reference analysis' first cycle, and made-up ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
import yaml

from xttslab.reporting.analysis import Analysis, Gates, ReportRules, analyse
from xttslab.reporting.run_data import ManifestClip, RunData, completed
from xttslab.tracking.run_tracker import RunTracker

CONF = Path(__file__).parents[2] / "conf"
URI = "sqlite:///mlruns/mlflow.db"
CONFIG = """
dataset: {sources: {milliomos: data/milliomos}}
samples:
  sentences:
    - {category: greeting, text: "Nagyszerű teljesítmény!"}
    - {category: tension, text: "Ez egy <nehéz> kérdés."}
"""
MANIFEST = """audio_file|text|speaker_name|category|language|split|source
wavs/a.wav|Jó estét!|beszélő|greeting|hu|train|milliomos
wavs/b.wav|Biztos?|beszélő||hu|eval|milliomos
wavs/c.wav|Figyelem!|beszélő|tension?|hu|train|milliomos
"""
SEED_MEL = {0: 5.380, 5: 4.850, 10: 4.520, 15: 4.280, 20: 4.343, 25: 4.862, 29: 5.069}
SEED_TEXT = {0: 0.0403, 5: 0.0345, 10: 0.0298, 15: 0.0267, 20: 0.0238, 25: 0.0234, 29: 0.0234}
SEED_CATEGORIES = {
    "confirmation": 2, "excitement": 7, "greeting": 6, "neutral": 23, "question": 21,
    "tension": 10, "transition": 11,
}  # fmt: skip


def rules() -> ReportRules:
    return ReportRules.of(yaml.safe_load((CONF / "rules/default.yaml").read_text(encoding="utf-8")))


def gates() -> Gates:
    return yaml.safe_load((CONF / "gates/reference_analysis.yaml").read_text(encoding="utf-8"))


def analysed(run: RunData) -> Analysis:
    return analyse(run, rules(), gates())


def clips_of(counts: Mapping[str, int], assumed: bool = False) -> list[ManifestClip]:
    return [
        ManifestClip("milliomos", f"wavs/{category}_{n}.wav", "Szöveg.", category, assumed, "train")
        for category, count in counts.items()
        for n in range(count)
    ]


def reference_run() -> RunData:
    """The first cycle as its analysis prints it: weighted text loss, one evaluation at the end."""
    logged = {
        "train/text_ce_weighted": SEED_TEXT,
        "train/mel_ce": SEED_MEL,
        "train/total": {0: 5.420, 29: 5.092},
        "eval/text_ce_weighted": {29: 0.0234},
        "eval/mel_ce": {29: 5.046},
        "eval/total": {29: 5.069},
    }
    return RunData(
        "milliomos",
        histories=completed(logged),
        params={"optim.lr": "3e-06", "batch.clips": "3"},
        tags={"dataset": "milliomos", "model": "xtts_v2"},
        clips=clips_of(SEED_CATEGORIES),
        profile={"clips": 80, "minutes": 14.8},
    )


def falling(start: float, floor: float, epochs: int, rate: float = 0.1) -> dict[int, float]:
    """start → floor, exponentially."""
    return {e: floor + (start - floor) * (1 - rate) ** e for e in range(epochs + 1)}


def overfitted_run(best: int = 12, epochs: int = 30) -> RunData:
    """A made-up run whose held-out loss turns at `best` while the training loss goes on falling."""
    held_out = {e: 4.0 + 0.004 * (e - best) ** 2 for e in range(epochs + 1)}
    train = falling(4.6, 2.5, epochs)
    histories = {
        "eval/mel_ce": held_out,
        "train_eval/mel_ce": train,
        "train/mel_ce": {e: v + 0.2 for e, v in train.items() if e},
        "gap/mel_ce": {e: held_out[e] - train[e] for e in held_out},
    }
    return RunData("made_up", histories=histories, clips=clips_of({"neutral": 20}))


def calm_run(**changes: object) -> RunData:
    """A run that no rule has anything to say about."""
    flat = {e: 2.0 + 2.0 * 0.5**e for e in range(31)}
    histories = {
        "eval/mel_ce": flat,
        "train_eval/mel_ce": {e: v - 0.1 for e, v in flat.items()},
        "train/mel_ce": {e: v for e, v in flat.items() if e},
        "gap/mel_ce": dict.fromkeys(flat, 0.1),
        "eval_ref/mel_ce": {e: v + 0.1 for e, v in flat.items()},
        "eval/stop_ce": dict.fromkeys(flat, 0.1),
        "eval/mel_ce_other_text": {e: v + 1.1 for e, v in flat.items()},
        "eval/text_gain": dict.fromkeys(flat, 1.1),
        "grad_clipped": dict.fromkeys(range(1, 31), 0.1),
    }
    run = RunData(
        "calm",
        histories=histories,
        params={"trainer.gradient_clip_val": "1.0", "optim.lr": "3e-06"},
        clips=clips_of({"neutral": 20, "question": 20}),
        profile={"clips": 300, "minutes": 45.0},
        noise_db=[45.0] * 40,
    )
    return replace(run, **changes)


def tracked_run(name: str = "first", best: int = 12) -> Path:
    """A run in the store with an overfitted curve, two samples at two epochs, and a manifest."""
    run_dir = Path("outputs") / name
    tags = {"dataset": "milliomos", "model": "xtts_mini", "run_dir": str(run_dir)}
    tracker = RunTracker.start(run_dir, name, "xttslab", URI, tags)
    for metric, history in overfitted_run(best, epochs=20).histories.items():
        for epoch, value in history.items():
            tracker.log_metrics({metric: value}, epoch)
    tracker.log_params({"optim.lr": 3e-6, "scheduler._target_": "xttslab.training.optim.cosine"})
    tracker.log_dataset("milliomos", "abc", "data/milliomos", profile={"clips": 3, "minutes": 0.2})
    tracker.log_text(CONFIG, "config/config.yaml")
    tracker.log_text(MANIFEST, "data/milliomos/metadata.csv")
    for epoch in (10, 20):
        for n, category in enumerate(("greeting", "tension"), 1):
            path = run_dir / f"samples/epoch_{epoch:03d}/{n:02d}_{category}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.1 * np.sin(np.arange(4800) / (5 + n)), 24000)
            tracker.log_artifact(path, f"samples/{path.parent.name}")
    tracker.finish()
    return run_dir
