"""An audio file in, mono float32 samples at one rate out."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from xttslab.errors import UserError
from xttslab.files import write_atomically

SAMPLE_RATE = 22_050  # what XTTS's DVAE and conditioning encoder read
SAMPLES_PER_CODE = 1_024  # mel hop 256 × two stride-2 convolutions
MAX_CODES = 605  # gpt_max_audio_tokens of XTTS-v2
MIN_SECONDS = 0.5
MAX_SECONDS = MAX_CODES * SAMPLES_PER_CODE / SAMPLE_RATE  # 28.1 s


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


def read_audio(path: Path, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Read any file that libsndfile decodes (wav, flac, ogg, opus, mp3).

    Returns float32 samples of shape (n,), channels averaged, resampled by soxr's highest quality.
    Raises AudioFault for a file that is missing, empty, cannot be decoded, or holds NaN or
    infinity.
    """
    require_file(path)
    try:
        samples, native = sf.read(path, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as fault:
        raise undecodable(path, fault) from fault
    mono = samples.mean(axis=1)
    bad = int((~np.isfinite(mono)).sum())
    if bad:
        raise not_finite(path, bad)
    if not len(mono):
        raise AudioFault(path, "the audio is empty", "0 s", "record or export it again")
    return mono if native == rate else soxr.resample(mono, native, rate, quality="VHQ")


def read_seconds(path: Path) -> float:
    """Duration from the header alone; raises AudioFault as `read_audio` does."""
    require_file(path)
    try:
        info = sf.info(path)
    except (sf.LibsndfileError, OSError) as fault:
        raise undecodable(path, fault) from fault
    return info.frames / info.samplerate


def require_file(path: Path) -> None:
    """Raise AudioFault unless `path` is a file."""
    if not path.is_file():
        raise AudioFault(path, "no such audio file", "", "correct the manifest or add the file")


def undecodable(path: Path, fault: Exception) -> AudioFault:
    """The fault of a file that no decoder reads; libsndfile's own message leads with the path."""
    cause = str(fault).replace(f"Error opening {str(path)!r}: ", "").strip().rstrip(".")
    return AudioFault(path, "cannot be decoded", cause, "replace or re-encode it")


def not_finite(path: Path, samples: int) -> AudioFault:
    """The fault of a float file that holds NaN or infinity."""
    reason = "samples are NaN or infinite"
    return AudioFault(path, reason, f"{samples} samples", "export the recording again")


def write_audio(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE) -> None:
    """Write (n,) float samples in [-1, 1] as 16-bit PCM, atomically.

    Raises UserError when the disk is full or the folder cannot be written.
    """
    buffer = io.BytesIO()
    sf.write(buffer, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16", format="WAV")
    write_atomically(path, buffer.getvalue())


def code_count(samples: int) -> int:
    """Codes that XTTS counts for a clip of `samples` at 22,050 Hz: ceil(n / 1024)."""
    return -(-samples // SAMPLES_PER_CODE)


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
