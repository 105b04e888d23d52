"""A size in, untrained weights on disk out, as XTTS-v2's are: what our trainer starts from.

python -m experiments.speed_vs_coqui.given FOLDER full
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch

from experiments.speed_vs_coqui.measuring import VOCABULARY, architecture


def write_base(folder: Path, size: str) -> None:
    """Write the files of `conf/model/xtts_v2.yaml` at a size of `SIZES`, without a decoder."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    from experiments.speed_vs_coqui.ours_side import CONF
    from xttslab.model.base import build_base

    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", ["dataset=milliomos", *architecture(size)])
    base = build_base(
        **OmegaConf.to_container(config.model, resolve=True), weights="random", seed=7
    )
    folder.mkdir(parents=True)
    state = {f"gpt.{name}": value for name, value in base.gpt.state_dict().items()}
    torch.save({"model": state}, folder / "model.pth")
    torch.save(base.codec.dvae.state_dict(), folder / "dvae.pth")
    torch.save(torch.ones(80), folder / "mel_stats.pth")
    shutil.copy(VOCABULARY, folder / "vocab.json")
    (folder / "config.json").write_text("{}\n", encoding="utf-8")


if __name__ == "__main__":
    write_base(Path(sys.argv[1]), sys.argv[2])
