"""Checks what is to be said and by whose voice, before anything that needs seconds is loaded."""

from __future__ import annotations

from pathlib import Path

from xttslab.data.text_files import read_text
from xttslab.errors import UserError
from xttslab.tracking.lookup import require_run

OURS = "xttslab.yaml"  # the file of an exported folder that only xttslab reads


def text_to_say(text: str, text_file: str) -> str:
    """The text, from whichever of the two is given.

    Raises UserError unless exactly one is, and for a file that is missing or cannot be read.
    """
    if bool(text) == bool(text_file):
        raise UserError('say what? give either text="…" or text_file=PATH')
    said = text or read_text(Path(text_file).expanduser())
    if not said.strip():
        raise UserError(f"{text_file or 'text'}: there is no text to say in it")
    return said


def is_exported(folder: str) -> bool:
    """Whether `python -m xttslab.export` wrote this folder."""
    return (Path(folder) / OURS).is_file()


def require_voice(run: str, uri: str) -> None:
    """Raise UserError where the disk shows that `run` is neither a run nor an exported folder."""
    if not is_exported(run):
        require_run(run, uri)
