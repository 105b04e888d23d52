"""python -m xttslab.say: a text in, a recording of a trained voice out.

python -m xttslab.say run=best:combined category=greeting text="Jó estét kívánok!" out=hello.wav
python -m xttslab.say model=xtts_mini speaker_wav=me.wav text_file=chapter.txt out=chapter.wav
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xttslab.commands import launch

if TYPE_CHECKING:
    from omegaconf import DictConfig


def main(config: DictConfig) -> None:
    """Speak as configured and say what was written."""
    from pathlib import Path

    from hydra.utils import instantiate

    from xttslab.data.audio import write_audio
    from xttslab.model.decoder import SPEECH_RATE
    from xttslab.speaking.loading import load, load_base
    from xttslab.speaking.texts import text_to_say

    text = text_to_say(config.text, config.text_file)
    if config.run:
        speaker = load(config.run, config.tracking.uri)
    else:
        speaker = load_base(config.model, config.weights, config.language, config.get("dataset"))
    speaker.to(config.device, config.precision)
    category = None if config.speaker_wav else config.category
    settings = speaker.settings_for(category, instantiate(config.settings), config.temperature)
    wave = speaker.say(text, config.category, config.speaker_wav, settings, config.longest)
    write_audio(Path(config.out), wave, SPEECH_RATE)
    print(f"{config.out}: {len(wave) / SPEECH_RATE:.1f} s of speech")


if __name__ == "__main__":
    launch(main, "say")
