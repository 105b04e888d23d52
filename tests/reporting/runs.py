"""Runs made of numbers: the seed's own first cycle, and made-up ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from xttslab.reporting.analysis import Analysis, Gates, Rules, analyse
from xttslab.reporting.record import ManifestClip, RunData, completed

CONF = Path(__file__).parents[2] / "conf"
SEED_MEL = {0: 5.380, 5: 4.850, 10: 4.520, 15: 4.280, 20: 4.343, 25: 4.862, 29: 5.069}
SEED_TEXT = {0: 0.0403, 5: 0.0345, 10: 0.0298, 15: 0.0267, 20: 0.0238, 25: 0.0234, 29: 0.0234}
SEED_CATEGORIES = {
    "confirmation": 2, "excitement": 7, "greeting": 6, "neutral": 23, "question": 21,
    "tension": 10, "transition": 11,
}  # fmt: skip


def rules() -> Rules:
    return Rules.of(yaml.safe_load((CONF / "rules/default.yaml").read_text(encoding="utf-8")))


def gates() -> Gates:
    return yaml.safe_load((CONF / "evaluation/gates.yaml").read_text(encoding="utf-8"))


def analysed(run: RunData) -> Analysis:
    return analyse(run, rules(), gates())


def clips_of(counts: Mapping[str, int], assumed: bool = False) -> list[ManifestClip]:
    return [
        ManifestClip("milliomos", f"wavs/{category}_{n}.wav", "Szöveg.", category, assumed, "train")
        for category, count in counts.items()
        for n in range(count)
    ]


def seed_run() -> RunData:
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
