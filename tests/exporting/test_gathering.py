"""An export's card gives what was measured of the exported weights, not of the newest epoch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import sampling
from xttslab.exporting.gathering import gather
from xttslab.model.voice import Speaking
from xttslab.tracking.store import RunTracker
from xttslab.training.run import train

SETTINGS = Speaking(sampling())


@pytest.fixture
def run_dir(workplace: Path, tiny) -> Path:
    """A run whose best weights are of epoch 1 of 2, with scores of both and an evaluation."""
    train(tiny("run_name=first", "checkpoint.top_k=2", "checkpoint.patience=0"))
    run_dir = Path("outputs/first")
    record = run_dir / "checkpoints/checkpoints.json"
    kept = json.loads(record.read_text("utf-8"))
    kept["best_first"] = [{"epoch": 1}, {"epoch": 2}]
    record.write_text(json.dumps(kept), encoding="utf-8")
    best, other = (run_dir / f"checkpoints/{n}.safetensors" for n in ("best", "epoch_002"))
    if not other.is_file():
        best.with_name("epoch_001.safetensors").rename(other)
    tracker = RunTracker.attach(run_dir)
    tracker.log_metrics({"score/overall": 1.1, "score/overall/greeting": 9.9}, step=1)
    tracker.log_metrics({"score/overall": 2.2}, step=2)
    assert tracker.close()
    return run_dir


def evaluated(run_dir: Path, step: int, epoch: int, mark: float) -> None:
    tracker = RunTracker.attach(run_dir)
    tracker.log_metrics({"score/overall": mark, "evaluation/epoch": epoch}, step)
    assert tracker.close()


def card(run: Path | str, share: float = 1.0) -> str:
    return gather(str(run), "", share, Path("voice"), SETTINGS).card


def test_losses_and_scores_are_of_the_exported_weights(run_dir: Path) -> None:
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    loss = {row["epoch"]: row["eval/mel_ce"] for row in rows}
    best = card(run_dir)
    assert "Of these weights, those of epoch 1." in best
    assert f"| eval/mel_ce | {loss[1]:.4g} |" in best
    assert "| score/overall | 1.1 |" in best
    assert "9.9" not in best
    other = card(run_dir / "checkpoints/epoch_002.safetensors")
    assert "Of these weights, those of epoch 2." in other
    assert f"| eval/mel_ce | {loss[2]:.4g} |" in other
    assert "| score/overall | 2.2 |" in other
    evaluated(run_dir, 3, epoch=1, mark=7.5)
    evaluated(run_dir, 4, epoch=2, mark=8.5)
    assert "| score/overall | 7.5 |" in card(run_dir)
    assert "nobody evaluated this blend of base and fine-tune (0.5)" in card(run_dir, 0.5)
