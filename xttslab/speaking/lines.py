"""Records of a line to speak, of the speech made of it, and of where the voice comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xttslab.speaking.marks import Marked

if TYPE_CHECKING:
    from xttslab.model.voice import Speaking

Categories = str | Sequence[str] | None
LONGEST = 200  # characters spoken at once; Coqui warns above 224 in Hungarian


@dataclass(frozen=True)
class SpeechLine:
    """One text to speak, whoever asks for it: a command, a table, a server, an evaluation.

    Attributes:
        text: may hold the marks that `speaking.marks` reads; segments of it have a pause of their
            own behind them.
        settings: how it is spoken; its seed starts the random numbers of the first piece.
        category: whose reference it is spoken after ("": the voice's first); those of several
            together, as `a,b`.
        recordings: what it is spoken after in place of the category's.
        longest: characters spoken at once.
        pause_after: seconds of silence behind the last sound.
    """

    text: str | tuple[Marked, ...]
    settings: Speaking
    category: str = ""
    recordings: tuple[Path, ...] = ()
    longest: int = LONGEST
    pause_after: float = 0.0


@dataclass(frozen=True, eq=False)
class SpokenLine:
    """A spoken line, float32 samples (n,) at SPEECH_RATE.

    Where it was spoken in one piece, `codes` are the audio codes behind it, and `decoded` is what
    they were decoded to before the silence at its ends was cut. `segments` are where each segment
    of its text sounds, (first, end) in samples.
    """

    wave: np.ndarray
    codes: tuple[int, ...] | None = None
    decoded: np.ndarray | None = None
    segments: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Origin:
    """Where a voice comes from, as it is written into every recording; "" is not known.

    `consent` is the id of the speaker's agreement, `DataSheet.consent_id` of each data set.
    """

    model: str = ""
    run: str = ""
    licence: str = ""
    consent: str = ""

    def tags(self, title: str = "", category: str = "") -> dict[str, str]:
        """The fields of `data.audio_formats.TAGS`."""
        import xttslab

        facts = {"model": self.model, "run": self.run, "category": category}
        facts |= {"consent": self.consent}
        known = [f"{name}={value}" for name, value in facts.items() if value]
        tags = {
            "title": title,
            "artist": self.run or self.model,
            "license": self.licence,
            "software": f"xttslab {xttslab.__version__}",
            "comment": "; ".join(["synthetic speech", *known]),
        }
        return {name: value for name, value in tags.items() if value}


def names_of(category: Categories) -> tuple[str, ...]:
    """The names in a list or in `a,b` (`a;b`), each once; none in "" and None."""
    parts = [category or ""] if isinstance(category, str) or not category else category
    names = [name.strip() for part in parts for name in part.replace(";", ",").split(",")]
    return tuple(dict.fromkeys(filter(None, names)))
