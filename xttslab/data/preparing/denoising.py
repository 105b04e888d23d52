"""A passage in, the same passage with less steady noise out (spectral gating, off by default)."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field
from pydantic.dataclasses import dataclass

from xttslab.data.audio import SAMPLE_RATE
from xttslab.errors import UserError


@dataclass(frozen=True)
class Denoising:
    """`strength` 0 leaves the sound alone, 1 takes all away that looks like steady noise.

    Reduced noise can leave a metallic rest that a voice learns: listen before training on it.
    """

    strength: Annotated[float, Field(ge=0, le=1)]

    @property
    def changes(self) -> list[tuple[str, str]]:
        """What stands in changed.csv for every clip."""
        return [("noise reduced", f"{self.strength:.0%}")] if self.strength else []

    def clean(self, samples: np.ndarray) -> np.ndarray:
        """Reduce steady noise in (n,) samples (package `noisereduce`); returns the very same array
        for strength 0. Raises UserError where the package is missing."""
        if not self.strength:
            return samples
        try:
            import noisereduce
        except ImportError as fault:
            raise UserError(
                "denoising.strength needs a package: run `pip install noisereduce`, or leave it 0"
            ) from fault
        cleaned = noisereduce.reduce_noise(
            samples, SAMPLE_RATE, stationary=True, prop_decrease=self.strength
        )
        return cleaned.astype(np.float32)
