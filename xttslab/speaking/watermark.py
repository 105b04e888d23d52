"""Marks speech with Perth's watermark (Resemble AI), which is not heard, and finds it again.

The mark says "synthetic" and no more; it lies below 2 kHz in the magnitudes of a spectrogram.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys
from functools import cache
from importlib.resources import files
from types import ModuleType
from typing import Any

import numpy as np
import soxr
import torch

from xttslab.speaking.texts import require_watermark

LIKELY = 0.5  # a confidence from which on a sound counts as marked
_SHORTEST = 4096  # samples at Perth's rate: two windows of its spectrogram


class Watermark:
    """Perth's implicit mark, on the processor.

    Raises UserError where the package is not installed.
    """

    def __init__(self) -> None:
        require_watermark()
        self._net = _perth()

    @torch.inference_mode()
    def embed(self, wave: np.ndarray, rate: int) -> np.ndarray:
        """The sound (n,) float32 with the mark. What Perth changes is added to it, so that nothing
        else is lost by its sampling rate of 32 kHz."""
        if not np.any(wave):
            return wave
        padded, magnitudes, phase = self._spectrum(wave, rate)
        marked, _ = self._net.encoder(magnitudes[None])
        sound = self._net.ap.magphase_to_signal(marked[0], phase).numpy()
        change = sound[: len(padded)] - padded[: len(sound)]
        added = soxr.resample(change, self._net.hp.sample_rate, rate)[: len(wave)]
        return wave + np.pad(added, (0, len(wave) - len(added))).astype(np.float32)

    @torch.inference_mode()
    def confidence(self, wave: np.ndarray, rate: int) -> float:
        """How sure it is, 0 to 1, that a sound (n,) has the mark; 0 for silence."""
        if not np.any(wave):
            return 0.0
        _, magnitudes, _ = self._spectrum(wave, rate)
        return float(self._net.decoder(magnitudes[None])[0].clip(0.0, 1.0))

    def _spectrum(self, wave: np.ndarray, rate: int) -> tuple[np.ndarray, Any, Any]:
        """The sound at Perth's rate, whole hops long, and its magnitudes and phases."""
        sound = soxr.resample(wave.astype(np.float32), rate, self._net.hp.sample_rate)
        hop = self._net.hp.hop_size
        length = max(_SHORTEST, -(-len(sound) // hop) * hop)
        padded = np.pad(sound, (0, length - len(sound)))
        return padded, *self._net.ap.signal_to_magphase(torch.from_numpy(padded))


@cache
def _perth() -> Any:
    """The network with the weights of the package, loaded once.

    Perth finds them by `pkg_resources`, which setuptools has no more since its version 81.
    """
    known = "pkg_resources" in sys.modules or importlib.util.find_spec("pkg_resources")
    if not known:
        stand_in = ModuleType("pkg_resources")
        stand_in.resource_filename = lambda package, name: str(files(package) / name)
        sys.modules["pkg_resources"] = stand_in
    try:
        from perth.perth_net import PREPACKAGED_MODELS_DIR
        from perth.perth_net.perth_net_implicit.model.perth_net import PerthNet
    finally:
        if not known:
            del sys.modules["pkg_resources"]
    with contextlib.redirect_stdout(io.StringIO()):  # it says which step it was trained to
        return PerthNet.load("implicit", PREPACKAGED_MODELS_DIR).eval()
