"""A recording in, its MP3 out, as bytes or as a data URI for pages that hold all they need."""

from __future__ import annotations

import base64
import io
import logging
from pathlib import Path

import soundfile

log = logging.getLogger(__name__)

_COMPRESSION = 0.8  # libsndfile's scale; 40 kbit/s at 24 kHz


def data_uri(path: Path | None) -> str:
    """The recording as MP3 in a data URI; empty where there is none that can be read."""
    sound = mp3(path) if path is not None else b""
    return "data:audio/mpeg;base64," + base64.b64encode(sound).decode() if sound else ""


def mp3(path: Path) -> bytes:
    """The recording as mono MP3; empty where there is none that can be read."""
    if not path.is_file():
        return b""
    try:
        samples, rate = soundfile.read(path, dtype="float32")
    except soundfile.LibsndfileError as fault:
        log.warning("%s: left out of the page (%s)", path, fault)
        return b""
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    buffer = io.BytesIO()
    options = {"format": "MP3", "subtype": "MPEG_LAYER_III"}
    soundfile.write(
        buffer, mono, rate, bitrate_mode="CONSTANT", compression_level=_COMPRESSION, **options
    )
    return buffer.getvalue()
