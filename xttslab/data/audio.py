"""Reads and writes audio files as mono float32 samples, (n,), at one sampling rate."""

from __future__ import annotations

import contextlib
import hashlib
import io
import mmap
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile as sf
import soxr

from xttslab.data.audio_formats import encode, require_format
from xttslab.errors import UserError
from xttslab.files import write_atomically

SAMPLE_RATE = 22_050  # what XTTS's DVAE and conditioning encoder read
MEL_HOP = 256  # samples from one frame of XTTS's mels to the next
MEL_BINS = 80
FRAMES_PER_CODE = 4  # two convolutions of stride 2
SAMPLES_PER_CODE = FRAMES_PER_CODE * MEL_HOP
MIN_SECONDS = 0.5
BLOCK_SECONDS = 20.0
_OFFSET = 0.05  # a constant this large beside the RMS is a fault of the recording …
_SETTLED = 2_000  # … where so many frames show that it is constant
_CANCELLED = 0.25  # of the power that channels with nothing in common would have together
_STRAY = 4_096  # bytes behind a finished sound that are somebody's tags or padding
_UNKNOWN = 1 << 50  # more frames than any file has: libsndfile's way to say that it cannot tell
_COMPRESSION = 0.8  # libsndfile's scale; 40 kbit/s at 24 kHz


class AudioFault(UserError):
    """A file that cannot be used as audio; `reason` and `value` fill a row of rejected.csv."""

    def __init__(self, path: Path, reason: str, value: str, remedy: str) -> None:
        detail = f" ({value})" if value else ""
        super().__init__(f"{path}: {reason}{detail}; {remedy}")
        self.path = path
        self.reason = reason
        self.value = value
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[AudioFault], tuple[Path, str, str, str]]:
        return type(self), (self.path, self.reason, self.value, self.remedy)


@dataclass(frozen=True)
class Mixdown:
    """How the channels of a file become one: each less its constant `offset` (channels,), then
    averaged; or `channel` alone, where the average would cancel them out."""

    offset: np.ndarray
    channel: int | None

    @classmethod
    def of(cls, blocks: Iterable[np.ndarray]) -> Mixdown:
        """Look through a whole file, (frames, channels) blocks of finite samples."""
        frames, total, squares, mixed = 0, np.zeros(1), np.zeros(1), 0.0
        for block in blocks:
            frames += len(block)
            total = total + block.sum(axis=0, dtype=np.float64)
            squares = squares + np.square(block, dtype=np.float64).sum(axis=0)
            mixed += float(np.square(block.mean(axis=1), dtype=np.float64).sum())
        if not frames:
            return cls(total, None)
        mean = total / frames
        power = np.maximum(squares / frames - mean**2, 0.0)  # (channels,)
        both = mixed / frames - mean.mean() ** 2
        constant = (np.abs(mean) > _OFFSET * np.sqrt(power)) & (frames >= _SETTLED)
        offset = np.where(constant, mean, 0.0)
        cancelled = both < _CANCELLED * power.sum() / len(power) ** 2
        return cls(offset, int(power.argmax()) if cancelled else None)

    def __call__(self, block: np.ndarray) -> np.ndarray:
        """(frames, channels) in, (frames,) float32 out."""
        if self.offset.any():
            block = block - self.offset.astype(np.float32)
        mono = block.mean(axis=1) if self.channel is None else block[:, self.channel]
        return np.ascontiguousarray(mono)


@contextlib.contextmanager
def open_audio(path: Path) -> Iterator[tuple[sf.SoundFile, bool]]:
    """A file that libsndfile decodes, and whether its header was never finished.

    A recorder that was interrupted leaves a WAV whose header gives no or too small a length; it is
    read to its end. Raises what libsndfile raises (LibsndfileError), and OSError.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        place = _unfinished_length(file, path.stat().st_size)
        if place is None:
            sound = stack.enter_context(sf.SoundFile(path))
            if sound.frames >= _UNKNOWN:  # a FLAC that was streamed, which libsndfile cannot read
                raise OSError("its header gives no length")
            yield sound, False
            return
        # A private copy of the pages that change: the file itself is left alone.
        view = stack.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        at, form, start = place
        length = len(view) - start
        view[at : at + struct.calcsize(form)] = struct.pack(form, min(length, 0xFFFFFFFF))
        yield stack.enter_context(sf.SoundFile(view)), True


def _unfinished_length(file: BinaryIO, size: int) -> tuple[int, str, int] | None:
    """Where a WAV's header should give the length of the sound: (position, form, start of the
    sound); None for other files, and where it does."""
    head = file.read(12)
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return None
    at, long = 12, None
    while at + 8 <= size:
        file.seek(at)
        name, length = struct.unpack("<4sI", file.read(8))
        if name == b"ds64":
            file.seek(at + 16)
            long = at + 16, struct.unpack("<Q", file.read(8))[0]
        if name == b"data":
            place, form = at + 4, "<I"
            if long is not None and length == 0xFFFFFFFF:
                (place, length), form = long, "<Q"
            end = at + 8 + length
            stray = length and size - end < _STRAY
            return (place, form, at + 8) if not stray and _goes_on(file, end, size) else None
        at += 8 + length + length % 2
    return None


def _goes_on(file: BinaryIO, end: int, size: int) -> bool:
    """Whether what follows the sound's announced end is no further part of the file, but sound."""
    for padded in (end, end + end % 2):
        if padded + 8 > size:
            return False
        file.seek(padded)
        name, length = struct.unpack("<4sI", file.read(8))
        if name.isascii() and name.decode("ascii").isprintable() and padded + 8 + length <= size:
            return False
    return True


def audio_blocks(path: Path) -> Iterator[np.ndarray]:
    """(frames, channels) float32 blocks of 20 s, as libsndfile reads them; raises AudioFault."""
    try:
        with open_audio(path) as (file, _):
            size = int(BLOCK_SECONDS * file.samplerate)
            while len(block := file.read(size, dtype="float32", always_2d=True)):
                yield block
    except (sf.LibsndfileError, OSError) as fault:
        raise undecodable(path, fault) from fault


def read_audio(path: Path, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Read any file that libsndfile (wav, flac, ogg, opus, mp3) or PyAV (m4a, mp4, webm …) decodes.

    Returns float32 samples of shape (n,), channels mixed as `Mixdown` says, resampled by soxr's
    highest quality. Raises AudioFault for a file that is missing, empty, cannot be decoded, or
    holds NaN or infinity.
    """
    require_file(path)
    try:
        with open_audio(path) as (file, _):
            native = file.samplerate
    except (sf.LibsndfileError, OSError):
        from xttslab.data.preparing.decoding import Stream  # it builds on this module

        native, blocks = SAMPLE_RATE, [block[:, None] for block in Stream(path)]
    else:
        blocks = list(audio_blocks(path))
    if not blocks:
        raise AudioFault(path, "the audio is empty", "0 s", "record or export it again")
    samples = np.concatenate(blocks)
    require_finite(path, samples)
    mono = Mixdown.of([samples])(samples)
    return mono if native == rate else soxr.resample(mono, native, rate, quality="VHQ")


def read_span(path: Path, start: float, end: float) -> np.ndarray:
    """Samples between two times in seconds of a file at 22,050 Hz, mono, float32 (n,)."""
    with sf.SoundFile(path) as file:
        first = min(round(start * SAMPLE_RATE), file.frames)
        file.seek(first)
        return file.read(round(end * SAMPLE_RATE) - first, dtype="float32")


def read_seconds(path: Path) -> float:
    """Duration as the header gives it; raises AudioFault as `read_audio` does."""
    require_file(path)
    from xttslab.data.preparing.decoding import inspect  # it builds on this module

    return inspect(path).seconds


def require_file(path: Path, remedy: str = "correct the manifest or add the file") -> None:
    """Raise AudioFault unless `path` is a file."""
    if not path.is_file():
        raise AudioFault(path, "no such audio file", "", remedy)


def undecodable(path: Path, fault: Exception) -> AudioFault:
    """The fault of a file that no decoder reads; libsndfile's own message leads with the path, and
    says of an MP3 without any sound that there is no such file."""
    cause = str(fault).replace(f"Error opening {str(path)!r}: ", "").strip().rstrip(".")
    if cause.startswith("File does not exist") and path.is_file():
        cause = "no sound in it"
    return AudioFault(path, "cannot be decoded", cause, "replace or re-encode it")


def require_finite(path: Path, samples: np.ndarray) -> None:
    """Raise AudioFault where a float file holds NaN or infinity, of (frames, channels) samples."""
    bad = int((~np.isfinite(samples)).any(axis=1).sum())
    if bad:
        reason = "samples are NaN or infinite"
        raise AudioFault(path, reason, f"{bad} samples", "export the recording again")


def write_audio(
    path: Path,
    samples: np.ndarray,
    rate: int = SAMPLE_RATE,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write (n,) float samples in [-1, 1] in the format of the file's ending, atomically.

    `tags` are as `data.audio_formats.encode` takes them. Raises UserError for an ending that
    `require_format` refuses, when the disk is full or the folder cannot be written.
    """
    require_format(path)
    write_atomically(path, encode(samples, rate, path.suffix.lower(), tags))


def code_count(samples: int) -> int:
    """Codes that XTTS counts for a clip of `samples` at 22,050 Hz: ceil(n / 1024)."""
    return -(-samples // SAMPLES_PER_CODE)


def true_runs(values: np.ndarray) -> np.ndarray:
    """(first, end) of every run of true values in (n,) booleans, (runs, 2)."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], values.astype(np.int8), [0]))))
    return edges.reshape(-1, 2)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def mp3(path: Path) -> bytes:
    """The recording as mono MP3 of constant bit rate.

    Raises soundfile.LibsndfileError for a file that is missing or cannot be decoded.
    """
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    buffer = io.BytesIO()
    sf.write(
        buffer,
        Mixdown.of([samples])(samples),
        rate,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="CONSTANT",
        compression_level=_COMPRESSION,
    )
    return buffer.getvalue()
