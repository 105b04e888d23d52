"""An audio file in, mono float32 samples at one rate out."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

from xttslab.errors import UserError

SAMPLE_RATE = 22_050  # what XTTS's DVAE and conditioning encoder read
SAMPLES_PER_CODE = 1_024  # mel hop 256 × two stride-2 convolutions
MAX_CODES = 605  # gpt_max_audio_tokens of XTTS-v2
MIN_SECONDS = 0.5
MAX_SECONDS = MAX_CODES * SAMPLES_PER_CODE / SAMPLE_RATE  # 28.1 s


def read_audio(path: Path, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Read any file that libsndfile decodes (wav, flac, ogg, opus, mp3).

    Returns float32 samples of shape (n,), channels averaged, resampled by soxr's highest quality.
    Raises UserError for a file that is missing, cannot be decoded, or holds NaN or infinity.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such audio file; correct the manifest or add the file")
    try:
        samples, native = sf.read(path, dtype="float32", always_2d=True)
    except (sf.LibsndfileError, OSError) as fault:
        raise UserError(f"{path}: cannot be decoded ({fault}); replace or re-encode it") from fault
    mono = samples.mean(axis=1)
    if not np.isfinite(mono).all():
        bad = int((~np.isfinite(mono)).sum())
        raise UserError(f"{path}: {bad} samples are NaN or infinite; export the recording again")
    return mono if native == rate else soxr.resample(mono, native, rate, quality="VHQ")


def read_seconds(path: Path) -> float:
    """Duration from the header alone; raises UserError as `read_audio` does."""
    if not path.is_file():
        raise UserError(f"{path}: no such audio file; correct the manifest or add the file")
    try:
        info = sf.info(path)
    except (sf.LibsndfileError, OSError) as fault:
        raise UserError(f"{path}: cannot be decoded ({fault}); replace or re-encode it") from fault
    return info.frames / info.samplerate


def write_audio(path: Path, samples: np.ndarray, rate: int = SAMPLE_RATE) -> None:
    """Write (n,) float samples in [-1, 1] as 16-bit PCM; the file appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        sf.write(partial, np.clip(samples, -1.0, 1.0), rate, subtype="PCM_16", format="WAV")
        partial.replace(path)
    except OSError as fault:
        raise UserError(f"{path}: cannot be written ({fault.strerror}); free some space") from fault
    finally:
        partial.unlink(missing_ok=True)


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
