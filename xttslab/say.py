"""Speak a text of any length in a trained voice.

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

    text, out = _asked(config), Path(config.out)
    from xttslab.model.decoder import SPEECH_RATE  # from here on, libraries that need seconds
    from xttslab.speaking.loading import load, load_base

    if config.run:
        speaker = load(config.run, config.tracking.uri)
    else:
        speaker = load_base(config.model, config.weights, config.language, config.get("dataset"))
    speaker.to(config.device, config.precision)
    category = None if config.speaker_wav else config.category
    settings = speaker.settings_for(category, instantiate(config.settings), config.temperature)
    wave = speaker.say(text, config.category, config.speaker_wav, settings, config.longest)
    write_audio(out, wave, SPEECH_RATE)
    print(f"{out}: {len(wave) / SPEECH_RATE:.1f} s of speech")


def _asked(config: DictConfig) -> str:
    """The text, once a look at the disk has shown that it can be spoken and written."""
    from pathlib import Path

    from xttslab.data.audio import require_file, require_format
    from xttslab.data.manifest import require_folders
    from xttslab.errors import UserError
    from xttslab.files import require_writable
    from xttslab.model.weights import require_base
    from xttslab.speaking.texts import require_voice, text_to_say

    text, out = text_to_say(config.text, config.text_file), Path(config.out)
    require_format(out)
    require_writable(out)
    if config.speaker_wav:
        require_file(Path(config.speaker_wav), "correct speaker_wav=")
    if config.run:
        require_voice(config.run, config.tracking.uri)
        return text
    if dataset := config.get("dataset"):
        require_folders(dataset.name, dataset.sources)
    elif not config.speaker_wav:
        raise UserError("whose voice? give run=RUN, speaker_wav=RECORDING, or dataset=NAME")
    require_base(config.model, config.weights)
    return text


if __name__ == "__main__":
    launch(main, "say")
