"""Builds an XTTS from its configuration and loads the weights of a base model or of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch

from xttslab.data.audio import MEL_BINS
from xttslab.errors import UserError
from xttslab.files import found_path
from xttslab.model.adapters import SCALE, merge_adapters
from xttslab.model.checkpoints import holds, load_part, part, read_tensors, write_tensors
from xttslab.model.codec import Codec
from xttslab.model.decoder import Decoder, MiniDecoder, XttsDecoder
from xttslab.model.gpt import XttsGpt
from xttslab.model.tokenizer import Tokenizer
from xttslab.model.voice import Voice, likely_codes
from xttslab.model.weights import base_files

ASSETS = Path(__file__).resolve().parents[1] / "assets"
Weights = Literal["pretrained", "random"]
DECODERS = {"hifigan": XttsDecoder, "source_filter": MiniDecoder}
CODEC = "codec.safetensors"  # in a run's folder, where its codec is not the base model's
BEST = "best.safetensors"
RECORD = "checkpoints.json"
VOCABULARY = "vocab.json"  # in the folder of an imported run, which brings all parts of its voice
_EPOCH = re.compile(r"epoch_(\d+)\.safetensors")


@dataclass(frozen=True)
class Base:
    """One XTTS before training. `folder` holds its files (None: random weights, nothing on disk);
    `codec_fitted` is False while the codebook still has to be fitted to data."""

    name: str
    tokenizer: Tokenizer
    gpt: XttsGpt
    codec: Codec
    folder: Path | None
    make_decoder: Callable[[], Decoder]  # built when something is to be spoken
    likely_codes: Callable[[int], float]
    codec_fitted: bool = True

    def voice(self) -> Voice:
        """The parts put together to speak."""
        return Voice(self.gpt, self.codec, self.make_decoder(), self.likely_codes)


def build_base(
    name: str,
    architecture: Mapping[str, Any],
    codec: Mapping[str, int],
    decoder: Mapping[str, Any],
    codes_per_token: float,
    files: Mapping[str, str],
    folder: str,
    weights: Weights = "pretrained",
    repository: str = "",
    revision: str = "",
    accept_licence: bool = False,
    seed: int = 0,
    **behaviour: Any,
) -> Base:
    """Build the parts that training needs, from `conf/model/<name>.yaml`.

    `files` names the files of each part within `folder`; a folder that starts with `assets/` lies
    inside the package. `codes_per_token` is what a text of this vocabulary makes likely.
    `weights="random"` builds the same sizes without any file. `behaviour` is what `XttsGpt` takes
    beside its architecture (dropout, recompute …).
    """
    packaged = folder.startswith("assets/")
    place = ASSETS / folder.removeprefix("assets/") if packaged else Path(folder)
    pretrained = weights == "pretrained"
    if pretrained and not packaged:
        base_files(place, sorted(set(files.values())), repository, revision, accept_licence)
    tokenizer = _tokenizer(place / files["vocabulary"], pretrained)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stops = {"start_text_token": tokenizer.start, "stop_text_token": tokenizer.stop}
        gpt = XttsGpt(**stops, **architecture, **behaviour)
        front = Codec(torch.ones(MEL_BINS), **codec)
    trained = place / files["decoder"] if pretrained else None
    make = partial(build_decoder, **decoder, weights=trained, seed=seed)
    likely = partial(likely_codes, per_token=codes_per_token)
    if not pretrained:
        return Base(name, tokenizer, gpt, front, None, make, likely, codec_fitted=False)
    _require_files(place, files)
    load_gpt(gpt, place / files["gpt"])
    load_codec(front, place / files["dvae"], place / files["mel_stats"])
    return Base(name, tokenizer, gpt, front, place, make, likely)


def _tokenizer(vocabulary: Path, pretrained: bool) -> Tokenizer:
    """Random weights need no file: the packaged vocabulary takes the place of one that is gone."""
    if not pretrained and not vocabulary.is_file():
        vocabulary = ASSETS / "xtts_mini" / "vocab.json"
    return Tokenizer(vocabulary)


def build_decoder(
    kind: Literal["hifigan", "source_filter"],
    sizes: Mapping[str, Any],
    weights: Path | None,
    seed: int,
) -> Decoder:
    """The decoder of a base, in eval mode; `weights` is the file that holds it (None: random)."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = DECODERS[kind](**sizes)
    if weights is not None:
        load_part(decoder, read_tensors(weights), "hifigan_decoder.", str(weights))
    return decoder.eval().requires_grad_(False)


def load_gpt(gpt: XttsGpt, path: Path, partial: bool = False) -> None:
    """Load a GPT from Coqui's or our checkpoint; raises UserError when it is of another size.

    `partial`: the file may hold fewer weights (a run that trained some); the others stay. Adapters
    are added to the weights that `gpt` has, which must be those that they were trained beside.
    """
    tensors = read_tensors(path)
    if SCALE in tensors:
        merged = merge_adapters(part(tensors, "gpt."), gpt.state_dict(), tensors[SCALE].item())
        tensors = {f"gpt.{name}": value for name, value in merged.items()}
    load_part(gpt, tensors, "gpt.", str(path), partial)


def load_codec(codec: Codec, dvae: Path, mel_stats: Path) -> None:
    """Load the DVAE (`dvae.pth` holds bare names, our file `dvae.` ones) and the mel statistics."""
    tensors = read_tensors(dvae)
    prefix = "dvae." if any(name.startswith("dvae.") for name in tensors) else ""
    wanted = codec.dvae.state_dict()
    kept = {name: value for name, value in tensors.items() if name.removeprefix(prefix) in wanted}
    # The released file lacks buffers of Coqui's training loss, which encoding never uses.
    unused = {f"{prefix}{name}": wanted[name] for name in wanted if name.startswith("discrete_")}
    load_part(codec.dvae, {**unused, **kept}, prefix, str(dvae))
    codec.mel_stats.copy_(_mel_stats(mel_stats))


def _mel_stats(path: Path) -> torch.Tensor:
    if path.suffix == ".safetensors":
        return read_tensors(path)["mel_stats"]
    loaded = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(loaded, torch.Tensor) or loaded.shape != (MEL_BINS,):
        raise UserError(f"{path}: expected {MEL_BINS} mel statistics; fetch the file again")
    return loaded


def _require_files(folder: Path, files: Mapping[str, str]) -> None:
    for name in sorted(set(files.values())):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: no such file; the model needs it")


def load_trained(base: Base, checkpoint: Path) -> Base:
    """The base with a checkpoint's weights: GPT (changed in place), decoder and codec.

    Raises UserError when the GPT was trained on codes of another DVAE than the base's.
    """
    for path in reversed(weight_chain(checkpoint)):
        if holds(path, "gpt."):
            load_gpt(base.gpt, path, partial=True)
    if codec := codec_of(checkpoint):
        load_codec(base.codec, codec, codec)
    wanted = _record(checkpoint).get("codec")
    if wanted and wanted != base.codec.fingerprint:
        raise UserError(
            f"{checkpoint}: learned the audio codes of another DVAE ({wanted[:8]}, this is "
            f"{base.codec.fingerprint[:8]}); choose the model= that it was trained from"
        )
    if decoder := decoder_of(checkpoint):
        return replace(base, make_decoder=partial(base.make_decoder, weights=decoder))
    return base


def weight_chain(checkpoint: Path) -> list[Path]:
    """A checkpoint and those it was trained from, newest first, as far as it needs them."""
    chain = [checkpoint]
    while origin := _record(chain[-1]).get("origin"):
        chain.append(_origin(chain[-1], origin))
    return chain


def _origin(checkpoint: Path, stored: str) -> Path:
    """The checkpoint that `checkpoint` was trained from, by what its record says."""
    folder = checkpoint.parent.absolute()

    def other(place: Path) -> bool:
        return place.is_file() and place.absolute().parent != folder

    if found := found_path(stored, folder, other):
        return found
    raise UserError(
        f"{checkpoint}: was trained from {stored}, which is gone; put it there again, or write its "
        f"new place into {checkpoint.parent / RECORD}"
    )


def codec_of(checkpoint: Path) -> Path | None:
    """The file of the codec whose codes a checkpoint reads; None for the base model's."""
    if _ours(checkpoint) and holds(checkpoint, "dvae."):
        return checkpoint
    beside = checkpoint.parent.parent / CODEC
    return beside if beside.is_file() else None


def decoder_of(checkpoint: Path) -> Path | None:
    """The newest checkpoint of the chain that holds a decoder; None for the base model's."""
    held = (path for path in weight_chain(checkpoint) if _ours(path))
    return next((path for path in held if holds(path, "hifigan_decoder.")), None)


def epoch_of(checkpoint: Path) -> int | None:
    """The epoch whose weights a run's checkpoint holds; None where that is not known."""
    if named := _EPOCH.fullmatch(checkpoint.name):
        return int(named[1])
    ranked = _record(checkpoint).get("best_first") if checkpoint.name == BEST else None
    return int(ranked[0]["epoch"]) if ranked else None


def require_gpt(checkpoint: Path) -> None:
    """Raise UserError for a run that trained the DVAE alone: no GPT knows its codes yet."""
    if _ours(checkpoint) and holds(checkpoint, "dvae."):
        raise UserError(
            f"{checkpoint}: a DVAE alone has no voice; train a GPT on its codes with "
            f"stage=gpt init_from={checkpoint.parent.parent}"
        )


def save_codec(base: Base, run_dir: Path) -> None:
    """Keep a codec that is not the base model's; later runs must read the same codes."""
    write_tensors(run_dir / CODEC, base.codec.trained_weights())


def _record(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint.parent / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _ours(checkpoint: Path) -> bool:
    """Whether xttslab wrote it: Coqui's files repeat the base model's decoder and DVAE."""
    return checkpoint.suffix == ".safetensors"
