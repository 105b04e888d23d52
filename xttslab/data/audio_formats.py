"""Encodes mono samples as wav, flac, mp3, ogg or opus, with tags for title and licence."""

from __future__ import annotations

import functools
import io
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile as sf
import soxr

from xttslab.errors import UserError


class AudioFormat(NamedTuple):
    """libsndfile's container and coding, and the internet's name for it."""

    container: str
    coding: str
    media_type: str


FORMATS = {
    ".wav": AudioFormat("WAV", "PCM_16", "audio/wav"),
    ".flac": AudioFormat("FLAC", "PCM_16", "audio/flac"),
    ".mp3": AudioFormat("MP3", "MPEG_LAYER_III", "audio/mpeg"),
    ".ogg": AudioFormat("OGG", "VORBIS", "audio/ogg"),
    ".opus": AudioFormat("OGG", "OPUS", "audio/ogg"),
}
TAGS = ("title", "artist", "album", "date", "copyright", "license", "software", "comment")
_NO_ROOM = {".wav": {"license"}, ".mp3": {"license", "copyright", "software"}}  # ends in `comment`
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)  # Hz; the coding knows no others
_BLOCK = 1 << 16  # samples written at once: libvorbis overflows its stack on a long array


@functools.cache
def writable() -> tuple[str, ...]:
    """The endings that are written, less those that this machine's libsndfile lacks."""
    containers = sf.available_formats()
    return tuple(
        ending
        for ending, kind in FORMATS.items()
        if kind.container in containers and kind.coding in sf.available_subtypes(kind.container)
    )


def require_format(path: Path | str) -> None:
    """Raise UserError, which lists the endings that can be written, unless `path` has one."""
    ending = Path(path).suffix.lower()
    if ending in (able := writable()):
        return
    listed = ", ".join(able)
    if ending in FORMATS:
        version = f"libsndfile {sf.__libsndfile_version__}"
        raise UserError(f"{path}: this machine's {version} writes no {ending}; it writes {listed}")
    raise UserError(f"{path}: name a recording that ends in {listed}")


def encode(
    samples: np.ndarray, rate: int, ending: str, tags: Mapping[str, str] | None = None
) -> bytes:
    """A whole file of (n,) float samples in [-1, 1]; louder ones are clipped.

    Args:
        rate: samples a second; Opus gets 48 kHz where it does not know the rate.
        ending: ".wav", … of `FORMATS`.
        tags: values of `TAGS`. What the format has no field for goes into its comment; mp3 gets
            letters without accents, for libsndfile does not say which encoding its tags have.

    Raises UserError for an ending that `require_format` refuses.
    """
    require_format(f"recording{ending}")
    kind = FORMATS[ending]
    if ending == ".opus" and rate not in _OPUS_RATES:
        samples, rate = soxr.resample(samples, rate, 48_000, quality="VHQ"), 48_000
    buffer = io.BytesIO()
    with sf.SoundFile(buffer, "w", rate, 1, subtype=kind.coding, format=kind.container) as file:
        for name, value in _fitting(tags or {}, ending).items():
            setattr(file, name, value)
        for start in range(0, len(samples), _BLOCK):
            file.write(np.clip(samples[start : start + _BLOCK], -1.0, 1.0))
    return buffer.getvalue()


def _fitting(tags: Mapping[str, str], ending: str) -> dict[str, str]:
    """The tags as the format can hold them, in one line each."""
    homeless = _NO_ROOM.get(ending, set())
    moved = [f"{name}={tags[name]}" for name in TAGS if name in tags and name in homeless]
    kept = {name: tags[name] for name in TAGS if tags.get(name) and name not in homeless}
    comment = "; ".join(filter(None, [kept.get("comment", ""), *moved]))
    if comment:
        kept["comment"] = comment
    if ending == ".mp3":
        kept = {name: _plain(value) for name, value in kept.items()}
    return {name: " ".join(value.split()) for name, value in kept.items()}


def _plain(value: str) -> str:
    return unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode()
