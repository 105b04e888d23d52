"""A finished decoder run in, the base folder inside the package out.

    python -m experiments.mini_base.ship RUN

GPT and decoder in half precision; the codec in single, since half of it would change the codes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from omegaconf import OmegaConf

from xttslab.model.base import ASSETS
from xttslab.model.checkpoints import write_tensors
from xttslab.speaking.loading import load_run

CONF = Path(__file__).resolve().parents[2] / "conf/model/xtts_mini.yaml"
SHIPPED = ASSETS / "xtts_mini"
LARGEST_MB = 40.0
DESCRIBED = ("architecture", "codec", "decoder", "codes_per_token", "text_stop_seen")


def ship(run: str, out: Path) -> float:
    """Write the folder's files; returns their size in MB."""
    base, _ = load_run(run)
    out.mkdir(parents=True, exist_ok=True)
    parts = {"gpt": base.gpt.state_dict(), "hifigan_decoder": base.make_decoder().state_dict()}
    for (prefix, state), name in zip(parts.items(), ("gpt", "decoder"), strict=True):
        named = {f"{prefix}.{key}": value for key, value in state.items()}
        write_tensors(out / f"{name}.safetensors", named, half=True)
    write_tensors(out / "codec.safetensors", base.codec.trained_weights())
    model = OmegaConf.to_container(OmegaConf.load(CONF), resolve=True)
    described = {"model": "xtts_mini", "languages": ["hu"], **{k: model[k] for k in DESCRIBED}}
    (out / "config.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in out.iterdir()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args()
    with torch.inference_mode():
        size = ship(options.run, options.out)
    print(f"{options.out}: {size:.1f} MB")
    if size > LARGEST_MB:
        raise SystemExit(f"too large to ship: {size:.1f} MB, at most {LARGEST_MB:.0f}")


if __name__ == "__main__":
    main()
