"""Estimates are held against what PyTorch really keeps; a simulated card spills and fills."""

from __future__ import annotations

import copy
import re
from types import SimpleNamespace

import numpy as np
import psutil
import pytest
import torch
from hydra.utils import instantiate
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode

from tests.conftest import CONF
from xttslab.data.batches import Example, collate
from xttslab.errors import UserError
from xttslab.model.adapters import add_lora
from xttslab.model.gpt import XttsGpt, clip_losses
from xttslab.training import callbacks as callbacks_module
from xttslab.training import memory as memory_module
from xttslab.training.callbacks import peak_memory_gb
from xttslab.training.memory import (
    PRESETS,
    BatchSize,
    SpillWarning,
    cap_memory,
    estimate_memory,
    kept_for_backward,
    largest_batch,
    spills,
)
from xttslab.training.optim import train_adapters

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


@pytest.mark.parametrize(
    ("clips", "max_tokens", "expected"),
    [
        (2, 0, BatchSize(2, 2 * 200, 2 * 517)),
        (8, 0, BatchSize(3, 3 * 200, 3 * 517)),  # no more than there are
        (3, 450, BatchSize(2, 2 * 200, 2 * 517)),
        (0, 450, BatchSize(2, 2 * 200, 2 * 517)),
        (0, 100, BatchSize(1, 200, 517)),  # one clip has its place, however long
    ],
)
def test_the_largest_batch_is_of_the_longest_clips(
    clips: int, max_tokens: int, expected: BatchSize
) -> None:
    settings = SimpleNamespace(clips=clips, max_tokens=max_tokens, prompt_seconds=(3.0, 6.0))
    data = SimpleNamespace(settings=settings, lengths=[50, 200, 120])
    assert largest_batch(data) == expected


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
    monkeypatch.setattr(callbacks_module.sys, "platform", system)
    monkeypatch.setattr(counted, "getrusage", lambda who: used)
    assert peak_memory_gb(CPU) == pytest.approx(3.0)


def test_windows_knows_the_peak_of_the_working_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks_module.sys, "platform", "win32")
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


@pytest.mark.parametrize(
    ("system", "release", "found"),
    [
        ("win32", "11", True),
        ("linux", "5.15.153.1-microsoft-standard-WSL2", True),
        ("linux", "6.8.0-45-generic", False),
    ],
)
def test_windows_and_wsl_move_memory_to_the_host(system: str, release: str, found: bool) -> None:
    assert spills(system, release) == found


CARD = torch.device("cuda")


class Twelve:
    """A card of 12 GB of which 9.6 are free, as torch shows it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.capped: list[float] = []
        self.reserved = 1_000_000_000
        cuda = memory_module.torch.cuda
        total = SimpleNamespace(total_memory=12_000_000_000)
        monkeypatch.setattr(cuda, "mem_get_info", lambda _: (8_600_000_000, 12_000_000_000))
        monkeypatch.setattr(cuda, "memory_reserved", lambda _: self.reserved)
        monkeypatch.setattr(cuda, "get_device_properties", lambda _: total)
        monkeypatch.setattr(
            cuda, "set_per_process_memory_fraction", lambda share, _: self.capped.append(share)
        )


def test_where_the_driver_spills_torch_may_take_what_is_free_less_a_half(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Twelve(monkeypatch)
    assert cap_memory(CARD) is None, "elsewhere it fails by itself"
    monkeypatch.setattr(memory_module, "spills", lambda: True)
    assert cap_memory(CARD) == pytest.approx((9.6 - 0.5) / 12)
    assert card.capped == [pytest.approx(0.7583, abs=1e-4)]
    assert cap_memory(torch.device("cpu")) is None


def steps(watch: SpillWarning, seconds: list[float]) -> None:
    """Steps that take so long, on a card."""
    now = [0.0]
    watch.clock = lambda: now[0]
    module = SimpleNamespace(device=CARD)
    watch.on_train_epoch_start(None, module)
    for number, took in enumerate(seconds):
        now[0] += took
        watch.on_train_batch_end(SimpleNamespace(global_step=number), module, None, None, number)


def test_a_card_that_is_nearly_full_is_said_once(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(memory_module, "spills", lambda: False)
    card, watch = Twelve(monkeypatch), SpillWarning()
    card.reserved = 11_500_000_000
    steps(watch, [0.3])
    assert capsys.readouterr().err == "", "torch keeps what it has had, and nothing spills"
    monkeypatch.setattr(memory_module, "spills", lambda: True)
    card.reserved = 11_300_000_000
    steps(watch, [0.3])
    assert capsys.readouterr().err == ""
    card.reserved = 11_500_000_000
    steps(watch, [0.3, 0.3])
    said = capsys.readouterr().err
    assert said.count("warning: 11.5 of the card's 12.0 GB are taken") == 1
    assert said.endswith("twenty times slower: hardware=gpu_12gb takes less\n")


def test_steps_that_became_slow_are_said_once(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    Twelve(monkeypatch)
    steps(SpillWarning(), [9.0] * 20 + [0.5] * 40 + [1.4] * 40)
    assert capsys.readouterr().err == "", "the warm-up counts not, and 2.8 times is not yet slow"
    steps(SpillWarning(), [0.5] * 60 + [10.0] * 40)
    said = capsys.readouterr().err
    assert said.count("warning: a step takes 5.2 s in place of 0.5 s: the card's memory spi") == 1
    watch = SpillWarning()
    watch.usual_s = 0.5  # of trial steps: slow from the first one on
    steps(watch, [10.0] * 60)
    assert "a step takes 10.0 s in place of 0.5 s" in capsys.readouterr().err


def test_what_a_graph_keeps_is_counted_without_a_trace() -> None:
    layer = torch.nn.Sequential(torch.nn.Linear(100, 200), torch.nn.ReLU(), torch.nn.Dropout(0.5))
    given, state = torch.ones(7, 100), torch.get_rng_state()
    kept = kept_for_backward(lambda: layer(given).sum(), layer)
    # the input, the ReLU's output, and the dropout's mask (in one byte or in four)
    least = 4 * 7 * (100 + 200) + 7 * 200
    assert least <= kept <= least + 4 * 7 * 200
    assert torch.equal(torch.get_rng_state(), state)
    assert layer[0].weight.grad is None


def test_8_bit_adamw_says_what_it_needs(compose) -> None:
    make = instantiate(compose("optim=adamw_8bit").optim, _convert_="all")
    with pytest.raises(UserError, match=r"needs a CUDA device; use optim=adamw"):
        make([torch.nn.Parameter(torch.ones(2))])
