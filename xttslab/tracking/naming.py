"""Names and values of any kind in, names and texts as MLflow takes them out."""

from __future__ import annotations

import getpass
import logging
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path

from xttslab.errors import UserError
from xttslab.paths import stored_path

log = logging.getLogger(__name__)

LONGEST_RUN_NAME = 120  # bytes: files in a run's folder have long names too
_NO_FOLDER = re.compile(r'[=/\\:?*"<>|\x00-\x1f\x7f]')
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10)}
LONGEST_NAME, LONGEST_PARAM, LONGEST_TAG = 250, 6000, 8000  # MLflow's limits


def identity() -> dict[str, str]:
    """The tags by which MLflow's UI shows who ran what."""
    tags = {"mlflow.source.name": "xttslab", "mlflow.source.type": "LOCAL"}
    try:
        tags["mlflow.user"] = getpass.getuser()
    except (OSError, KeyError):  # a container whose user id has no name
        pass
    return tags


def texts_for(values: Mapping[str, object], longest: int) -> dict[str, str]:
    """Names and values as MLflow takes them: a path relative to the current folder where it lies in
    it, with forward slashes; what is too long is cut and said."""
    texts = {}
    for key, value in values.items():
        text = stored_path(value, Path(), Path()) if isinstance(value, Path) else str(value)
        if len(text) > longest:
            log.warning("%s: %d characters, cut to %d for MLflow", key, len(text), longest)
            text = text[: longest - 1] + "…"
        texts[mlflow_name(key)] = text
    return texts


def check_run_name(name: str) -> None:
    """Raise UserError for a name that is no folder's on some system, with one that is."""
    plain = _NO_FOLDER.sub("_", name).strip(" .") or "run"
    if plain.partition(".")[0].upper() in _DEVICES:
        plain = f"run_{plain}"
    if len(plain.encode()) > LONGEST_RUN_NAME:
        plain = plain.encode()[:LONGEST_RUN_NAME].decode(errors="ignore")
    if plain != name:
        raise UserError(
            f"run_name={name!r} cannot be a folder's name on every system (none of "
            f'= / \\ : ? * " < > |, no space or full stop at an end, no device of Windows, at most '
            f"{LONGEST_RUN_NAME} bytes); try run_name={plain}"
        )


def mlflow_name(name: str) -> str:
    """A name that every MLflow server takes: `eval/műsor/mel_ce` → `eval/musor/mel_ce`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w./ :-]", "_", plain)[:LONGEST_NAME]
