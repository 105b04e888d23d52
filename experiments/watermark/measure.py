"""Whether Perth's watermark holds what it says: found again after changes, and not heard.

    python -m experiments.watermark.measure clips=20

Marks real clips of the demo voice (24 kHz, as `say` writes) and prints, for every change of the
sound, how many marks are found at a confidence of 0.5 and the lowest confidence; how many unmarked
clips are taken for marked; and what the mark does to the sound: PESQ (wide band), DistillMOS before
and after, cosine of CAM++ voices before and after beside that of a voice's other clips.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable

import numpy as np
import soundfile as sf
import soxr
from pesq import pesq

from xttslab.data.audio import read_audio
from xttslab.data.audio_formats import encode
from xttslab.data.speaker_encoders import campplus
from xttslab.evaluation.naturalness import predict_distillmos
from xttslab.model.decoder import SPEECH_RATE
from xttslab.serving.streamed_audio import whole_file
from xttslab.speaking.loading import DEMO
from xttslab.speaking.watermark import Watermark

LIKELY = 0.5
Change = Callable[[np.ndarray], np.ndarray]


def through_file(content: bytes) -> np.ndarray:
    """What a file sounds like at SPEECH_RATE."""
    wave, rate = sf.read(io.BytesIO(content), dtype="float32")
    return wave if rate == SPEECH_RATE else soxr.resample(wave, rate, SPEECH_RATE)


def resampled(rate: int) -> Change:
    """There and back."""
    return lambda wave: soxr.resample(soxr.resample(wave, SPEECH_RATE, rate), rate, SPEECH_RATE)


def noisy(wave: np.ndarray, snr_db: float = 30.0) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=len(wave)).astype(np.float32)
    return wave + noise * np.sqrt(np.square(wave).mean()) * 10 ** (-snr_db / 20)


CHANGES: dict[str, Change] = {
    "none": lambda wave: wave,
    "wav, 16 bits": lambda wave: through_file(encode(wave, SPEECH_RATE, ".wav", {})),
    "mp3, 128 kbit/s": lambda wave: through_file(whole_file(wave, "mp3", {})),
    "ogg": lambda wave: through_file(encode(wave, SPEECH_RATE, ".ogg", {})),
    "opus, 64 kbit/s": lambda wave: through_file(whole_file(wave, "opus", {})),
    "resampled to 16 kHz": resampled(16_000),
    "resampled to 8 kHz": resampled(8_000),
    "12 dB softer": lambda wave: wave * 0.25,
    "6 dB louder, clipped": lambda wave: np.clip(wave * 2.0, -1, 1),
    "its middle second": lambda wave: wave[len(wave) // 2 - 12_000 : len(wave) // 2 + 12_000],
    "noise at 30 dB": noisy,
    "5 % faster": lambda wave: soxr.resample(wave, SPEECH_RATE * 1.05, SPEECH_RATE),
}


def at_16k(waves: list[np.ndarray]) -> list[np.ndarray]:
    return [soxr.resample(wave, SPEECH_RATE, 16_000).astype(np.float32) for wave in waves]


def main() -> None:
    """Measure and print."""
    given = dict(argument.split("=", 1) for argument in sys.argv[1:])
    paths = sorted(DEMO.glob("*.ogg"))[:: int(given.get("every", 4))]
    clean = [read_audio(path, SPEECH_RATE) for path in paths[: int(given.get("clips", 20))]]
    mark = Watermark()
    begun = time.perf_counter()
    marked = [mark.embed(wave, SPEECH_RATE) for wave in clean]
    seconds = sum(map(len, clean)) / SPEECH_RATE
    print(f"{len(clean)} clips, {seconds:.0f} s; marked in {time.perf_counter() - begun:.1f} s")
    print(
        f"lengths kept: {all(map(np.shape, clean)) and [*map(len, clean)] == [*map(len, marked)]}"
    )
    for name, change in CHANGES.items():
        with_mark, without = (
            [mark.confidence(change(wave), SPEECH_RATE) for wave in waves]
            for waves in (marked, clean)
        )
        found, taken = (sum(one >= LIKELY for one in some) for some in (with_mark, without))
        print(
            f"{name:22} found {found}/{len(marked)}, lowest {min(with_mark):.2f}; unmarked taken "
            f"for marked {taken}, highest {max(without):.2f}", flush=True,
        )  # fmt: skip
    before, after = at_16k(clean), at_16k(marked)
    quality = [pesq(16_000, a, b, "wb") for a, b in zip(before, after, strict=True)]
    print(f"PESQ (4.64 is the same): median {np.median(quality):.2f}, lowest {min(quality):.2f}")
    opinions = np.array([predict_distillmos(some) for some in (before, after)])
    print(f"DistillMOS: {opinions[0].mean():.3f} before, {opinions[1].mean():.3f} after")
    voices = [campplus(some) for some in (before, after)]
    own = (voices[0] * voices[1]).sum(axis=1)
    others = (voices[0] @ voices[0].T)[np.triu_indices(len(before), 1)]
    print(f"CAM++: {own.min():.3f} at least to itself, other clips {np.median(others):.3f}")
    errors = [
        np.square(a - b).mean() / np.square(a).mean() for a, b in zip(clean, marked, strict=True)
    ]
    print(f"signal to change: median {-10 * np.log10(np.median(errors)):.1f} dB")


if __name__ == "__main__":
    main()
