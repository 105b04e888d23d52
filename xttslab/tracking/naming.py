"""Names and values of any kind in, names and texts as MLflow takes them out."""

from __future__ import annotations

import getpass
import logging
import re
import unicodedata
from collections.abc import Mapping

log = logging.getLogger(__name__)

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
    """Names and values as MLflow takes them; what is too long is cut and said."""
    texts = {}
    for key, value in values.items():
        text = str(value)
        if len(text) > longest:
            log.warning("%s: %d characters, cut to %d for MLflow", key, len(text), longest)
            text = text[: longest - 1] + "…"
        texts[mlflow_name(key)] = text
    return texts


def mlflow_name(name: str) -> str:
    """A name that every MLflow server takes: `eval/műsor/mel_ce` → `eval/musor/mel_ce`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^\w./ :-]", "_", plain)[:LONGEST_NAME]
