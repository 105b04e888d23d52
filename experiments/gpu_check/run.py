"""A machine with a card in, two filled-in tables out: does everything work on it, and how fast.

make gpu-check                                                  # a CUDA card, about ten minutes
python -m experiments.gpu_check.run --device cpu --size tiny    # tries the script without one

Paste the tables into experiments/LOG.md.
"""

from __future__ import annotations

import argparse
import platform

import torch

from experiments.gpu_check.speed import speed_table
from experiments.gpu_check.stages import stage_table
from experiments.speed_vs_coqui.measuring import SIZES

PARTS = ("stages", "speed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--size", choices=SIZES, default="full", help="of the model that is timed")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--only", nargs="+", default=(), help="parts of the timed trainers' names")
    options = parser.parse_args()
    gpu = options.device.startswith("cuda")
    if gpu and not torch.cuda.is_available():
        raise SystemExit("error: no CUDA device is visible; see nvidia-smi, or give --device cpu")
    name = torch.cuda.get_device_name() if gpu else platform.machine()
    print(f"{name}, torch {torch.__version__}")
    if "stages" in options.parts:
        print("", stage_table("gpu" if gpu else "cpu"), sep="\n", flush=True)
    if "speed" in options.parts:
        print(f"\nXTTS-v2's GPT, size {options.size}, three clips a step:\n")
        print(speed_table(options.device, options.size, options.steps, options.only))


if __name__ == "__main__":
    main()
