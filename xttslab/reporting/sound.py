"""A recording in, what a page or a server plays of it out; nothing where it cannot be read."""

from __future__ import annotations

import base64
import logging
from pathlib import Path

import soundfile

from xttslab.data.mp3 import mp3

log = logging.getLogger(__name__)


def data_uri(path: Path | None) -> str:
    """The recording as MP3 in a data URI; empty where there is none that can be read."""
    sound = playable(path) if path is not None else b""
    return "data:audio/mpeg;base64," + base64.b64encode(sound).decode() if sound else ""


def playable(path: Path) -> bytes:
    """The recording as MP3; empty where there is none that can be read."""
    if not path.is_file():
        return b""
    try:
        return mp3(path)
    except soundfile.LibsndfileError as fault:
        log.warning("%s: left out of the page (%s)", path, fault)
        return b""
