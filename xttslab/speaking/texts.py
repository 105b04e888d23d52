"""Checks what is to be said and by whose voice, before anything that needs seconds is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xttslab.data.text_files import read_text
from xttslab.errors import UserError
from xttslab.files import require_writable
from xttslab.model.setting_ranges import NumberRange, require_number
from xttslab.overrides import refuse_unread, typed_keys
from xttslab.speaking.marks import LONGEST_PAUSE, read_marks
from xttslab.tracking.lookup import require_run

if TYPE_CHECKING:
    from omegaconf import DictConfig

OF_BASE = ("model", "weights", "dataset", "language")  # options that a run answers itself
_COUNT = NumberRange(1, 10_000, whole=True)
OURS = "xttslab.yaml"  # the file of an exported folder that only xttslab reads


def text_to_say(text: str, text_file: str) -> str:
    """The text, from whichever of the two is given.

    Raises UserError unless exactly one is, for a file that is missing or cannot be read, and for
    marks in the text that are none.
    """
    if bool(text) == bool(text_file):
        raise UserError('say what? give either text="…" or text_file=PATH')
    said = text or read_text(Path(text_file).expanduser())
    if not said.strip():
        raise UserError(f"{text_file or 'text'}: there is no text to say in it")
    read_marks(said)
    return said


def require_say_options(config: DictConfig) -> None:
    """Raise UserError for options of `say` that are not read together, and without out=."""
    require_number("pause_between", config.pause_between, NumberRange(0, LONGEST_PAUSE))
    for option in ("reference_clips", "longest", "takes"):
        require_number(option, config[option], _COUNT)
    if config.lufs is None:
        refuse_unread(("true_peak",), "a recording without lufs=")
    if not config.join:
        refuse_unread(("pause_between",), "a call without join=")
    if config.run and is_exported(config.run):
        refuse_unread(("reference_clips",), f"run={config.run}, which stores its voices,")
    if config.speaker_wav:
        refuse_unread(("reference_clips", "category"), "a call with speaker_wav=")
    if config.batch_file:
        if config.text or config.text_file:
            raise UserError("batch= names a file of lines; give it without text= and text_file=")
        if not (config.out or config.join or config.dry_run):
            raise UserError("out= is missing: the folder for the recordings; or give join=")
        return
    for option in ("join", "keep_going"):
        if config[option]:
            raise UserError(f"{option}= goes with batch=FILE; see docs/speaking.md")
    refuse_unread(("format",), "a single text", "the ending of out= is its format")
    if not (config.out or config.dry_run):
        raise UserError("out= is missing: the recording to write, such as out=hello.wav")


def batch_folder(out: str, join: Path | None) -> Path:
    """Where the lines of a batch go: `out`, else beside the joined recording.

    Raises UserError for a file of that name, and for a folder that cannot be written.
    """
    folder = Path(out) if out or not join else join.with_name(f"{join.stem}_lines")
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder}: is a file; out= names the folder for a batch's recordings")
    require_writable(folder / "lines")
    return folder


def is_exported(folder: str) -> bool:
    """Whether `python -m xttslab.export` wrote this folder."""
    return (Path(folder) / OURS).is_file()


def require_voice(run: str, uri: str) -> None:
    """Raise UserError where the disk shows that `run` is neither a run nor an exported folder."""
    if not is_exported(run):
        require_run(run, uri)


def refuse_beside_run(run: str, options: Sequence[str]) -> None:
    """Raise UserError for options of a base that the command line gives beside run=."""
    keys = {key.partition(".")[0] for key in typed_keys()}
    if given := [option for option in options if run and option in keys]:
        raise UserError(
            f"{given[0]}= is for a base without a run: run={run} has its own; leave one of them out"
        )


def require_watermark() -> None:
    """Raise UserError where the package that marks speech is not installed."""
    if any(importlib.util.find_spec(name) is None for name in ("perth", "librosa")):
        raise UserError(
            "watermark=true needs resemble-perth, which is not installed; run: "
            "pip install 'xttslab[watermark]'"
        )
