"""Speaks texts of any length after a reference, if wanted at the reference's speaking rate.

XTTS takes no speaking rate from a reference: its conditioning encoder attends to the frames of a
prompt without positions, so that shuffled frames give the same latents (`tests/model/test_gpt.py`).
A voice that is to speak as fast as its reference must be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xttslab.errors import UserError
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.tokenizer import Tokenizer
from xttslab.model.voice import Precision, Speaking, Voice, move_voice
from xttslab.speaking.lines import LONGEST, Categories, Origin, SpeechLine, SpokenLine, names_of
from xttslab.speaking.live_lines import LiveLines
from xttslab.speaking.marks import Marked
from xttslab.speaking.piece_jobs import PieceJob, generate_jobs, join_jobs
from xttslab.speaking.pieces import Piece, read_pieces
from xttslab.speaking.references import Recordings, References, paths_of
from xttslab.speaking.take_guard import TakeGuard
from xttslab.text.lexicon import Lexicon

if TYPE_CHECKING:
    from torch import Tensor

    from xttslab.speaking.watermark import Watermark

TOGETHER = 8  # pieces generated in one batch
PIECE_SEEDS = 1000  # between the seeds of a line's pieces: lines have seeds beside one another


class Speaker:
    """Speaks texts of any length in the voice of a reference.

    Args:
        voice: the models.
        tokenizer: reads texts exactly as training did.
        language: of the texts.
        references: category → recordings that stand for it.
        voices: category → what `Voice.reference` made of them earlier; these need no recording.
        temperatures: category → the sampling temperature that was found best for it.
        settings: how it speaks where `say` is told nothing else.
        lexicon: how words are said, as in the data that the voice was trained on.
        origin: what is written into recordings of this voice.

    Attributes:
        references: what it speaks after.
        guard: where one is set, `speak` keeps the best of its takes of every piece.
        watermark: where one is set, `speak` marks what it gives.
    """

    def __init__(
        self,
        voice: Voice,
        tokenizer: Tokenizer,
        language: str,
        references: Mapping[str, Sequence[Path]],
        voices: Mapping[str, tuple[Tensor, Tensor]] | None = None,
        temperatures: Mapping[str, float] | None = None,
        settings: Speaking | None = None,
        lexicon: Lexicon | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.voice, self.tokenizer, self.language = voice, tokenizer, language
        self.references = References(voice, references, voices)
        self.temperatures = temperatures or {}
        self.settings = settings
        self.lexicon, self.origin = lexicon or Lexicon(), origin or Origin()
        self.guard: TakeGuard | None = None
        self.watermark: Watermark | None = None

    def say(
        self,
        text: str,
        category: Categories = None,
        speaker_wav: Recordings = None,
        settings: Speaking | None = None,
        longest: int = LONGEST,
    ) -> np.ndarray:
        """Speak `text` after a category's reference, those of several categories together, or
        recordings of any voice.

        Without `settings` it speaks by the speaker's own, at the category's best temperature.
        Returns float32 samples at SPEECH_RATE. Raises UserError for a text with nothing to read or
        something unreadable, and for a reference that is missing, silent or too short.
        """
        line = self._line(text, category, speaker_wav, settings, longest)
        return self.speak([line])[0].wave

    def stream(
        self,
        text: str,
        category: Categories = None,
        speaker_wav: Recordings = None,
        settings: Speaking | None = None,
        longest: int = LONGEST,
    ) -> Iterator[np.ndarray]:
        """What `say` speaks, as chunks (n,) of it while it is generated; the levels of pieces are
        not evened.

        Raises UserError as `say` does, and for a pace and a watermark, which need the whole.
        """
        if self.watermark is not None:
            raise UserError("a watermark is put into whole speech: use say(), or leave it out")
        line = self._line(text, category, speaker_wav, settings, longest)
        speaking = LiveLines(self.voice, TOGETHER)
        speaking.add(line, self.jobs([line]), live=True)
        return (chunk.wave for _ in iter(lambda: len(speaking), 0) for chunk in speaking.step())

    def _line(
        self,
        text: str,
        category: Categories,
        speaker_wav: Recordings,
        settings: Speaking | None,
        longest: int,
    ) -> SpeechLine:
        recordings, named = paths_of(speaker_wav), ",".join(names_of(category))
        self.references.require(named, recordings)
        settings = settings or self.usual_settings(None if recordings else named)
        return SpeechLine(text, settings, named, recordings, longest)

    def speak(
        self, lines: Sequence[SpeechLine], together: int = TOGETHER, progress: bool = True
    ) -> list[SpokenLine]:
        """Speak every line as it would sound alone; pieces of all lines that are sampled alike
        share batches of `together`.

        Raises UserError as `say` does, before anything is generated.
        """
        spoken = self._spoken(lines, together, progress)
        if self.watermark is None:
            return spoken
        return [replace(one, wave=self.watermark.embed(one.wave, SPEECH_RATE)) for one in spoken]

    def _spoken(
        self, lines: Sequence[SpeechLine], together: int, progress: bool
    ) -> list[SpokenLine]:
        generate = partial(generate_jobs, self.voice, together=together, progress=progress)
        if self.guard is not None:
            return self.guard.speak(self, lines, generate)
        jobs = self.jobs(lines)
        spoken = generate(jobs)
        paces = [self.pace(line) for line in lines]
        return join_jobs(self.voice, lines, jobs, spoken, paces)

    def jobs(self, lines: Sequence[SpeechLine]) -> list[PieceJob]:
        """The pieces of all lines, in order; raises UserError for a text or a reference."""
        for line in lines:
            self.pace(line)
        return [
            self.job(number, place, line, piece)
            for number, line in enumerate(lines)
            for place, piece in enumerate(self.pieces(line.text, line.longest))
        ]

    def job(
        self, number: int, place: int, line: SpeechLine, piece: Piece, seed: int = 0
    ) -> PieceJob:
        """One piece of a line, to be generated with a seed that no other piece of it has."""
        tokens = self.tokenizer.encode(piece.text, self.language) if piece.text else np.zeros(0)
        heard = self.references.prompt(line.category, line.recordings, line.settings)
        seed += line.settings.seed + PIECE_SEEDS * place
        return PieceJob(number, piece, tokens, seed, line.settings, *heard)

    def pace(self, line: SpeechLine) -> float | None:
        """What the line's settings ask for in syllables a second, those of the recordings that
        `reference` hears where they ask for them.

        Raises UserError for a pace that is none, and where recordings are missing or hold none.
        """
        wanted = line.settings.pace
        if wanted is None:
            return None
        if wanted != "reference":
            if isinstance(wanted, str) or wanted <= 0:
                raise UserError(f"pace={wanted}: give syllables a second (4 to 6), or reference")
            return wanted
        return self.references.pace(line.category, line.recordings)

    def to(self, device: str, precision: Precision = "float32") -> Speaker:
        """This speaker where and how it is to compute (`model.voice.move_voice`)."""
        move_voice(self.voice, device, precision)
        self.references.move(self.voice.codec.device)
        return self

    @property
    def categories(self) -> list[str]:
        """The categories that have a reference, sorted."""
        return self.references.categories

    def usual_settings(self, category: str | None) -> Speaking:
        """The speaker's own settings for a category. Raises ValueError where it was given none."""
        if self.settings is None:
            raise ValueError("this speaker has no settings of its own; give say() some")
        return self.settings_for(category, self.settings)

    def settings_for(
        self, category: str | None, settings: Speaking, temperature: float | None = None
    ) -> Speaking:
        """The settings with `temperature`; None: with the best one of the category that is named,
        where somebody searched for it."""
        best = self.temperatures.get(category or "") if temperature is None else temperature
        if best is None:
            return settings
        return replace(settings, sampling=replace(settings.sampling, temperature=best))

    def pieces(self, text: str | Sequence[Marked], longest: int = LONGEST) -> list[Piece]:
        """The text as it is read aloud, cut to what is generated at once."""
        return read_pieces(text, self.lexicon, self.language, longest)
