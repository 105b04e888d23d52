"""A device in, how fast and in how much memory a step is beside Coqui's recipe out.

Every line is a process of its own: three clips a step, random weights, medians of the warm steps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.speed_vs_coqui.clips import write_clips
from experiments.speed_vs_coqui.measuring import Task, measurable, run_side

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


def speed_table(device: str, size: str, steps: int, only: Sequence[str] = ()) -> str:
    """Measure the variants whose names hold a part of `only`, or all; a line that fails says why
    and the others go on."""
    lines = [
        "| trainer | steps/s | times as fast | peak, GB | of theirs |",
        "|---|---|---|---|---|",
    ]
    theirs: dict[str, Any] | None = None
    with tempfile.TemporaryDirectory() as folder:
        clips = str(write_clips(Path(folder), train=3, held_out=1))
        for variant, choice in measurable(VARIANTS, device).items():
            if only and not any(part in variant for part in only):
                continue
            shared = {"clips": clips, "size": size, "steps": steps}
            try:
                found = run_side(Task(**shared, device=device, **choice))
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
