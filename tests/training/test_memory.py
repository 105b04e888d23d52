"""The estimate is held against what PyTorch really keeps for the backward pass."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from xttslab.data.batches import Example, collate
from xttslab.model.adapters import add_lora
from xttslab.model.gpt import XttsGpt
from xttslab.model.losses import clip_losses
from xttslab.training import memory as memory_module
from xttslab.training.memory import BatchSize, estimate_memory, peak_memory_gb
from xttslab.training.parameters import train_adapters

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
