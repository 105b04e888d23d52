"""Put trained parts together to a base folder that `model=xtts_mini` loads.

    python -m experiments.mini_base.assemble --codec FILE --out FOLDER [--run RUN] [--decoder FILE]

Without a run or a decoder those parts are untrained: where the GPT's training starts. With
`--ship` FOLDER is the one inside the package: everything but the codec in half precision, and the
size is checked. The codec stays in single precision: half of it would change the codes.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from omegaconf import OmegaConf

from xttslab.model.base import ASSETS, build_base, load_codec
from xttslab.model.checkpoints import read_tensors, write_tensors
from xttslab.speaking.loading import load_run

CONF = Path(__file__).resolve().parents[2] / "conf/model/xtts_mini.yaml"
SHIPPED = ASSETS / "xtts_mini"
LARGEST_MB = 40.0


def assemble(codec: Path, out: Path, run: str | None, decoder: Path | None, half: bool) -> float:
    """Write the folder's files; returns their size in MB."""
    model = OmegaConf.to_container(OmegaConf.load(CONF), resolve=True)
    if run:
        base, _ = load_run(run)
    else:
        base = build_base(**model, weights="random", seed=7)
    load_codec(base.codec, codec, codec)
    out.mkdir(parents=True, exist_ok=True)
    gpt = {f"gpt.{name}": value for name, value in base.gpt.state_dict().items()}
    write_tensors(out / "gpt.safetensors", gpt, half)
    shutil.copyfile(codec, out / "codec.safetensors")
    if decoder:
        state = read_tensors(decoder)
    else:
        made = base.make_decoder().state_dict()
        state = {f"hifigan_decoder.{name}": value for name, value in made.items()}
    write_tensors(out / "decoder.safetensors", state, half)
    if out != SHIPPED:
        shutil.copyfile(SHIPPED / "vocab.json", out / "vocab.json")
    parts = ("architecture", "codec", "decoder", "codes_per_token", "text_stop_seen")
    described = {"model": "xtts_mini", "languages": ["hu"], **{name: model[name] for name in parts}}
    (out / "config.json").write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return sum(path.stat().st_size for path in out.iterdir()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codec", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--run", help="the run whose GPT it gets")
    parser.add_argument("--decoder", type=Path)
    parser.add_argument("--ship", action="store_true")
    options = parser.parse_args()
    out = SHIPPED if options.ship else options.out
    with torch.inference_mode():
        size = assemble(options.codec, out, options.run, options.decoder, options.ship)
    print(f"{out}: {size:.1f} MB")
    if options.ship and size > LARGEST_MB:
        raise SystemExit(f"too large to ship: {size:.1f} MB, at most {LARGEST_MB:.0f}")


if __name__ == "__main__":
    main()
