"""A machine with a card in, a filled-in table of speed and memory beside Coqui's recipe out.

make gpu-check                                                  # a CUDA card, about ten minutes
python -m experiments.gpu_check.run --device cpu --size tiny    # tries the script without one

Every line is a process of its own: three clips a step, random weights, medians of the warm steps.
Paste the table into experiments/LOG.md.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
from pathlib import Path
from typing import Any

import torch

from experiments.speed_vs_coqui.clips import write_clips
from experiments.speed_vs_coqui.measuring import SIZES, Task, run_side

RECIPE = "Coqui's recipe, float32"
VARIANTS: dict[str, dict[str, Any]] = {
    RECIPE: {"side": "coqui"},
    "ours, float32": {"side": "ours"},
    "ours, bfloat16": {"side": "ours", "precision": "bf16-mixed"},
    "ours, bfloat16, compiled": {"side": "ours", "precision": "bf16-mixed", "compiled": True},
    "ours, bfloat16, recompute=cheap": {
        "side": "ours", "precision": "bf16-mixed", "recompute": "cheap",
    },
    "ours, bfloat16, recompute=all": {
        "side": "ours", "precision": "bf16-mixed", "recompute": "all",
    },
    "ours, bfloat16, LoRA, recompute=all": {
        "side": "ours", "precision": "bf16-mixed", "adapter": "lora", "recompute": "all",
    },
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", choices=SIZES, default="full")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", nargs="+", help="parts of the variants' names")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise SystemExit("error: no CUDA device is visible; see nvidia-smi, or give --device cpu")
    print(checked(options))


def checked(options: argparse.Namespace) -> str:
    """Measure the chosen variants; a line that fails says why and the others go on."""
    gpu = options.device.startswith("cuda")
    name = torch.cuda.get_device_name() if gpu else platform.machine()
    lines = [
        f"{name}, torch {torch.__version__}, size {options.size}",
        "",
        "| trainer | steps/s | times as fast | peak, GB | of theirs |",
        "|---|---|---|---|---|",
    ]
    theirs: dict[str, Any] | None = None
    with tempfile.TemporaryDirectory() as folder:
        clips = str(write_clips(Path(folder), train=3, held_out=1))
        for variant, choice in VARIANTS.items():
            if options.only and not any(part in variant for part in options.only):
                continue
            shared = {"clips": clips, "size": options.size, "steps": options.steps}
            try:
                found = run_side(Task(**shared, device=options.device, **choice))
            except SystemExit as fault:
                lines.append(f"| {variant} | {str(fault).splitlines()[-1][:80]} | – | – | – |")
                continue
            theirs = found if variant == RECIPE else theirs
            lines.append(_line(variant, found, theirs))
    return "\n".join(lines)


def _line(variant: str, found: dict[str, Any], theirs: dict[str, Any] | None) -> str:
    speed = f"{theirs['wall_s'] / found['wall_s']:.2f}" if theirs else "–"
    share = f"{found['peak_gb'] / theirs['peak_gb']:.2f}" if theirs else "–"
    rate = 1 / found["wall_s"]
    return f"| {variant} | {rate:.2f} | {speed} | {found['peak_gb']:.2f} | {share} |"


if __name__ == "__main__":
    main()
