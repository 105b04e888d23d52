"""Encodes speech while it comes: wav, pcm, mp3, opus, aac and flac, of unknown length."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import NamedTuple

import av
import numpy as np

from xttslab.data.audio_formats import encode
from xttslab.model.decoder import SPEECH_RATE


class StreamFormat(NamedTuple):
    """FFmpeg's container and coding, and the internet's name for what comes out; `whole`: the
    ending of `data.audio_formats.encode` by which it is better made once the end is known, for
    then its length stands in it."""

    container: str
    coding: str
    media_type: str
    whole: str = ""


STREAMS = {
    "mp3": StreamFormat("mp3", "libmp3lame", "audio/mpeg"),
    "opus": StreamFormat("ogg", "libopus", "audio/ogg"),
    "aac": StreamFormat("adts", "aac", "audio/aac"),
    "flac": StreamFormat("flac", "flac", "audio/flac", ".flac"),
    "wav": StreamFormat("", "", "audio/wav", ".wav"),
    "pcm": StreamFormat("", "", f"audio/pcm;rate={SPEECH_RATE};channels=1"),
}
_BITS_PER_SECOND = {"mp3": 128_000, "opus": 64_000, "aac": 96_000}
_OPTIONS = {"ogg": {"page_duration": "20000"}, "mp3": {"write_xing": "0"}}  # a stream cannot seek
_UNKNOWN = 0xFFFFFFFF  # a length that a wav header cannot tell yet


def pcm(wave: np.ndarray) -> bytes:
    """Samples (n,) in [-1, 1] as 16-bit little-endian integers; louder ones are clipped."""
    return _integers(wave).tobytes()


def _integers(wave: np.ndarray) -> np.ndarray:
    return np.round(np.clip(wave, -1.0, 1.0) * 32767).astype("<i2")


def wav_header(rate: int = SPEECH_RATE) -> bytes:
    """The header of a 16-bit mono wav file whose end is unknown."""
    parts = [
        b"RIFF", _UNKNOWN, b"WAVEfmt ", 16, (1, 1), rate, rate * 2, (2, 16), b"data", _UNKNOWN,
    ]  # fmt: skip
    return b"".join(map(_field, parts))


def _field(value: bytes | int | tuple[int, int]) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, int):
        return value.to_bytes(4, "little")
    return b"".join(half.to_bytes(2, "little") for half in value)


def whole_file(wave: np.ndarray, kind: str, tags: Mapping[str, str]) -> bytes:
    """A file of all samples, of a `kind` of STREAMS."""
    if ending := STREAMS[kind].whole:
        return encode(wave, SPEECH_RATE, ending, tags)
    stream = AudioStream(kind, tags)
    return stream.push(wave) + stream.end()


class AudioStream:
    """Encodes samples at SPEECH_RATE piece by piece.

    Args:
        kind: one of STREAMS.
        tags: as `data.audio_formats.encode` takes them, where the format has room for them.
    """

    def __init__(self, kind: str, tags: Mapping[str, str]) -> None:
        form = STREAMS[kind]
        self._begin = wav_header() if kind == "wav" else b""
        self._buffer = _Growing()
        self._container = None
        if not form.container:
            return
        options = _OPTIONS.get(form.container, {})
        self._container = av.open(self._buffer, "w", format=form.container, options=options)
        self._container.metadata.update(tags)
        self._stream = self._container.add_stream(form.coding, rate=SPEECH_RATE, layout="mono")
        if kind in _BITS_PER_SECOND:
            self._stream.bit_rate = _BITS_PER_SECOND[kind]
        self._samples = 0

    def push(self, wave: np.ndarray) -> bytes:
        """The bytes of more samples (n,); a coding keeps some back until more come."""
        begin, self._begin = self._begin, b""
        if self._container is None:
            return begin + pcm(wave)
        if len(wave):
            frame = av.AudioFrame.from_ndarray(_integers(wave)[None], "s16", "mono")
            frame.sample_rate, frame.pts = SPEECH_RATE, self._samples
            self._samples += len(wave)
            self._container.mux(self._stream.encode(frame))
        return self._buffer.taken()

    def end(self) -> bytes:
        """The last bytes."""
        if self._container is None:
            return self._begin
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._buffer.taken()


class _Growing(io.RawIOBase):
    """A file that is written once, in order: what was written is taken out and cannot be sought."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        """What was written since the last call."""
        found, self._parts = b"".join(self._parts), []
        return found
