"""Runs a batch from its checks to its recordings, and tells what was spoken, kept and left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from xttslab.data.audio import write_audio
from xttslab.data.loudness import to_lufs
from xttslab.errors import UserError
from xttslab.model.decoder import SPEECH_RATE
from xttslab.progress import say
from xttslab.speaking.batch import (
    GROUP,
    BatchOptions,
    PlannedLine,
    missing_lines,
    plan_batch,
    speak_lines,
)
from xttslab.speaking.batch_file import BatchFile, require_all
from xttslab.speaking.cue_sheet import join_lines, sheets_of, write_cues
from xttslab.speaking.lines import names_of
from xttslab.speaking.speaker import Speaker


def run_batch(
    speaker: Speaker,
    batch: BatchFile,
    options: BatchOptions,
    join: Path | None,
    pause_between: float,
) -> None:
    """Speak what is missing of a batch, then join all lines into `join` where one is named.

    `pause_between`: seconds after a joined line that gives no pause. Raises UserError, before
    anything is spoken, where `join` is a line's own file, and where a row cannot be spoken and
    `keep_going` is not wanted; with it, after all others are spoken.
    """
    planned, faults, notes = plan_batch(speaker, batch, options)
    if join:
        _require_own_file(join, planned)
    for note in (*batch.notes, *notes):
        print(f"note: {note}")
    require_all(faults, options.keep_going)
    for line in dict.fromkeys(_heard(speaker, planned)):
        print(line)
    if planned:
        _speak(speaker, planned, options)
        if join:
            _join(speaker, planned, options, join, pause_between)
    if faults:
        count = len(faults) + len(planned)
        raise UserError(
            f"{len(faults)} of {count} lines could not be spoken; the first: {faults[0]}"
        )


def _require_own_file(join: Path, planned: Sequence[PlannedLine]) -> None:
    for one in planned:
        if str(one.file.absolute()).casefold() == str(join.absolute()).casefold():
            raise UserError(
                f"join={join}: is the recording of line {one.line.id!r} too; name another file"
            )


def _heard(speaker: Speaker, planned: Sequence[PlannedLine]) -> Iterator[str]:
    """What is heard of the recordings and mixed categories that lines name."""
    for speech in (one.speech for one in planned):
        if speech.recordings or len(names_of(speech.category)) > 1:
            yield from speaker.references.report(
                speech.category, speech.recordings, speech.settings
            )


def _speak(speaker: Speaker, planned: Sequence[PlannedLine], options: BatchOptions) -> None:
    missing, edited = missing_lines(planned, options)
    for one in edited:
        print(f"{one.file}: was changed by hand and is left as it is; remove it to say it again")
    if there := len(planned) - len(missing) - len(edited):
        print(f"{there} of {len(planned)} lines are spoken already, and left as they are")
    count = 0
    for count, _ in enumerate(speak_lines(speaker, missing, options), 1):
        if count % GROUP == 0:
            say(f"… {count} of {len(missing)} lines are spoken")
    print(f"{options.out}: {count} {'line' if count == 1 else 'lines'} spoken")


def _join(
    speaker: Speaker,
    planned: Sequence[PlannedLine],
    options: BatchOptions,
    join: Path,
    pause_between: float,
) -> None:
    wave, cues = join_lines(planned, options.out, pause_between)
    if options.lufs is not None:
        wave = to_lufs(wave, SPEECH_RATE, options.lufs, options.true_peak)
    write_audio(join, wave, SPEECH_RATE, speaker.origin.tags(join.stem))
    write_cues(cues, join)
    sheet, subtitles = sheets_of(join)
    print(f"{join}: {len(wave) / SPEECH_RATE:.1f} s; {sheet} and {subtitles} say what is where")
