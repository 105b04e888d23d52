"""A folder written by `python -m xttslab.export` in, a `Speaker` out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml

from xttslab.model.base import build_base, build_decoder, load_gpt
from xttslab.model.checkpoints import read_tensors
from xttslab.model.sampling import Sampling
from xttslab.model.voice import Speaking
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.texts import OURS

# Coqui's names of an inference folder's files.
MODEL, CONFIG, VOCABULARY = "model.pth", "config.json", "vocab.json"
VOICES = "speakers_xtts.pth"


def load_export(folder: Path) -> Speaker:
    """The exported model, its categories as ready voices; recordings serve as references too."""
    described = yaml.safe_load((folder / OURS).read_text("utf-8"))
    model, weights = described["model"], folder / MODEL
    # An export has no DVAE, for speaking needs none: the codec only makes conditioning mels.
    small = {"hidden": 8, "codebook_dim": 8, "codes": 8, "blocks": 1}
    files = {**model["files"], "vocabulary": VOCABULARY}
    sizes = {**model, "codec": small, "files": files, "folder": str(folder.resolve())}
    base = build_base(**sizes, weights="random")
    load_gpt(base.gpt, weights)
    base.codec.mel_stats.copy_(read_tensors(weights)["mel_stats"])
    decoder = partial(build_decoder, **model["decoder"], weights=weights, seed=0)
    base = replace(base, make_decoder=decoder)
    base.gpt.eval()
    stored = torch.load(folder / VOICES, map_location="cpu", weights_only=True)
    voices = {
        category: (voice["gpt_cond_latent"][0].float(), voice["speaker_embedding"][0].float())
        for category, voice in stored.items()
    }
    temperatures = described.get("temperatures")  # older exports have neither these …
    settings = speaking_of(described["speaking"]) if "speaking" in described else None  # … nor this
    language = described["language"]
    return Speaker(base.voice(), base.tokenizer, language, {}, voices, temperatures, settings)


def speaking_of(stored: Mapping[str, Any]) -> Speaking:
    """The settings that a folder was exported with."""
    return Speaking(**{**stored, "sampling": Sampling(**stored["sampling"])})
