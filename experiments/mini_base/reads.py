"""Does a base read? Cross-entropy of held-out codes with the right text, another, another voice.

    python -m experiments.mini_base.reads --run RUN --data DATASET

Equal values with the right and with another clip's text mean that the model only continues sounds.
Prints one line of JSON, nats a code.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch

from experiments.mini_base.places import CACHE
from xttslab.data.batches import Example, collate
from xttslab.data.codes import fill_store
from xttslab.data.corpus import load_corpus
from xttslab.data.datamodule import BatchSettings, ClipData
from xttslab.data.examples import FixedExamples
from xttslab.model.base import Base
from xttslab.model.gpt import XttsGpt, clip_losses
from xttslab.speaking.loading import load_run
from xttslab.training.decoder_data import spread

CLIPS = 64


@torch.inference_mode()
def code_ce(gpt: XttsGpt, examples: list[Example]) -> float:
    """Mean cross-entropy of the codes, stops left out."""
    total = count = 0.0
    for first in range(0, len(examples), 16):
        batch = collate(examples[first : first + 16], gpt.tokens, "none")
        losses = clip_losses(gpt(batch), batch)
        total += float(losses.code.sum())
        count += float(losses.code_tokens.sum())
    return total / count


def held_out_examples(base: Base, folder: Path) -> list[Example]:
    """Up to CLIPS held-out clips, each after a prompt of another clip of its voice."""
    corpus = load_corpus(
        folder.name,
        {folder.name: str(folder)},
        "hu",
        base.tokenizer,
        base.gpt.clip_limits,
        CACHE / "audio_files.json",
        None,
    )
    store, keys = fill_store(corpus, base.codec, CACHE / "data/codes")
    settings = BatchSettings(1, 0, 1, "none", 1, 1, "other", (3.0, 3.0), 0)
    data = ClipData(corpus, base.gpt.tokens, store, keys, settings, "none", 0)
    rows = spread(corpus.eval, CLIPS)
    examples = FixedExamples(data.clips, store, rows, 3.0, by_reference=True)
    return examples.__getitems__(range(len(rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    base, _ = load_run(options.run)
    right = held_out_examples(base, options.data)
    shifted = right[1:] + right[:1]
    texts = [replace(one, text=other.text) for one, other in zip(right, shifted, strict=True)]
    far = right[len(right) // 2 :] + right[: len(right) // 2]
    voices = [replace(one, prompt=other.prompt) for one, other in zip(right, far, strict=True)]
    found = {
        "right": code_ce(base.gpt, right),
        "other_text": code_ce(base.gpt, texts),
        "other_voice": code_ce(base.gpt, voices),
    }
    print(json.dumps({name: round(value, 4) for name, value in found.items()}))


if __name__ == "__main__":
    main()
