"""The pre-flight tells what a run takes, refuses what cannot work, and changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate

from tests.conftest import CONF
from tests.training.test_run import losses
from xttslab.errors import UserError
from xttslab.model.adapters import add_lora
from xttslab.model.gpt import XttsGpt
from xttslab.training import preflight as flight
from xttslab.training.memory import PRESETS, BatchSize, estimate_memory
from xttslab.training.parameters import train_adapters
from xttslab.training.run import train

LONGEST_ROW = 32 + 1 + 402 + 605 + 4
PROMPT_FRAMES = 517


def preset_gb(config) -> float:
    """What XTTS-v2 takes with a preset's settings and its fullest batch of the longest clips."""
    model = dict(config.model.architecture)
    with torch.device("meta"):
        gpt = XttsGpt(recompute=config.model.recompute, start_text_token=261, **model)
        if config.adapter.name == "lora":
            adapter = config.adapter
            add_lora(gpt, adapter.rank, adapter.alpha, adapter.dropout, list(adapter.targets))
            train_adapters(gpt, list(adapter.also_trained))
    clips = config.batch.max_tokens // LONGEST_ROW
    batch = BatchSize(clips, clips * LONGEST_ROW, clips * PROMPT_FRAMES)
    half = config.trainer.accelerator != "cpu"
    adam_8bit = config.optim._target_.endswith("8bit")
    return estimate_memory(gpt, batch, half, adam_8bit, len(config.samples.sentences)).peak_gb


@pytest.mark.parametrize("name", [*PRESETS, "cpu"])
def test_a_preset_keeps_within_the_budget_it_states(compose, name: str) -> None:
    stated = (CONF / "hardware" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()[1]
    budget = float(re.match(r"# ([\d.]+) GB", stated).group(1))
    assert preset_gb(compose(f"hardware={name}")) == pytest.approx(budget, abs=0.06)
    if name in PRESETS:
        assert PRESETS[name] == budget
        assert budget < 0.9 * int(re.search(r"\d+", name).group())


def test_presets_go_beside_any_trainer(compose) -> None:
    config = compose("hardware=gpu_6gb", "trainer=gpu", "experiment=milliomos")
    assert (config.adapter.name, config.trainer.accelerator) == ("lora", "gpu")
    assert (config.batch.clips, config.batch.max_tokens) == (3, 2100)


def test_a_run_starts_with_its_table(workplace, tiny, capsys) -> None:
    train(tiny("run_name=told", "trainer.max_epochs=1"))
    shown = capsys.readouterr().out
    assert "before the first step" in shown
    assert re.search(r"trained\s+│\s+0\.\d M parameters \(100\.0% of the GPT\)", shown)
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


@pytest.mark.parametrize(
    ("there", "advice"),
    [(20.0, "hardware=gpu_24gb"), (7.5, "hardware=gpu_8gb"), (5.5, "gpu_6gb"), (3.0, "no preset")],
)
def test_the_preset_that_fits_is_named(there: float, advice: str) -> None:
    memory = estimate_memory(_full_size(), BatchSize(40, 40 * 1000, 40 * 517), True, False)
    needs = flight.Needs(1, 1, memory, there, 0.0, 1.0, 1, None)
    with pytest.raises(UserError, match=advice):
        flight.require_room(needs, torch.device("cuda"))


def test_8_bit_adamw_says_what_it_needs(compose) -> None:
    make = instantiate(compose("optim=adamw_8bit").optim, _convert_="all")
    with pytest.raises(UserError, match=r"needs a CUDA device; use optim=adamw"):
        make([torch.nn.Parameter(torch.ones(2))])


def _full_size() -> XttsGpt:
    with torch.device("meta"):
        return XttsGpt(layers=30, model_dim=1024, heads=16, number_text_tokens=6681)
