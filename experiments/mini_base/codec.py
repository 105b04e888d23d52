"""Train the small DVAE on clips of many voices and keep it as `codec.safetensors`.

    python -m experiments.mini_base.codec FOLDER [FOLDER …] --out FILE

Each FOLDER holds audio files, at any depth. Interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from experiments.mini_base.places import CACHE, Journal
from xttslab.data.audio import SAMPLE_RATE, SAMPLES_PER_CODE, read_audio
from xttslab.data.crops import CropOrder, WaveCrops
from xttslab.model.checkpoints import write_tensors
from xttslab.model.codec import MEL_BINS, Codec
from xttslab.training.dvae_stage import DvaeStage
from xttslab.training.schedules import cosine

SIZES = {"hidden": 96, "codebook_dim": 64, "codes": 1024, "blocks": 3}
CUT = 22 * SAMPLES_PER_CODE  # about a second
EVAL_SHARE = 20  # one clip in so many is held out


def read_waves(folders: list[Path], per_folder: int) -> list[np.ndarray]:
    """Up to `per_folder` clips of each folder, spread evenly over its files, at 22,050 Hz."""
    waves = []
    for folder in folders:
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".flac", ".wav"))
        step = max(1, len(files) // per_folder)
        waves += [levelled(read_audio(path, SAMPLE_RATE)) for path in files[::step][:per_folder]]
    return waves


def levelled(wave: np.ndarray, level: float = 0.07) -> np.ndarray:
    """The wave at −23 dB of full scale (root mean square), without clipping."""
    gain = level / np.sqrt((wave**2).mean() + 1e-9)
    return wave * np.float32(min(gain, 0.95 / np.abs(wave).max()))


def save_codec(codec: Codec, path: Path) -> None:
    """The weights that encoding and decoding need, in single precision: codes depend on them."""
    unused = ("dvae.discrete_", "_code_mel", "_prompt_mel")
    state = codec.state_dict()
    kept = {name: value for name, value in state.items() if not name.startswith(unused)}
    write_tensors(path, kept)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--per-folder", type=int, default=1500)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pl.seed_everything(7, verbose=False)
    waves = read_waves(options.folders, options.per_folder)
    held = waves[::EVAL_SHARE]
    trained = [wave for i, wave in enumerate(waves) if i % EVAL_SHARE]
    print(f"{sum(map(len, trained)) / SAMPLE_RATE / 3600:.2f} h in {len(trained)} clips")
    codec = Codec(torch.ones(MEL_BINS), **SIZES)
    codec.fit(trained[:: max(1, len(trained) // 400)])
    stage = DvaeStage(
        codec,
        trained[:: max(1, len(trained) // 400)],
        partial(torch.optim.AdamW, lr=options.lr, betas=(0.9, 0.99)),
        partial(cosine, warmup_steps=50, floor=0.02),
        plain_steps=300,
        commitment=0.25,
        revive_every=50,
    )
    work = CACHE / "work" / options.out.stem
    trainer = pl.Trainer(
        accelerator="cpu",
        max_steps=options.steps,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[Journal(work / "metrics.jsonl"), ModelCheckpoint(work, save_last=True)],
    )
    repeats = -(-100 * options.batch // len(trained))  # an epoch has about 100 steps
    loaders = [
        DataLoader(
            WaveCrops(part, CUT),
            options.batch,
            sampler=CropOrder(len(part), times, seed=7, fixed=fixed),
            drop_last=not fixed,
        )
        for part, times, fixed in ((trained, repeats, False), (held, 1, True))
    ]
    last = work / "last.ckpt"
    trainer.fit(stage, *loaders, ckpt_path=last if last.is_file() else None)
    save_codec(codec, options.out)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
