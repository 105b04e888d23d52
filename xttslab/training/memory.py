"""What training takes of a device's memory: estimates, presets, and a guard against spilling.

The counts are of the tensors that PyTorch keeps for the backward pass, in multiples of
(tokens × width) per layer; tests/training/test_memory.py holds them against the real graph.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from xttslab.data.audio import MEL_HOP, SAMPLE_RATE
from xttslab.data.datamodule import ClipData

if TYPE_CHECKING:
    from xttslab.model.transformer import Recompute

# What each preset takes at XTTS-v2's size with its fullest batch, in GB (conf/hardware/).
PRESETS = {"gpu_24gb": 18.0, "gpu_16gb": 12.3, "gpu_12gb": 9.7, "gpu_8gb": 7.0, "gpu_6gb": 4.8}
RECOGNISER_GB = 3.5  # of a card, by Whisper large-v3 in 16 bits while it scores samples
FLOAT_BYTES = 4
_ADAM_BYTES = 8  # two float32 moments a parameter
_ADAM_8BIT_BYTES = 2
# Bytes per token, layer and unit of width. Whole values: the input of both norms (always float32),
# and of each matrix product, attention and GELU, with two dropout masks.
_KEPT_FLOAT32 = {"none": 72.0, "cheap": 44.0, "all": 4.0}
_KEPT_16_BIT = {"none": 40.0, "cheap": 26.0, "all": 4.0}
# Adapters see the inputs through a dropout of their own; "cheap" keeps their products too.
_ADAPTERS_KEPT = {"none": 33.0, "cheap": 36.0, "all": 0.0}
_CONDITIONING_KEPT = 194.0  # per prompt frame or latent and unit of width, all blocks
_LOGIT_COPIES = 3  # logits, their log-softmax, its gradient
_AROUND = 500_000_000  # codec, decoder, libraries and their workspaces
_CACHE_TOKENS = 700  # a sample sentence: 32 latents, its text, at most 605 codes
_LEFT_FREE = 500_000_000  # bytes, for the desktop and the driver
_NEARLY_FULL = 0.95  # of the card
_STEPS_COMPARED = 20
_SLOWER = 3.0  # times


@dataclass(frozen=True)
class BatchSize:
    """The largest batch of a device."""

    clips: int
    tokens: int  # clips × longest packed row
    frames: int  # clips × longest prompt


def largest_batch(data: ClipData) -> BatchSize:
    """The most that one batch of this data and these settings can hold on a device."""
    settings, longest = data.settings, max(data.lengths)
    clips = settings.clips or max(1, settings.max_tokens // longest)
    if settings.max_tokens:
        clips = min(clips, max(1, settings.max_tokens // longest))
    clips = min(clips, len(data.lengths))
    frames = round(settings.prompt_seconds[1] * SAMPLE_RATE / MEL_HOP)
    return BatchSize(clips, clips * longest, clips * frames)


@dataclass(frozen=True)
class Memory:
    """Bytes by what holds them; `speaking` and the pass forward and back are never there at once,
    nor are all activations while all gradients are. Models that score samples come with speaking
    and stay."""

    weights: int
    optimizer: int
    gradients: int
    activations: int
    speaking: int
    scoring: int = 0

    @property
    def peak_gb(self) -> float:
        """The most at any one time, in 10⁹ bytes."""
        passing = max(self.gradients, self.activations, self.speaking)
        return (_AROUND + self.weights + self.optimizer + self.scoring + passing) / 1e9


def estimate_memory(
    gpt: nn.Module, batch: BatchSize, half: bool, adam_8bit: bool, sentences: int = 0
) -> Memory:
    """What training `gpt` takes, with `requires_grad` and `recompute` as they are set on it.

    Args:
        half: 16-bit autocast, which also keeps a 16-bit copy of every matrix.
        adam_8bit: moments in 8 bits.
        sentences: how many sample sentences are spoken together.
    """
    parameters = list(gpt.parameters())
    trained = sum(p.numel() for p in parameters if p.requires_grad)
    return Memory(
        weights=sum(p.numel() for p in parameters) * FLOAT_BYTES,
        optimizer=optimizer_bytes(trained, adam_8bit),
        gradients=trained * FLOAT_BYTES,
        activations=round(_activations(gpt, batch, half)),
        speaking=sentences * _CACHE_TOKENS * gpt.layers * 2 * gpt.model_dim * FLOAT_BYTES,
    )


def optimizer_bytes(trained: int, adam_8bit: bool) -> int:
    """What AdamW keeps for so many trained parameters, with moments in 8 bits or in float32."""
    return trained * (_ADAM_8BIT_BYTES if adam_8bit else _ADAM_BYTES)


def _activations(gpt: nn.Module, batch: BatchSize, half: bool) -> float:
    recompute: Recompute = gpt.recompute
    whole = _KEPT_16_BIT if half else _KEPT_FLOAT32
    adapted = any(".lora_" in name for name, _ in gpt.named_parameters())
    kept = {name: whole[name] + adapted * _ADAPTERS_KEPT[name] for name in whole}
    layers = batch.tokens * gpt.layers * kept[recompute]
    if recompute != "none":  # one layer at a time is computed again
        layers += batch.tokens * kept["none"]
    prompted = next(gpt.conditioning_encoder.parameters()).requires_grad
    heard = batch.frames + batch.clips * len(gpt.conditioning_perceiver.latents)
    conditioning = heard * _CONDITIONING_KEPT if prompted else 0.0
    copies = sum(p.numel() for p in gpt.parameters() if p.dim() > 1) * 2 if half else 0
    widest = max(gpt.number_text_tokens / 4, gpt.num_audio_tokens)  # a quarter or less is text
    logits = batch.tokens * widest * FLOAT_BYTES * _LOGIT_COPIES
    return (layers + conditioning) * gpt.model_dim + copies + logits


def memory_there_gb(device: torch.device) -> float:
    """Memory that is free for training, in 10⁹ bytes; a model that is loaded counts as free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 1e9
    process = psutil.Process().memory_info().rss
    return (psutil.virtual_memory().available + process) / 1e9


def smaller_preset(there_gb: float, chosen: str | None = None) -> str | None:
    """The largest preset of `hardware=` that takes at most `there_gb`, and less than `chosen` does;
    None where there is none."""
    limit = PRESETS.get(chosen or "", float("inf"))
    return next((name for name, gb in PRESETS.items() if gb <= there_gb and gb < limit), None)


def kept_for_backward(losses: Callable[[], Tensor], module: nn.Module) -> int:
    """Bytes of all distinct tensors that the graph of `losses` holds, without `module`'s own
    parameters and buffers. Random numbers stay as they were."""
    own = {t.untyped_storage().data_ptr() for t in (*module.parameters(), *module.buffers())}
    held: dict[int, Tensor] = {}  # the tensors stay alive, so that no address is used again

    def pack(tensor: Tensor) -> Tensor:
        address = tensor.untyped_storage().data_ptr()
        if address not in own:
            held[address] = tensor
        return tensor

    with (
        torch.random.fork_rng(),
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor),
    ):
        losses()
    return sum(tensor.untyped_storage().nbytes() for tensor in held.values())


def spills(system: str = sys.platform, release: str = "") -> bool:
    """Whether the driver moves what does not fit on the card to the host's memory, in place of
    failing: Windows' and WSL2's do, and training becomes twenty times slower without a word."""
    return system == "win32" or "microsoft" in (release or platform.release()).lower()


def cap_memory(device: torch.device) -> float | None:
    """Where the driver would spill, let torch take no more of the card than is free now, less
    0.5 GB, so that it fails with a message that names a preset; returns the share that it may take,
    None where nothing was capped."""
    if device.type != "cuda" or not spills():
        return None
    free, total = torch.cuda.mem_get_info(device)
    free += torch.cuda.memory_reserved(device)  # what this process has already
    share = min(1.0, max(0.05, (free - _LEFT_FREE) / total))
    torch.cuda.set_per_process_memory_fraction(share, device)
    return share


class SpillWarning(pl.Callback):
    """Caps the card's memory where it would spill, and warns once when it is nearly full or when
    steps take several times as long as they did.

    `usual_s` is what a step takes, from trial steps where there were some, else the median of the
    first ones behind the warm-up; `clock` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.clock = clock
        self.usual_s: float | None = None
        self._last: float | None = None  # when the step before ended
        self._recent: deque[float] = deque(maxlen=_STEPS_COMPARED)
        self._warned = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        cap_memory(pl_module.device)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._last = None  # what lies between two epochs is no step

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        if self._warned or pl_module.device.type != "cuda":
            return
        now = self.clock()
        if self._last is not None and trainer.global_step > _STEPS_COMPARED:
            self._recent.append(now - self._last)
        self._last = now
        full = _too_full(pl_module.device) if spills() else ""  # elsewhere a full card is usual
        if fault := full or self._too_slow():
            self._warned = True
            print(f"warning: {fault}", file=sys.stderr, flush=True)

    def _too_slow(self) -> str:
        if len(self._recent) < _STEPS_COMPARED:
            return ""
        now = statistics.median(self._recent)
        self.usual_s = self.usual_s or now
        if now <= _SLOWER * self.usual_s:
            return ""
        return (
            f"a step takes {now:.1f} s in place of {self.usual_s:.1f} s: the card's memory spills "
            "to the host's, or another program uses the card (nvidia-smi lists it); close it, or "
            "choose a smaller hardware="
        )


def _too_full(device: torch.device) -> str:
    total = torch.cuda.get_device_properties(device).total_memory
    reserved = torch.cuda.memory_reserved(device)
    if reserved <= _NEARLY_FULL * total:
        return ""
    preset = smaller_preset(0.9 * _NEARLY_FULL * total / 1e9)
    advice = f"hardware={preset} takes less" if preset else "no preset is smaller"
    return (
        f"{reserved / 1e9:.1f} of the card's {total / 1e9:.1f} GB are taken, and Windows moves "
        f"what does not fit to the host's memory, which is twenty times slower: {advice}"
    )
