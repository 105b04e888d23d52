"""xttslab: recordings → manifest → clips → audio codes → batches → GPT losses → MLflow →
spoken samples → scores → report → a voice you can deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xttslab.speaking.speaker import Speaker

__version__ = "0.1.0"


def load(run: str, device: str = "auto", precision: str = "float32") -> Speaker:
    """The voice of a run or of an exported folder, ready to speak.

    `xttslab.load("best:combined").say("Jó napot!", "greeting")` gives float32 samples at 24 kHz.
    It sounds as `python -m xttslab.say` does. `precision="bf16"` halves the GPT's memory.
    """
    from xttslab.commands import CONF
    from xttslab.speaking.loading import default_settings, load

    return load(run, settings=default_settings(CONF)).to(device, precision)
