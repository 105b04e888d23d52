"""The model card carries what a person must know before using a voice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import sampling
from xttslab.exporting.model_card import gather, model_card
from xttslab.model.voice import Speaking
from xttslab.tracking.run_tracker import RunTracker
from xttslab.training.run import train


def card(
    coqui: bool = True,
    sheets: dict[str, str] | None = None,
    blend: float = 1.0,
    epoch: int | None = 12,
    **scores: float,
) -> str:
    return model_card(
        name="combined_best",
        base="xtts_v2",
        out="voice",
        language="hu",
        voices=["greeting", "tension"],
        blend=blend,
        data_sheets=sheets or {},
        epoch=epoch,
        scores=scores,
        coqui=coqui,
    )


def test_data_licence_consent_and_scores_are_on_it() -> None:
    text = card(sheets={"milliomos": "licence: CC-BY-4.0\nconsent: {by: A}\n"}, cer=0.0521)
    assert "licence: CC-BY-4.0\nconsent: {by: A}" in text
    assert "Of these weights, those of epoch 12.\n\n| metric | value |" in text
    assert "| cer | 0.0521 |" in text
    assert "Coqui Public Model License" in text
    assert "| blend of base and fine-tune | 1 |" in text
    assert 'synthesize("Jó napot!", speaker="greeting", language="hu")' in text


def test_what_is_unknown_is_said() -> None:
    text = card()
    assert "licence and consent are unknown" in text
    assert "The weights of epoch 12 are not measured; evaluate the run and export" in text
    assert "These weights are not measured; evaluate" in card(epoch=None)
    blended = card(blend=0.8)
    assert "| blend of base and fine-tune | 0.8 |" in blended
    assert "Not measured: nobody evaluated this blend of base and fine-tune (0.8)." in blended


def test_the_mini_does_not_promise_coqui() -> None:
    text = card(coqui=False)
    assert "Only xttslab loads this model" in text
    assert "Xtts.init_from_config" not in text


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


def evaluated(run_dir: Path, step: int, epoch: int, score: float) -> None:
    tracker = RunTracker.attach(run_dir)
    tracker.log_metrics({"score/overall": score, "evaluation/epoch": epoch}, step)
    assert tracker.close()


def gathering_card(run: Path | str, share: float = 1.0) -> str:
    return gather(str(run), "", share, Path("voice"), SETTINGS).card


def test_losses_and_scores_are_of_the_exported_weights(run_dir: Path) -> None:
    rows = [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]
    loss = {row["epoch"]: row["eval/mel_ce"] for row in rows}
    best = gathering_card(run_dir)
    assert "Of these weights, those of epoch 1." in best
    assert f"| eval/mel_ce | {loss[1]:.4g} |" in best
    assert "| score/overall | 1.1 |" in best
    assert "9.9" not in best
    other = gathering_card(run_dir / "checkpoints/epoch_002.safetensors")
    assert "Of these weights, those of epoch 2." in other
    assert f"| eval/mel_ce | {loss[2]:.4g} |" in other
    assert "| score/overall | 2.2 |" in other
    evaluated(run_dir, 3, epoch=1, score=7.5)
    evaluated(run_dir, 4, epoch=2, score=8.5)
    assert "| score/overall | 7.5 |" in gathering_card(run_dir)
    assert "nobody evaluated this blend of base and fine-tune (0.5)" in gathering_card(run_dir, 0.5)
