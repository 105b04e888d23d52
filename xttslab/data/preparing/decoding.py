"""Decodes audio files of any format to blocks of mono float32 at 22,050 Hz in constant memory.

libsndfile reads wav, flac, mp3, ogg and opus; everything else (m4a, mp4, webm …) goes to FFmpeg's
libraries through PyAV where that is installed. Clipping is looked for here, before resampling
rounds the flat tops.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile as sf
import soxr

from xttslab.data.audio import (
    SAMPLE_RATE,
    AudioFault,
    Mixdown,
    audio_blocks,
    open_audio,
    require_file,
    require_finite,
    true_runs,
    undecodable,
)

if TYPE_CHECKING:
    from av.container import InputContainer

_LEAST_RATE = 2_000  # Hz; a header that gives less is damaged
_FLAT_RUN = 4  # consecutive equal samples at the peak that count as clipped
_FLAT_FLOOR = 0.1  # quieter peaks repeat a sample by rounding alone
_FULL_SCALE = 0.99  # lossy coders round flat tops; this near to the limit they still stay in runs
_ESTIMATING = ("aac", "mp3", "ac3", "eac3", "loas", "dts")  # raw streams: length by the bit rate


@dataclass(frozen=True)
class AudioFacts:
    """What the file itself says: native rate in Hz, channels, sample format, duration in seconds;
    `promised` is the duration where the header vouches for it, else 0; `unfinished` tells that the
    header was never completed and the file was read to its end."""

    rate: int
    channels: int
    encoding: str
    seconds: float
    promised: float
    unfinished: bool = False

    @property
    def unlimited(self) -> bool:
        """Whether samples beyond ±1 are kept, so that full scale is no limit."""
        return self.encoding in ("FLOAT", "DOUBLE") or self.encoding.startswith("av:pcm_f")


@dataclass
class Stream:
    """A file being decoded: `for block in stream` gives (n,) float32 at 22,050 Hz.

    `clipped` fills with (start, end) in seconds while the blocks go by; `truncated` tells after
    the last one that the header promised more, `changes` what was done, as (what, how much).
    Raises AudioFault where decoding fails, and for NaN, infinity, or no sample at all.
    """

    path: Path
    clipped: list[tuple[float, float]] = field(default_factory=list)
    truncated: bool = False
    changes: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        self.facts = inspect(self.path)

    def __iter__(self) -> Iterator[np.ndarray]:
        rate = self.facts.rate
        mix = Mixdown.of(self._checked_blocks())
        self.changes = tuple(_changes(self.facts, mix))
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32", quality="VHQ")
        done = 0
        for block in _native_blocks(self.path, self.facts):
            tops = flat_tops(block, rate, self.facts.unlimited)
            self.clipped += [(done / rate + a, done / rate + b) for a, b in tops]
            done += len(block)
            mono = mix(block)
            yield mono if rate == SAMPLE_RATE else resampler.resample_chunk(mono)
        if not done:
            raise AudioFault(self.path, "the audio is empty", "0 s", "record or export it again")
        if rate != SAMPLE_RATE:
            yield resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        self.truncated = done / rate < self.facts.promised - 0.1

    def _checked_blocks(self) -> Iterator[np.ndarray]:
        for block in _native_blocks(self.path, self.facts):
            require_finite(self.path, block)
            yield block


def _changes(facts: AudioFacts, mix: Mixdown) -> Iterator[tuple[str, str]]:
    """What decoding to mono at 22,050 Hz changes, for changed.csv."""
    if facts.unfinished:
        yield "read to the end: the header gives no length", f"{facts.seconds:.2f} s"
    if facts.rate != SAMPLE_RATE:
        yield "resampled", f"{facts.rate} Hz"
    if mix.offset.any():
        yield "constant offset removed", ", ".join(f"{value:+.3f}" for value in mix.offset)
    if mix.channel is not None:
        yield "one channel kept: together they cancel out", f"{mix.channel + 1} of {facts.channels}"
    elif facts.channels != 1:
        yield "channels averaged", str(facts.channels)


def inspect(path: Path) -> AudioFacts:
    """Rate, channels and duration from the header; raises AudioFault if no decoder knows it."""
    require_file(path)
    try:
        with open_audio(path) as (file, unfinished):
            seconds = file.frames / file.samplerate
            rate, channels, encoding = file.samplerate, file.channels, file.subtype
    except (sf.LibsndfileError, OSError) as fault:
        return _inspect_av(path, fault)
    if rate < _LEAST_RATE:
        raise undecodable(path, Exception(f"its header gives a sampling rate of {rate} Hz"))
    promised = 0.0 if unfinished else max(seconds, _riff_seconds(path, seconds))
    return AudioFacts(rate, channels, encoding, seconds, promised, unfinished)


def flat_tops(block: np.ndarray, rate: int, unlimited: bool = False) -> list[tuple[float, float]]:
    """Where the wave is cut off: runs of equal samples at the peak of their half second, or of any
    samples at full scale.

    `block` is (frames, channels) at its native rate; returns (start, end) in seconds within it.
    Works for recordings that were clipped first and made quieter afterwards, too. `unlimited`: the
    format keeps what passes full scale, so nothing was cut off there where something does.
    """
    least = max(_FLAT_RUN, -(-rate // 10_000))  # slow waves repeat a sample at high rates
    spans: list[tuple[float, float]] = []
    for channel in block.T:
        size = np.abs(channel)
        peak = _local_peak(size, max(rate // 2, 1))
        flat = (np.diff(channel) == 0) & (size[1:] >= np.maximum(0.985 * peak[1:], _FLAT_FLOOR))
        full = (size[1:] >= _FULL_SCALE) & (size[:-1] >= _FULL_SCALE)
        flat |= full & (peak[1:] <= 1.0) if unlimited else full
        starts, ends = true_runs(flat).T
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


def _native_blocks(path: Path, facts: AudioFacts) -> Iterator[np.ndarray]:
    """(frames, channels) float32 blocks of 20 s at most."""
    return _av_blocks(path) if facts.encoding.startswith("av:") else audio_blocks(path)


def _riff_seconds(path: Path, seconds: float) -> float:
    """What a WAV header promises; libsndfile quietly believes the file's size instead."""
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return 0.0
    promised, there = int.from_bytes(head[4:8], "little") + 8, path.stat().st_size
    if promised <= there or promised >= 0x7FFFFFFF:  # recorders that stream write a dummy size
        return 0.0
    return seconds * promised / there


def _inspect_av(path: Path, fault: Exception) -> AudioFacts:
    try:
        import av
    except ImportError:
        hint = f"{fault}; `pip install av` adds m4a, mp4 and more"
        raise undecodable(path, Exception(hint)) from fault
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise undecodable(path, Exception("there is no sound in it")) from fault
            stream = container.streams.audio[0]
            # PyAV leaves a stream without these where FFmpeg has no decoder for its codec.
            known = stream.codec_context is not None and stream.channels
            if not known or stream.rate < _LEAST_RATE:
                raise undecodable(path, Exception("no decoder knows its codec")) from fault
            seconds, promised = _av_seconds(container)
            found = AudioFacts(
                stream.rate, stream.channels, f"av:{stream.codec_context.name}", seconds, promised
            )
    except (av.FFmpegError, OSError, ValueError):
        raise undecodable(path, fault) from fault
    if found.seconds:
        return found
    frames = sum(map(len, _av_blocks(path)))  # what a browser recorded does not say how long it is
    return replace(found, seconds=frames / found.rate)


def _av_seconds(container: InputContainer) -> tuple[float, float]:
    """The duration that the container gives, and again where it is not a guess: of this very
    stream, or of a file that holds nothing else."""
    import av

    stream = container.streams.audio[0]
    whole = float((container.duration or 0) / av.time_base)
    own = float(stream.duration * stream.time_base) if stream.duration else 0.0
    if container.format.name in _ESTIMATING:
        return own or whole, 0.0
    alone = len(container.streams) == 1
    return own or whole, own or (whole if alone else 0.0)


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
    except (av.FFmpegError, IndexError, OSError, ValueError) as fault:
        raise undecodable(path, fault) from fault
