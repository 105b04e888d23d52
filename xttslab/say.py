"""Speak a text, or all lines of a table or JSON file, in a trained voice.

python -m xttslab.say run=best:combined category=greeting text="Jó estét kívánok!" out=hello.wav
python -m xttslab.say model=xtts_mini speaker_wav=me.wav text_file=chapter.txt out=chapter.wav
python -m xttslab.say run=best:combined batch=show.json out=show join=show.mp3
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.commands import CONF, launch, plain_name
from xttslab.overrides import typed_keys

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from xttslab.speaking.batch_file import BatchFile
    from xttslab.speaking.speaker import Speaker
    from xttslab.text.lexicon import Lexicon


def main(config: DictConfig) -> None:
    """Speak as configured and say what was written; a look at the disk comes first."""
    from xttslab.data.lexicons import read_lexicon
    from xttslab.data.loudness import require_target
    from xttslab.speaking.batch_file import read_batch, require_all
    from xttslab.speaking.texts import require_say_options, require_watermark, text_to_say
    from xttslab.text.lexicon import Lexicon

    require_say_options(config)
    require_target(config.lufs, config.true_peak)
    if config.watermark:
        require_watermark()
    lexicon = read_lexicon(Path(config.lexicon)) if config.lexicon else Lexicon()
    if config.batch_file:
        asked = read_batch(Path(config.batch_file))
        if not config.keep_going:
            require_all(asked.faults, False)
    else:
        asked = text_to_say(config.text, config.text_file)
    recordings = _require_voice(config)
    if config.dry_run:
        _show(config, asked, lexicon)
    elif config.batch_file:
        _say_batch(config, asked, recordings, lexicon)
    else:
        _say_text(config, asked, recordings, lexicon)


def _say_text(
    config: DictConfig, text: str, recordings: tuple[Path, ...], lexicon: Lexicon
) -> None:
    from hydra.utils import instantiate

    from xttslab.data.audio import require_format, write_audio
    from xttslab.data.loudness import to_lufs
    from xttslab.files import require_writable

    out = Path(config.out)
    require_format(out)
    require_writable(out)
    from xttslab.model.decoder import SPEECH_RATE  # from here on, libraries that need seconds
    from xttslab.speaking.lines import names_of

    speaker = _speaker(config, recordings, lexicon)
    category = ",".join(names_of(config.category))
    named = None if recordings else category
    settings = speaker.settings_for(named, instantiate(config.settings), config.temperature)
    for line in speaker.references.report(category, recordings, settings):
        print(line)
    wave = speaker.say(text, category, recordings, settings, config.longest)
    if config.lufs is not None:
        wave = to_lufs(wave, SPEECH_RATE, config.lufs, config.true_peak)
    write_audio(out, wave, SPEECH_RATE, speaker.origin.tags(out.stem, named or ""))
    print(f"{out}: {len(wave) / SPEECH_RATE:.1f} s of speech")
    _report(speaker)


def _say_batch(
    config: DictConfig, batch: BatchFile, recordings: tuple[Path, ...], lexicon: Lexicon
) -> None:
    from hydra.utils import instantiate

    from xttslab.data.audio import require_format
    from xttslab.files import require_writable
    from xttslab.speaking.texts import batch_folder

    join = Path(config.join) if config.join else None
    for file in filter(None, [join, Path(f"lines.{config.format}")]):
        require_format(file)
    if join:
        require_writable(join)
    out = batch_folder(config.out, join)
    from xttslab.speaking.batch import BatchOptions  # from here on, libraries that need seconds
    from xttslab.speaking.batch_run import run_batch
    from xttslab.speaking.lines import names_of

    options = BatchOptions(
        out=out,
        settings=instantiate(config.settings),
        # the last parts, such as speed of settings.speed=0.9
        fixed=frozenset(key.rpartition(".")[2] for key in typed_keys()),
        ending=f".{config.format}",
        longest=config.longest,
        category=",".join(names_of(config.category)),
        recordings=recordings,
        temperature=config.temperature,
        lufs=config.lufs,
        true_peak=config.true_peak,
        joining=join is not None,
        keep_going=config.keep_going,
    )
    speaker = _speaker(config, recordings or batch.general.recordings, lexicon)
    try:
        run_batch(speaker, batch, options, join, config.pause_between)
    finally:
        _report(speaker)


def _show(config: DictConfig, asked: str | BatchFile, lexicon: Lexicon) -> None:
    """Print what will be read."""
    from xttslab.speaking.loading import words_of
    from xttslab.speaking.reading import read_aloud, show_batch

    sources = dataset.sources if (dataset := config.get("dataset")) else {}
    language, own = words_of(config.run, config.tracking.uri, config.language, sources)
    said = own.overridden_by(lexicon)
    if isinstance(asked, str):
        print("\n".join(read_aloud(asked, said, language, config.longest).lines()))
    else:
        show_batch(asked, said, language, config.longest, config.keep_going)


def _require_voice(config: DictConfig) -> tuple[Path, ...]:
    """The recordings to speak after, once a look at the disk has shown that there is a voice."""
    from xttslab.data.audio import require_file
    from xttslab.data.manifest import require_folders
    from xttslab.model.weights import require_base
    from xttslab.speaking.texts import OF_BASE, refuse_beside_run, require_voice

    given = config.speaker_wav
    recordings = tuple(
        Path(path) for path in ([given] if isinstance(given, str) else given or ()) if path
    )
    for path in recordings:
        require_file(path, "correct speaker_wav=")
    if config.run:
        refuse_beside_run(config.run, OF_BASE)
        require_voice(config.run, config.tracking.uri)
        return recordings
    if dataset := config.get("dataset"):
        require_folders(dataset.name, dataset.sources)
    require_base(config.model, config.weights)
    return recordings


def _speaker(config: DictConfig, recordings: tuple[Path, ...], lexicon: Lexicon) -> Speaker:
    from xttslab.speaking.loading import load, load_base

    clips, dataset = config.reference_clips, config.get("dataset")
    if config.run:
        speaker = load(config.run, config.tracking.uri, clips=clips)
    else:
        speaker = load_base(config.model, config.weights, config.language, dataset, clips)
        if not dataset and not recordings:
            print(
                "no voice was named: speaking after the packaged demo voice; speaker_wav=RECORDING "
                "or dataset=NAME gives another"
            )
    speaker.lexicon = speaker.lexicon.overridden_by(lexicon)
    if config.takes != 1:
        from xttslab.evaluation.take_judge import configured_judge
        from xttslab.speaking.take_guard import TakeGuard

        speaker.guard = TakeGuard(configured_judge(CONF, speaker.language), config.takes)
    if config.watermark:
        from xttslab.speaking.watermark import Watermark

        speaker.watermark = Watermark()
    return speaker.to(config.device, config.precision)


def _report(speaker: Speaker) -> None:
    """Say what the choice among takes found."""
    if speaker.guard is not None and speaker.guard.tally.pieces:
        print("\n".join(speaker.guard.tally.report()))


if __name__ == "__main__":
    sys.argv[1:] = plain_name(sys.argv[1:], "batch", "batch_file")
    launch(main, "say")
