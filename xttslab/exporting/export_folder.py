"""Writes a trained model as a small folder for inference.

For XTTS-v2 it is what Coqui's `Xtts.load_checkpoint` loads unchanged: `model.pth` (a dictionary
with `model`; no optimiser, no DVAE), `config.json`, `vocab.json` and `speakers_xtts.pth` with one
voice a category. The mini's holds our own files under the same names, and only xttslab loads it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor

from xttslab.data.lexicons import keep_lexicon
from xttslab.errors import UserError
from xttslab.files import replacing, require_new
from xttslab.model.base import Base
from xttslab.model.decoder import XttsDecoder
from xttslab.model.voice import MOST_OF_A_RECORDING, Speaking, Voice
from xttslab.speaking.lines import Origin
from xttslab.speaking.loading import CONFIG, COQUI_VOCABULARY, MODEL, VOICES
from xttslab.speaking.texts import OURS
from xttslab.text.lexicon import Lexicon

Prepared = Mapping[str, tuple[Tensor, Tensor]]  # category → prompt latents, speaker embedding
CODE = Path(__file__).with_name("speaking_model.py")
# `seed` too is a double: a column of whole numbers with a hole is one of floats, which MLflow
# would refuse for a long
OPTIONAL = {"category": "string", "speed": "double", "seed": "double", "temperature": "double"}
PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Export:
    """What is written. `model` is the resolved `conf/model` of the run; `card` the model card;
    `settings` how it speaks where nothing else is asked for; `temperatures` the categories' best
    ones, where they were searched for; `lexicon` how words are said; `origin` what is written into
    recordings."""

    base: Base
    voice: Voice
    model: Mapping[str, Any]
    voices: Prepared
    language: str
    card: str
    settings: Speaking
    temperatures: Mapping[str, float] = field(default_factory=dict)
    lexicon: Lexicon = field(default_factory=Lexicon)
    origin: Origin = field(default_factory=Origin)


def write_export(export: Export, out: Path, half: bool) -> float:
    """Write the folder, atomically; returns its size in MB.

    `half` stores weights in 16 bits. Raises UserError when `out` exists or cannot be written.
    """
    require_new(out, "out")
    try:
        with replacing(out, shared=True) as partial:
            _write(export, partial, half)
    except OSError as fault:
        raise UserError(f"{out}: cannot be written ({fault.strerror}); free some space") from fault
    return sum(path.stat().st_size for path in out.iterdir()) / 1e6


def _write(export: Export, folder: Path, half: bool) -> None:
    folder.mkdir()
    _save({"model": _state(export, half)}, folder / MODEL)
    coqui = {
        category: {"gpt_cond_latent": latents[None], "speaker_embedding": speaker[None]}
        for category, (latents, speaker) in export.voices.items()
    }
    _save(coqui, folder / VOICES)
    shutil.copyfile(export.base.tokenizer.vocabulary, folder / COQUI_VOCABULARY)
    (folder / CONFIG).write_text(_config(export), encoding="utf-8")
    ours = {"model": dict(export.model), "language": export.language}
    ours |= {"temperatures": dict(export.temperatures), "speaking": asdict(export.settings)}
    ours |= {"origin": asdict(export.origin)}
    keep_lexicon(export.lexicon, folder)
    (folder / OURS).write_text(yaml.safe_dump(ours, allow_unicode=True), encoding="utf-8")
    (folder / "README.md").write_text(export.card, encoding="utf-8")


def _state(export: Export, half: bool) -> dict[str, Tensor]:
    voice = export.voice
    state = {f"gpt.{name}": value for name, value in voice.gpt.state_dict().items()}
    decoder = voice.decoder.state_dict()
    state |= {f"hifigan_decoder.{name}": value for name, value in decoder.items()}
    if half:
        state = {n: v.half() if v.is_floating_point() else v for n, v in state.items()}
    # 80 numbers by which every reference is divided: exact costs nothing.
    return {**state, "mel_stats": voice.codec.mel_stats}


def _config(export: Export) -> str:
    if not loads_in_coqui(export.voice):
        note = "loaded by xttslab alone: `python -m xttslab.say`, never by Coqui's Xtts"
        described = {"model": export.base.name, "note": note, **export.model}
        return json.dumps(described, indent=2, ensure_ascii=False) + "\n"
    from TTS.tts.configs.xtts_config import XttsArgs, XttsConfig

    shape, tokenizer = export.model["architecture"], export.base.tokenizer
    decoder = export.model["decoder"]["sizes"]
    arguments = XttsArgs(
        gpt_layers=shape["layers"],
        gpt_n_model_channels=shape["model_dim"],
        gpt_n_heads=shape["heads"],
        gpt_max_text_tokens=shape["max_text_tokens"],
        gpt_max_audio_tokens=shape["max_mel_tokens"],
        gpt_max_prompt_tokens=shape["max_prompt_tokens"],
        gpt_number_text_tokens=shape["number_text_tokens"],
        gpt_start_text_token=tokenizer.start,
        gpt_stop_text_token=tokenizer.stop,
        gpt_num_audio_tokens=shape["num_audio_tokens"],
        gpt_start_audio_token=shape["start_audio_token"],
        gpt_stop_audio_token=shape["stop_audio_token"],
        gpt_use_perceiver_resampler=True,
        decoder_input_dim=decoder["decoder_input_dim"],
        d_vector_dim=decoder["d_vector_dim"],
    )
    sampling = export.settings.sampling
    config = XttsConfig(
        model_args=arguments,
        languages=tokenizer.languages,
        temperature=sampling.temperature,
        top_k=sampling.top_k,
        top_p=sampling.top_p,
        repetition_penalty=sampling.repetition_penalty,
        # whole seconds: Coqui counts samples with them
        gpt_cond_len=round(export.settings.reference_seconds),
        gpt_cond_chunk_len=round(export.settings.chunk_seconds),
        max_ref_len=round(MOST_OF_A_RECORDING),
    )
    return json.dumps(config.to_dict(), indent=2, ensure_ascii=False) + "\n"


def _save(content: Mapping[str, Any], path: Path) -> None:
    try:
        with path.open("wb") as file:
            torch.save(dict(content), file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as fault:  # torch's way to say that the disk is full
        raise UserError(f"{path.name}: cannot be written ({fault}); free some space") from fault


def blend(
    base: Mapping[str, Tensor], tuned: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Weights between a base (share 0) and its fine-tune (1), parameter by parameter (WiSE-FT,
    arXiv 2109.01903). Raises UserError for a share outside 0 to 1."""
    if not 0 <= share <= 1:
        raise UserError(f"blend={share}: must be between 0 (the base) and 1 (the fine-tuned run)")
    return {
        name: torch.lerp(base[name], value, share) if value.is_floating_point() else value
        for name, value in tuned.items()
    }


def loads_in_coqui(voice: Voice) -> bool:
    """Whether Coqui has the parts that this model is made of."""
    return isinstance(voice.decoder, XttsDecoder)


def save_served_model(folder: Path, out: Path) -> None:
    """Write the MLflow model `out` around a copy of an exported folder.

    The model holds this package's code too: serving needs its dependencies, not a checkout.
    Raises UserError when `out` exists.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    require_new(out, "mlflow_model")
    given = Schema(
        [ColSpec("string", "text")]
        + [ColSpec(kind, name, required=False) for name, kind in OPTIONAL.items()]
    )
    made = Schema([ColSpec("string", "wav_base64"), ColSpec("long", "sample_rate")])
    mlflow.pyfunc.save_model(
        out,
        python_model=str(CODE),
        artifacts={"voice": str(folder)},
        signature=ModelSignature(given, made),
        code_paths=[str(PACKAGE)],
        pip_requirements=["mlflow", "coqui-tts[codec]", "torch", "soundfile", "soxr", "rich"],
    )
