"""What a run will take is said before its first step, and too much is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tests.training.test_run import losses
from xttslab.errors import UserError
from xttslab.model.gpt import XttsGpt
from xttslab.training import preflight as flight
from xttslab.training.memory import BatchSize, estimate_memory
from xttslab.training.run import train


def test_a_run_starts_with_its_table(workplace, tiny, capsys) -> None:
    train(tiny("run_name=told", "trainer.max_epochs=1"))
    shown = capsys.readouterr().out
    assert "before the first step" in shown
    assert re.search(r"trained\s+│\s+0\.\d M parameters \(100\.0% of the model\)", shown)
    assert re.search(r"an epoch\s+│\s+8 clips, \d+ tokens, none truncated", shown)
    assert not re.search(r"│ time", shown)  # too short to be worth timing


def test_timed_steps_change_no_number(workplace, tiny, capsys, monkeypatch) -> None:
    monkeypatch.setattr(flight, "_SHORT_RUN", 1)
    train(tiny("run_name=untimed", "timed_steps=0"))
    assert not re.search(r"│ time", capsys.readouterr().out)
    train(tiny("run_name=timed"))
    assert re.search(
        r"time\s+│\s+\d+ min without evaluation \([\d.]+ s × 6 steps\)", capsys.readouterr().out
    )
    assert losses("timed") == losses("untimed")


def test_too_little_memory_is_said_at_once(workplace, tiny, monkeypatch) -> None:
    monkeypatch.setattr(flight, "memory_there_gb", lambda device: 0.3)
    with pytest.raises(UserError, match=r"about 0.5 GB of memory and 0.3 GB are free on cpu; use"):
        train(tiny("run_name=small"))
    assert not Path("outputs/small/checkpoints").exists()


def test_too_little_disk_is_said_at_once(workplace, tiny, monkeypatch) -> None:
    full = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(flight.shutil, "disk_usage", lambda folder: full)
    with pytest.raises(UserError, match=r"checkpoints take up to .* free; free some space"):
        train(tiny("run_name=full"))


SOUND = {
    "decoder": ["stage=decoder", "stage.batches=4", "stage.segments=4", "stage.segment_codes=8"],
    "dvae": ["stage=dvae", "stage.batches=4", "stage.batch_codes=80"],
}


@pytest.mark.parametrize("stage", SOUND)
def test_stages_of_sound_say_what_they_take_too(
    workplace, tiny, capsys, monkeypatch, stage
) -> None:
    quick = [f"run_name={stage}", *SOUND[stage], "trainer.max_epochs=1"]
    counted: list[int] = []
    kept = flight.kept_for_backward
    monkeypatch.setattr(
        flight, "kept_for_backward", lambda *given: counted.append(kept(*given)) or counted[-1]
    )
    train(tiny(*quick))
    shown = capsys.readouterr().out
    assert "before the first step" in shown
    assert re.search(r"memory\s+│ \d+\.\d of \d+\.\d GB \(weights 0\.0\d", shown)
    assert counted[0] > 100_000  # bytes of one segment or clip
    monkeypatch.setattr(flight, "memory_there_gb", lambda device: 0.3)
    with pytest.raises(UserError, match=r"about 0\.\d GB of memory and 0\.3 GB are free"):
        train(tiny(*quick, "run_name=small"))
    assert not Path("outputs/small/checkpoints/last.ckpt").exists()


def test_moments_in_8_bits_count_as_such_in_every_stage() -> None:
    layer = torch.nn.Linear(10, 9, bias=False)
    needed = [flight._of_module(layer, None, 0, adam_8bit) for adam_8bit in (False, True)]
    assert [memory.optimizer for memory in needed] == [90 * 8, 90 * 2]
    assert {memory.gradients for memory in needed} == {90 * 4}


def test_models_that_score_samples_on_the_card_are_counted(workplace, tiny, capsys) -> None:
    scored = ["samples.every_n_epochs=1", "samples.score_every_n_epochs=9"]
    config = tiny("run_name=scored", *scored, "evaluation.scoring.recogniser.device=cuda")
    plan = flight.Plan.of(config, Path(), 3.5)
    gpt = _full_size()
    memory = estimate_memory(gpt, BatchSize(1, 1000, 517), True, False)
    needs = flight._needs(gpt, memory, plan, torch.device("cpu"), 1)
    assert needs.memory.peak_gb == pytest.approx(memory.peak_gb + 3.5)
    assert "scoring 3.50" in flight._rows(needs)["memory"]


@pytest.mark.parametrize(
    ("there", "advice"),
    [(20.0, "hardware=gpu_24gb"), (7.5, "hardware=gpu_8gb"), (5.5, "gpu_6gb"), (3.0, "no preset")],
)
def test_the_preset_that_fits_is_named(there: float, advice: str) -> None:
    memory = estimate_memory(_full_size(), BatchSize(40, 40 * 1000, 40 * 517), True, False)
    needs = flight.Needs(1, 1, memory, there, 0.0, 1.0, 1, None)
    with pytest.raises(UserError, match=advice):
        flight.require_room(needs, torch.device("cuda"))


def _full_size() -> XttsGpt:
    with torch.device("meta"):
        return XttsGpt(layers=30, model_dim=1024, heads=16, number_text_tokens=6681)
