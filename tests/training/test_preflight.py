"""The estimate is held against what PyTorch really keeps for the backward pass."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from hydra.utils import instantiate
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from tests.conftest import CONF
from tests.training.test_run import losses
from xttslab.data.batches import Example, collate
from xttslab.errors import UserError
from xttslab.model.adapters import add_lora
from xttslab.model.gpt import XttsGpt, clip_losses
from xttslab.training import callbacks as memory_module
from xttslab.training import preflight as flight
from xttslab.training.callbacks import peak_memory_gb
from xttslab.training.optim import train_adapters
from xttslab.training.preflight import PRESETS, BatchSize, estimate_memory
from xttslab.training.run import train

WIDTH, CLIPS, FRAMES = 256, 3, 300
CPU = torch.device("cpu")


def model(recompute: str = "none") -> XttsGpt:
    torch.manual_seed(0)
    return XttsGpt(
        layers=3,
        model_dim=WIDTH,
        heads=2,
        max_text_tokens=402,
        max_mel_tokens=605,
        number_text_tokens=75,
        num_audio_tokens=130,
        start_audio_token=128,
        stop_audio_token=129,
        start_text_token=73,
        attention_dropout=0.0,
        recompute=recompute,
    ).train()


def kept_bytes(gpt: XttsGpt, half: bool) -> tuple[int, BatchSize]:
    """Bytes of all distinct tensors that the graph of one step holds, without the weights; tensors
    are shapes alone, nothing is computed."""
    random = np.random.default_rng(0)
    clips = [
        Example(
            row=i,
            text=random.integers(1, 70, 80),
            codes=random.integers(0, 128, 400),
            prompt=random.normal(size=(80, FRAMES)).astype(np.float32),
        )
        for i in range(CLIPS)
    ]
    batch = collate(clips, gpt.tokens, "none")
    shapes = FakeTensorMode()
    with FakeCopyMode(shapes):
        gpt, batch = copy.deepcopy((gpt, batch))
    weights = {p.untyped_storage()._cdata for p in gpt.parameters()}
    held: dict[int, torch.UntypedStorage] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            held[storage._cdata] = storage
        return tensor

    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with shapes, hooks, torch.autocast("cpu", torch.bfloat16, enabled=half):
        losses = clip_losses(gpt(batch), batch)
        total = losses.text.sum() + losses.mel.sum()
    assert total.requires_grad
    kept = sum(storage.nbytes() for storage in held.values())
    return kept, BatchSize(CLIPS, batch.order.numel(), CLIPS * FRAMES)


@pytest.mark.parametrize("adapted", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
def test_activations_are_what_the_graph_keeps(half: bool, adapted: bool) -> None:
    gpt = model()
    if adapted:
        add_lora(gpt, rank=4, alpha=8, dropout=0.05, targets=["c_attn", "c_proj", "c_fc"])
        train_adapters(gpt, ["heads"])
    kept, size = kept_bytes(gpt, half)
    estimated = estimate_memory(gpt, size, half, adam_8bit=False).activations
    assert kept <= 1.05 * estimated  # never more than was promised
    assert estimated <= 1.35 * kept


def test_recomputing_and_adapters_save_what_they_should() -> None:
    size = BatchSize(3, 1500, 900)
    found = {name: estimate_memory(model(name), size, False, False) for name in ("none", "all")}
    assert found["all"].activations < 0.7 * found["none"].activations
    gpt = model()
    whole = estimate_memory(gpt, size, False, False)
    count = sum(p.numel() for p in gpt.parameters())
    assert (whole.weights, whole.gradients, whole.optimizer) == (4 * count, 4 * count, 8 * count)
    assert estimate_memory(gpt, size, False, True).optimizer == 2 * count
    train_adapters(gpt, ["heads"])
    heads = sum(p.numel() for p in gpt.parameters() if p.requires_grad)
    assert estimate_memory(gpt, size, False, False).gradients == 4 * heads


def test_the_peak_is_the_larger_of_what_never_meets() -> None:
    gpt = model("all")
    memory = estimate_memory(gpt, BatchSize(1, 100, 50), False, False, sentences=14)
    assert memory.speaking == 14 * 700 * 3 * 2 * WIDTH * 4
    assert memory.peak_gb == pytest.approx(
        0.5 + (memory.weights + memory.optimizer + memory.speaking) / 1e9
    )


@pytest.mark.posix
@pytest.mark.parametrize(("system", "unit"), [("linux", 1024), ("darwin", 1)])
def test_posix_systems_count_in_units_of_their_own(
    monkeypatch: pytest.MonkeyPatch, system: str, unit: int
) -> None:
    counted = pytest.importorskip("resource")
    used = SimpleNamespace(ru_maxrss=3_000_000_000 // unit)
    monkeypatch.setattr(memory_module.sys, "platform", system)
    monkeypatch.setattr(counted, "getrusage", lambda who: used)
    assert peak_memory_gb(CPU) == pytest.approx(3.0)


def test_windows_knows_the_peak_of_the_working_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_module.sys, "platform", "win32")
    used = SimpleNamespace(rss=1_000_000_000, peak_wset=2_500_000_000)
    monkeypatch.setattr(psutil.Process, "memory_info", lambda process: used)
    assert peak_memory_gb(CPU) == 2.5


def test_the_peak_is_no_less_than_what_is_used_now() -> None:
    assert peak_memory_gb(CPU) >= 0.5 * psutil.Process().memory_info().rss / 1e9


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
