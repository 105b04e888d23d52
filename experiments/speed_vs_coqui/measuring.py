"""A training step in, its seconds, its memory and the machine's GEMM rate out."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from xttslab.model.voice import slow_bfloat16

ROOT = Path(__file__).resolve().parents[2]
VOCABULARY = ROOT / "xttslab/assets/xtts_mini/vocab.json"
# (layers, width, heads, text tokens)
SIZES = {
    "full": (30, 1024, 16, 6681),
    "half": (15, 1024, 16, 6681),  # where there is not enough memory for the recipe
    "small": (6, 256, 4, 75),
    "tiny": (1, 64, 1, 75),
}


@dataclass(frozen=True)
class Task:
    """What one side is to do, in a process of its own."""

    side: str  # coqui or ours
    clips: str  # folder of `write_clips`
    size: str = "full"
    device: str = "cpu"
    precision: str = "32-true"
    steps: int = 2  # timed, after one that warms up
    threads: int = 1
    adapter: str = "none"
    recompute: str = "none"
    attention_dropout: float = 0.1
    compiled: bool = False


class StepClock:
    """Wall and processor seconds of each step."""

    def __init__(self, device: str) -> None:
        self.device, self.steps = device, []
        self._gpu = device.startswith("cuda")

    def start(self) -> None:
        self._started = self._now()

    def stop(self) -> None:
        now = self._now()
        wall, processor = (end - start for end, start in zip(now, self._started, strict=True))
        self.steps.append({"wall_s": wall, "cpu_s": processor})

    def _now(self) -> tuple[float, float]:
        if self._gpu:
            torch.cuda.synchronize()
        return time.perf_counter(), time.process_time()

    def summary(self, tokens: int) -> dict[str, Any]:
        """Medians without the first step, with the peak memory of the process or card in GB."""
        # Coqui's side needs no Lightning: imported when all is measured
        from xttslab.training.callbacks import peak_memory_gb

        warm = self.steps[1:] or self.steps
        found = {key: statistics.median(s[key] for s in warm) for key in ("wall_s", "cpu_s")}
        peak_gb = peak_memory_gb(torch.device(self.device))
        return {**found, "steps": len(warm), "tokens": tokens, "peak_gb": peak_gb}


def architecture(size: str) -> list[str]:
    """The choices that make `model=xtts_v2` a model of that size."""
    layers, width, heads, texts = SIZES[size]
    return [
        f"model.architecture.layers={layers}",
        f"model.architecture.model_dim={width}",
        f"model.architecture.heads={heads}",
        f"model.architecture.number_text_tokens={texts}",
    ]


def without_bfloat16(device: str) -> str:
    """Why nothing is measured in bfloat16 on a device; "" where it is."""
    return slow_bfloat16() if device == "cpu" else ""


def measurable(variants: dict[str, Any], device: str) -> dict[str, Any]:
    """The variants without those in bfloat16 where a processor is slow in it, which is said."""
    if not (why := without_bfloat16(device)):
        return variants
    print(f"left out, since {why}: all in bfloat16")
    return {name: choice for name, choice in variants.items() if "bfloat16" not in name}


def gemm_rates(device: str, size: str, rows: int = 855) -> dict[str, float]:
    """GFLOP/s of (rows, width) × (width, 4 · width) in both precisions, or in float32 alone (see
    `without_bfloat16`): the machine of this minute."""
    found, width = {}, SIZES[size][1]
    kinds = {"float32": torch.float32}
    if not without_bfloat16(device):
        kinds["bfloat16"] = torch.bfloat16
    for name, kind in kinds.items():
        a = torch.randn(rows, width, dtype=kind, device=device)
        b = torch.randn(width, 4 * width, dtype=kind, device=device)
        clock = StepClock(device)
        for _ in range(8):
            clock.start()
            for _ in range(4):
                a @ b
            clock.stop()
        seconds = statistics.median(step["wall_s"] for step in clock.steps[2:])
        found[f"gemm_{name}"] = 4 * 2 * rows * width * 4 * width / seconds / 1e9
    return found


def run_side(task: Task) -> dict[str, Any]:
    """Run a task in a fresh process; returns what it measured."""
    module = f"experiments.speed_vs_coqui.{task.side}_side"
    command = [sys.executable, "-W", "ignore", "-m", module, json.dumps(asdict(task))]
    environment = {**os.environ, "OMP_NUM_THREADS": str(task.threads)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{task}: failed\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
