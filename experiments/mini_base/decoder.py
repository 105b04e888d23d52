"""Train the small decoder on the latents of a trained base GPT.

    python -m experiments.mini_base.decoder --run FOLDER --data DATASET [DATASET …] --out FILE

FOLDER is a run of `python -m xttslab.train`; each DATASET a folder with `metadata.csv`. Latents are
computed once and kept; interrupted, the same command goes on.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

from experiments.mini_base.places import CACHE, Journal
from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.batches import Example
from xttslab.data.crops import CropOrder, DecoderCrops, SpokenClip
from xttslab.data.manifest import TRAIN, Clip, read_folder
from xttslab.model.base import Base
from xttslab.model.checkpoints import load_part, read_tensors, write_tensors
from xttslab.model.decoder import SPEECH_RATE, MiniDecoder
from xttslab.speaking.loading import load_run
from xttslab.training.decoder_stage import DecoderStage
from xttslab.training.latents import decoder_latents
from xttslab.training.schedules import cosine

CUT_CODES = 22  # about a second
REFERENCE = 2 * SAMPLE_RATE
PROMPT_SECONDS = 3.0
ENCODED_TOGETHER = 16


def read_clips(folders: Sequence[Path], per_folder: int) -> list[Clip]:
    """Up to `per_folder` clips of each data set, whole voices at a time."""
    chosen: list[Clip] = []
    for folder in folders:
        clips, _ = read_folder(folder, folder.name)
        clips.sort(key=lambda clip: (clip.split, clip.speaker, clip.audio.name))
        chosen += clips[:: max(1, len(clips) // per_folder)] if _one_voice(clips) else clips
    return chosen


def _one_voice(clips: Sequence[Clip]) -> bool:
    return len({clip.speaker for clip in clips}) == 1


def encoded_examples(base: Base, clips: Sequence[Clip]) -> tuple[list[Example], list[np.ndarray]]:
    """Each clip's codes after a prompt of another clip of its voice, ordered by length; and the
    clips' waves at 22,050 Hz in the order of `clips`, which `Example.row` counts."""
    waves = [read_audio(clip.audio, SAMPLE_RATE) for clip in clips]
    order = sorted(range(len(clips)), key=lambda row: len(waves[row]))
    encoded: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for first in range(0, len(order), ENCODED_TOGETHER):
        rows = order[first : first + ENCODED_TOGETHER]
        found = base.codec.encode([waves[row] for row in rows])
        encoded |= dict(zip(rows, found, strict=True))
    voices: dict[str, list[int]] = {}
    for row, clip in enumerate(clips):
        voices.setdefault(clip.speaker, []).append(row)
    frames = int(PROMPT_SECONDS * SAMPLE_RATE / 256)
    examples = []
    for row in order:
        same = voices[clips[row].speaker]
        prompter = same[(same.index(row) + 1) % len(same)]
        tokens = base.tokenizer.encode(clips[row].text, "hu")
        examples.append(Example(row, tokens, encoded[row][0], encoded[prompter][1][:, :frames]))
    return examples, waves


def spoken_clips(base: Base, clips: Sequence[Clip]) -> list[SpokenClip]:
    """What the decoder learns from: latents and recordings of all clips, voices numbered."""
    examples, waves = encoded_examples(base, clips)
    speakers = sorted({clip.speaker for clip in clips})
    spoken: dict[int, SpokenClip] = {}
    for example, latents in zip(examples, decoder_latents(base.gpt, examples), strict=True):
        clip = clips[example.row]
        spoken[example.row] = SpokenClip(
            latents,
            _whole(read_audio(clip.audio, SPEECH_RATE)),
            _whole(waves[example.row]),
            speakers.index(clip.speaker),
        )
    return [spoken[row] for row in range(len(clips))]


def _whole(wave: np.ndarray) -> np.ndarray:
    return (np.clip(wave, -1, 1) * 32767).astype(np.int16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True, help="the run whose GPT will speak")
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="a decoder to go on from")
    parser.add_argument("--per-folder", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    pl.seed_everything(7, verbose=False)
    base, _ = load_run(options.run)
    clips = read_clips(options.data, options.per_folder)
    spoken = spoken_clips(base, clips)
    trained = [row for row, clip in enumerate(clips) if clip.split == TRAIN]
    held = [row for row, clip in enumerate(clips) if clip.split != TRAIN][:64]
    hours = sum(len(spoken[row].wave) for row in trained) / SAMPLE_RATE / 3600
    print(f"{hours:.2f} h in {len(trained)} clips, {len(held)} held out", flush=True)
    decoder = MiniDecoder(latent_dim=base.gpt.model_dim)
    if options.start:
        load_part(decoder, read_tensors(options.start), "hifigan_decoder.", str(options.start))
    stage = DecoderStage(
        decoder,
        partial(torch.optim.AdamW, lr=options.lr, betas=(0.8, 0.99)),
        partial(cosine, warmup_steps=100, floor=0.02),
        mel_weight=1.0,
        convergence_weight=0.5,
        speaker_weight=0.1,
    )
    work = CACHE / "work" / options.out.stem
    trainer = pl.Trainer(
        accelerator="cpu",
        precision="bf16-mixed",
        max_steps=options.steps,
        gradient_clip_val=1.0,
        num_sanity_val_steps=0,
        logger=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        callbacks=[Journal(work / "metrics.jsonl"), ModelCheckpoint(work, save_last=True)],
    )
    last = work / "last.ckpt"
    trainer.fit(
        stage,
        *_loaders(spoken, trained, held, options.batch),
        ckpt_path=last if last.is_file() else None,
    )
    state = {f"hifigan_decoder.{name}": value for name, value in decoder.state_dict().items()}
    write_tensors(options.out, state, half=True)
    print(f"{options.out}: {options.out.stat().st_size / 1e6:.1f} MB")


def _loaders(
    spoken: Sequence[SpokenClip], trained: list[int], held: list[int], batch: int
) -> list[DataLoader]:
    """Epochs of about 200 steps."""
    repeats = max(1, -(-200 * batch // len(trained)))
    return [
        DataLoader(
            DecoderCrops(spoken, rows, CUT_CODES, REFERENCE),
            batch,
            sampler=CropOrder(len(rows), times, seed=7, fixed=fixed),
            drop_last=not fixed,
        )
        for rows, times, fixed in ((trained, repeats, False), (held, 1, True))
    ]


if __name__ == "__main__":
    main()
