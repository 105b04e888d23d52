"""What a person wants said, on the command line or in a file, in; the text out."""

from __future__ import annotations

from pathlib import Path

from xttslab.errors import UserError


def text_to_say(text: str | None, text_file: str | None) -> str:
    """The text, from whichever of the two is given.

    Raises UserError unless exactly one is, and for a file that is missing or is not UTF-8.
    """
    if (text is None) == (text_file is None):
        raise UserError('say what? give either text="…" or text_file=PATH')
    if text is not None:
        return text
    path = Path(text_file or "").expanduser()
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise UserError(
            f"{path}: is not UTF-8 text (byte {fault.start}); save it as UTF-8"
        ) from fault
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror})") from fault
