"""A recording in, its MP3 out: what pages hold, since every browser plays it and it is small."""

from __future__ import annotations

import io
from pathlib import Path

import soundfile

from xttslab.data.audio import Mixdown

_COMPRESSION = 0.8  # libsndfile's scale; 40 kbit/s at 24 kHz


def mp3(path: Path) -> bytes:
    """The recording as mono MP3 of constant bit rate.

    Raises soundfile.LibsndfileError for a file that is missing or cannot be decoded.
    """
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    buffer = io.BytesIO()
    soundfile.write(
        buffer,
        Mixdown.of([samples])(samples),
        rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=_COMPRESSION,
    )
    return buffer.getvalue()
