"""What a voice is asked to speak, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from xttslab.model.voice import Speaking

LONGEST = 200  # characters spoken at once; Coqui warns above 224 in Hungarian


@dataclass(frozen=True)
class SpeechLine:
    """One text to speak, whoever asks for it: a command, a table, a server, an evaluation.

    Attributes:
        text: may hold the marks that `speaking.marks` reads.
        settings: how it is spoken; its seed starts the random numbers of the first piece.
        category: whose reference it is spoken after ("": the voice's first).
        recordings: what it is spoken after in place of the category's.
        longest: characters spoken at once.
        pause_after: seconds of silence behind the last sound.
    """

    text: str
    settings: Speaking
    category: str = ""
    recordings: tuple[Path, ...] = ()
    longest: int = LONGEST
    pause_after: float = 0.0


@dataclass(frozen=True, eq=False)
class SpokenLine:
    """A spoken line, float32 samples (n,) at SPEECH_RATE.

    Where it was spoken in one piece, `codes` are the audio codes behind it, and `decoded` is what
    they were decoded to before the silence at its ends was cut.
    """

    wave: np.ndarray
    codes: tuple[int, ...] | None = None
    decoded: np.ndarray | None = None


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


@dataclass(frozen=True)
class Heard:
    """How much of a reference recording reaches a voice: `prompt` seconds its melody (the GPT's
    prompt), `timbre` seconds its timbre (the speaker embedding), of `seconds` in all."""

    recording: Path
    seconds: float
    prompt: float
    timbre: float

    def __str__(self) -> str:
        heard = f"{self.prompt:.1f} s for the melody, {self.timbre:.1f} s for the timbre"
        return f"{self.recording}: {self.seconds:.1f} s, heard: {heard}"


def heard_of(
    recordings: Sequence[Path],
    lengths: Sequence[float],
    reference_seconds: float,
    chunk_seconds: float,
    most: float,
    least: float,
) -> list[Heard]:
    """What `Voice.reference` takes of recordings of so many seconds.

    At most `most` seconds of each; the melody is that of the first `reference_seconds` of all in a
    row, in chunks of `chunk_seconds` of which a last one under `least` is left out.
    """
    taken = [min(length, most) for length in lengths]
    whole = min(sum(taken), reference_seconds)
    rest = whole % chunk_seconds
    left = whole - rest if 0 < rest < least else whole
    found = []
    for path, length, timbre in zip(recordings, lengths, taken, strict=True):
        prompt = min(timbre, left)
        left -= prompt
        found.append(Heard(path, length, prompt, timbre))
    return found
