"""Coqui's trainer and ours on the same clips, alternating; writes the tables of README.md.

python -m experiments.speed_vs_coqui.run step            # one step at XTTS-v2's size, ~25 min
python -m experiments.speed_vs_coqui.run step --size tiny --rounds 1    # tries the script
python -m experiments.speed_vs_coqui.run whole           # runs of 80 clips, 10 epochs, ~20 min
python -m experiments.speed_vs_coqui.run whole --size full --clips 6 --epochs 2

Coqui's data set module sets torch's threads to 1, so its recipe as shipped runs on one thread of a
CPU; by default ours gets one thread too. Processor seconds are shown beside the wall clock since
they do not count what other processes take.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from experiments.speed_vs_coqui.clips import write_clips
from experiments.speed_vs_coqui.measuring import SIZES, Task, measurable, run_side
from experiments.speed_vs_coqui.whole import WholeRun, whole_runs

RECIPE = "Coqui, float32 (its recipe)"
VARIANTS: dict[str, dict[str, Any]] = {
    RECIPE: {"side": "coqui"},
    "ours, float32": {"side": "ours"},
    "ours, bfloat16": {"side": "ours", "precision": "bf16-mixed"},
    "ours, float32, no attention dropout": {"side": "ours", "attention_dropout": 0.0},
    "ours, bfloat16, no attention dropout": {
        "side": "ours", "precision": "bf16-mixed", "attention_dropout": 0.0,
    },
    "ours, float32, hardware=cpu": {
        "side": "ours", "recompute": "cheap", "attention_dropout": 0.0,
    },
    "ours, float32, LoRA": {"side": "ours", "adapter": "lora", "attention_dropout": 0.0},
    "ours, float32, LoRA, recompute=all": {
        "side": "ours", "adapter": "lora", "recompute": "all", "attention_dropout": 0.0,
    },
}  # fmt: skip
REPEATED = 3  # the first variants are measured in every round, the others in the first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["step", "whole"])
    parser.add_argument("--size", choices=SIZES, help="full for a step, small for a whole run")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of a step")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clips", type=int, default=72, help="trained on in a whole run")
    parser.add_argument("--held-out", type=int, default=8, help="evaluated on in a whole run")
    parser.add_argument("--epochs", type=int, default=10, help="of a whole run")
    parser.add_argument("--only", nargs="*", help="whole runs whose names hold one of these")
    parser.add_argument("--out", type=Path, default=Path("outputs/speed_vs_coqui"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.what == "whole":
        size = options.size or "small"
        task = WholeRun(size, options.clips, options.held_out, options.epochs)
        with tempfile.TemporaryDirectory() as folder:
            print(whole_runs(task, options.out, Path(folder), options.only))
        return
    options.size = options.size or "full"
    record = options.out / f"step_{options.size}_{options.device.split(':')[0]}.jsonl"
    table = steps(options, record)
    record.with_suffix(".md").write_text(table, encoding="utf-8")
    print(table)


def steps(options: argparse.Namespace, record: Path) -> str:
    """Measure all variants of one step; returns the table."""
    found: dict[str, list[dict[str, Any]]] = {}
    variants = measurable(VARIANTS, options.device)
    with tempfile.TemporaryDirectory() as folder:
        clips = str(write_clips(Path(folder), train=3, held_out=1))
        shared = {"clips": clips, "size": options.size, "steps": options.steps}
        shared |= {"threads": options.threads, "device": options.device}
        for turn in range(options.rounds):
            for name, choice in list(variants.items())[: REPEATED if turn else None]:
                measured = run_side(Task(**shared, **choice))
                found.setdefault(name, []).append(measured)
                with record.open("a", encoding="utf-8") as file:
                    file.write(json.dumps({"variant": name, **measured}) + "\n")
    return step_table(found, options.size)


def step_table(found: dict[str, list[dict[str, Any]]], size: str) -> str:
    """Medians over the rounds, ratios to the recipe, and the share of the GEMM roof."""
    lines = [
        "| trainer | step, s | processor, s | times as fast | peak, GB | of theirs | tokens "
        "| GEMM, GFLOP/s | of the roof |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    middle = {name: _medians(rounds) for name, rounds in found.items()}
    theirs = middle[RECIPE]
    for name, ours in middle.items():
        kind = "bfloat16" if "bfloat16" in name else "float32"
        rate = ours[f"gemm_{kind}"]
        adapted = "LoRA" in name
        roof = step_gflop(size, ours["tokens"], adapted) / rate / ours["wall_s"]
        lines.append(
            f"| {name} | {ours['wall_s']:.2f} | {ours['cpu_s']:.2f} "
            f"| {theirs['wall_s'] / ours['wall_s']:.2f} | {ours['peak_gb']:.2f} "
            f"| {ours['peak_gb'] / theirs['peak_gb']:.2f} | {ours['tokens']:.0f} "
            f"| {rate:.0f} | {roof:.0%} |"
        )
    return "\n".join(lines) + "\n"


def step_gflop(size: str, tokens: float, adapted: bool = False) -> float:
    """Arithmetic of the matrix products of one step of three clips, in 10⁹ operations.

    6 · parameters · tokens for the blocks (4 with frozen weights), 12 · L · width causal attention
    a token and layer halved, and six conditioning blocks over 387 frames a clip.
    """
    layers, width, _, _ = SIZES[size]
    blocks = (4 if adapted else 6) * 12 * layers * width**2 * tokens
    attention = 6 * layers * width * tokens * tokens / 3
    frames = 3 * 387
    heard = (2 if adapted else 6) * 6 * 4 * width**2 * frames
    return (blocks + attention + heard) / 1e9


def _medians(rounds: list[dict[str, Any]]) -> dict[str, float]:
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


if __name__ == "__main__":
    main()
