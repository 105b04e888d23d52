"""A recording of any format in, blocks of mono float32 at 22,050 Hz out, in flat memory.

libsndfile reads wav, flac, mp3, ogg and opus; everything else (m4a, mp4, webm …) goes to FFmpeg's
libraries through PyAV where that is installed. Clipping is looked for here, before resampling
rounds the flat tops.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from xttslab.data.audio import SAMPLE_RATE, AudioFault, not_finite, require_file, undecodable

BLOCK_SECONDS = 20.0
_FLAT_RUN = 4  # consecutive equal samples at the peak that count as clipped
_FLAT_FLOOR = 0.1  # quieter peaks repeat a sample by rounding alone
_FULL_SCALE = 0.99  # lossy coders round flat tops; this near to the limit they still stay in runs


@dataclass(frozen=True)
class Facts:
    """What the file itself says: native rate in Hz, channels, sample format, duration."""

    rate: int
    channels: int
    encoding: str
    seconds: float

    @property
    def changes(self) -> tuple[tuple[str, str], ...]:
        """What decoding to mono at 22,050 Hz changes, for changed.csv."""
        resampled = [("resampled", f"{self.rate} Hz")] if self.rate != SAMPLE_RATE else []
        averaged = [("channels averaged", str(self.channels))] if self.channels != 1 else []
        return (*resampled, *averaged)


@dataclass
class Stream:
    """A file being decoded: `for block in stream` gives (n,) float32 at 22,050 Hz.

    `clipped` fills with (start, end) in seconds while the blocks go by; `truncated` tells after
    the last one that the header promised more. Raises AudioFault where decoding fails, and for
    NaN, infinity, or no sample at all.
    """

    path: Path
    clipped: list[tuple[float, float]] = field(default_factory=list)
    truncated: bool = False

    def __post_init__(self) -> None:
        self.facts = inspect(self.path)

    def __iter__(self) -> Iterator[np.ndarray]:
        rate = self.facts.rate
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
        done = 0
        for block in _native_blocks(self.path, self.facts):
            bad = int((~np.isfinite(block)).sum())
            if bad:
                raise not_finite(self.path, bad)
            self.clipped += [(done / rate + a, done / rate + b) for a, b in flat_tops(block, rate)]
            done += len(block)
            mono = np.ascontiguousarray(block.mean(axis=1))
            yield mono if rate == SAMPLE_RATE else resampler.resample_chunk(mono)
        if not done:
            raise AudioFault(self.path, "the audio is empty", "0 s", "record or export it again")
        if rate != SAMPLE_RATE:
            yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        promised = max(self.facts.seconds, _riff_seconds(self.path, self.facts))
        self.truncated = done / rate < promised - 0.1


def inspect(path: Path) -> Facts:
    """Rate, channels and duration from the header; raises AudioFault if no decoder knows it."""
    require_file(path)
    try:
        info = sf.info(path)
    except (sf.LibsndfileError, OSError) as fault:
        return _inspect_av(path, fault)
    return Facts(info.samplerate, info.channels, info.subtype, info.frames / info.samplerate)


def flat_tops(block: np.ndarray, rate: int) -> list[tuple[float, float]]:
    """Where the wave is cut off: runs of equal samples at the peak of their half second, or of any
    samples at full scale.

    `block` is (frames, channels) at its native rate; returns (start, end) in seconds within it.
    Works for recordings that were clipped first and made quieter afterwards, too.
    """
    least = max(_FLAT_RUN, -(-rate // 10_000))  # slow waves repeat a sample at high rates
    spans: list[tuple[float, float]] = []
    for channel in block.T:
        size = np.abs(channel)
        peak = _local_peak(size, rate // 2)
        flat = (np.diff(channel) == 0) & (size[1:] >= np.maximum(0.985 * peak[1:], _FLAT_FLOOR))
        flat |= (size[1:] >= _FULL_SCALE) & (size[:-1] >= _FULL_SCALE)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], flat.astype(np.int8), [0]))))
        starts, ends = edges[::2], edges[1::2]
        long = ends - starts + 1 >= least
        pairs = zip(starts[long], ends[long], strict=True)
        spans += [(float(a) / rate, float(b + 1) / rate) for a, b in pairs]
    return sorted(spans)


def _local_peak(size: np.ndarray, window: int) -> np.ndarray:
    """The highest value of each stretch of `window` values, (n,)."""
    stretches = -(-len(size) // window)
    padded = np.zeros(stretches * window, size.dtype)
    padded[: len(size)] = size
    return np.repeat(padded.reshape(stretches, window).max(axis=1), window)[: len(size)]


def _native_blocks(path: Path, facts: Facts) -> Iterator[np.ndarray]:
    """(frames, channels) float32 blocks of about `BLOCK_SECONDS`."""
    if facts.encoding.startswith("av:"):
        yield from _av_blocks(path)
        return
    try:
        with sf.SoundFile(path) as file:
            size = int(BLOCK_SECONDS * facts.rate)
            while len(block := file.read(size, dtype="float32", always_2d=True)):
                yield block
    except (sf.LibsndfileError, OSError) as fault:
        raise undecodable(path, fault) from fault


def _riff_seconds(path: Path, facts: Facts) -> float:
    """What a WAV header promises; libsndfile quietly believes the file's size instead."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return 0.0
    promised, there = int.from_bytes(head[4:8], "little") + 8, path.stat().st_size
    if promised <= there or promised >= 0x7FFFFFFF:  # recorders that stream write a dummy size
        return 0.0
    return facts.seconds * promised / there


def _inspect_av(path: Path, fault: Exception) -> Facts:
    try:
        import av
    except ImportError:
        hint = f"{fault}; `pip install av` adds m4a, mp4 and more"
        raise undecodable(path, Exception(hint)) from fault
    try:
        with av.open(str(path)) as container:
            stream = container.streams.audio[0]
            seconds = float((container.duration or 0) / av.time_base)
            return Facts(stream.rate, stream.channels, f"av:{stream.codec_context.name}", seconds)
    except (av.FFmpegError, IndexError, OSError):
        raise undecodable(path, fault) from fault


def _av_blocks(path: Path) -> Iterator[np.ndarray]:
    import av

    try:
        with contextlib.closing(av.open(str(path))) as container:
            stream = container.streams.audio[0]
            layout = stream.codec_context.layout.name
            planar = av.AudioResampler(format="fltp", layout=layout, rate=stream.rate)
            for frame in container.decode(stream):
                for part in planar.resample(frame):
                    yield part.to_ndarray().T
    except (av.FFmpegError, IndexError, OSError) as fault:
        raise undecodable(path, fault) from fault
