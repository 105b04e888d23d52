"""Speaks lines while the GPT generates them: the pieces of all lines share one batch, others may
join, and a line's sound comes chunk by chunk or, where that is enough, whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from xttslab.errors import UserError
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.generation import Generation
from xttslab.model.sampling import Generated, Sampling, Sentence
from xttslab.model.streaming import SentenceStream
from xttslab.model.voice import Voice
from xttslab.speaking.joining import FADE_S, MARGIN_S, join, sounding
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.piece_jobs import PieceJob, pauses_of

_FLOOR_DB = -60.0  # of sound where too little was heard to tell: a voice's loud frames have -20 dB
_SILENCE = np.zeros(0, np.float32)


class LineSound:
    """Joins the pieces of one line while they are spoken, as `joining.join` does afterwards: the
    same edges, fades and pauses. Levels stay as generated, for the middle one is not known yet.

    Args:
        pauses: seconds of silence behind each piece.
        rate: samples a second.
    """

    def __init__(self, pauses: Sequence[float], rate: int = SPEECH_RATE) -> None:
        self._pauses, self._rate = list(pauses), rate
        self._margin, self._fade = int(MARGIN_S * rate), int(FADE_S * rate)
        self._piece = 0
        self._heard = _SILENCE  # of this piece
        self._given: int | None = None  # samples of it that were given; None: it has not sounded
        self._silence = self._tail = 0  # samples wanted behind the last sound, and given already
        self._sounded = False

    def push(self, wave: np.ndarray, last: bool) -> np.ndarray:
        """What can be heard now (n,), once more of the piece was decoded; `last` ends the piece.

        A silence at the end so far is kept back until sound follows it.
        """
        self._heard = np.concatenate([self._heard, wave])
        first, end = sounding(self._heard, self._rate, _FLOOR_DB)
        out = [] if first == end else self._sound(first, end, last)
        if last:
            wanted = round(self._pauses[self._piece] * self._rate)
            self._silence = self._silence + wanted if first == end else wanted
            self._piece += 1
            self._heard, self._given = _SILENCE, None
            if self._piece == len(self._pauses):
                out.append(np.zeros(max(0, self._silence - self._tail), np.float32))
        return np.concatenate(out) if out else _SILENCE

    def _sound(self, first: int, end: int, last: bool) -> list[np.ndarray]:
        out = []
        if self._given is None:
            head = min(self._margin, first)
            if self._sounded:
                head = min(head, max(0, self._silence - self._tail))
                out.append(np.zeros(max(0, self._silence - self._tail - head), np.float32))
            else:
                out.append(np.zeros(self._silence, np.float32))
            self._given, self._sounded = first - head, True
            self._heard = self._heard.copy()
            ramp = np.linspace(0, 1, self._fade, dtype=np.float32)
            self._heard[self._given : self._given + self._fade] *= ramp
        if not last:
            until = max(self._given, end - self._fade)  # so much is left to fade out
            out.append(self._heard[self._given : until])
            self._given = until
            return out
        tail = min(self._margin, len(self._heard) - end)
        final = self._piece == len(self._pauses) - 1
        wanted = round(self._pauses[self._piece] * self._rate)
        if not final and wanted < 2 * self._margin:
            tail = min(tail, wanted // 2)
        until = max(self._given, end + tail)
        rest = self._heard[self._given : until].copy()
        fade = min(self._fade, len(rest))
        rest[len(rest) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        self._tail = until - end
        return [*out, rest]


class LineChunk(NamedTuple):
    """New samples (n,) float32 of a line at SPEECH_RATE, whether they end it, how many audio codes
    were spent on it so far, and where they alone were wanted, those of each piece."""

    line: int
    wave: np.ndarray
    over: bool
    codes: int
    spoken: tuple[Generated | None, ...] = ()


@dataclass(eq=False)
class _LiveLine:
    """A line that is being spoken, and how far its pieces are generated and heard."""

    number: int
    line: SpeechLine
    jobs: Sequence[PieceJob]
    sound: LineSound | None  # None: only the whole line is wanted
    decoded: bool  # else its codes are wanted
    begun: int = 0  # pieces that were given to the GPT, or that are a pause alone
    running: dict[int, int] = field(default_factory=dict)  # piece → its number in the generation
    spoken: dict[int, Generated | None] = field(default_factory=dict)
    steps: dict[int, int] = field(default_factory=dict)  # piece → codes
    heard: int = 0  # pieces whose sound was given to `sound`, or kept in `waves`
    waves: list[np.ndarray] = field(default_factory=list)
    stream: SentenceStream | None = None  # of the piece that is heard now
    sounded: bool = False

    def may_begin(self, coming: int) -> bool:
        """Whether one more piece may be generated, beside `coming` new ones. Of a stream first one
        alone, until it sounds: each sentence more makes every step longer."""
        if self.begun == len(self.jobs):
            return False
        return self.sound is None or self.sounded or not (self.running or coming)


class LiveLines:
    """Lines that are spoken together. Its length is how many are not finished.

    Args:
        voice: the models.
        together: pieces that are generated at once, of all lines.
    """

    def __init__(self, voice: Voice, together: int) -> None:
        self.voice, self.together = voice, together
        self._generation = Generation(voice.gpt)
        self._lines: dict[int, _LiveLine] = {}
        self._added = 0

    def __len__(self) -> int:
        return len(self._lines)

    def add(
        self, line: SpeechLine, jobs: Sequence[PieceJob], live: bool, decoded: bool = True
    ) -> int:
        """Let a line join, its `jobs` as `Speaker` makes them; returns its number.

        `live`: its sound is wanted as it comes; else it is what `Speaker.speak` gives, or, not
        `decoded`, what `generate_jobs` gives. Raises UserError for a pace, which is measured on the
        whole.
        """
        if line.settings.pace is not None:
            shown = f"pace={line.settings.pace}"
            raise UserError(f"{shown}: is measured on the whole; give speed= to speak at once")
        number, self._added = self._added, self._added + 1
        sound = LineSound(pauses_of(line, jobs)) if live else None
        self._lines[number] = _LiveLine(number, line, jobs, sound, decoded)
        return number

    def drop(self, number: int) -> None:
        """Speak a line no further."""
        if line := self._lines.pop(number, None):
            for place in line.running.values():
                self._generation.drop(place)

    def step(self) -> list[LineChunk]:
        """Choose one more code of every piece; returns what can be heard by it.

        Of the whole lines at most one piece is decoded in a step, so that streams wait for no more.
        """
        self._begin()
        finished = set(self._generation.step() if len(self._generation) else ())
        for line in self._lines.values():
            for piece, place in list(line.running.items()):
                line.steps[piece] += 1
                if place in finished:
                    line.spoken[piece] = self._generation.spoken(place)
                    del line.running[piece]
        chunks, decoded = [], False
        for line in list(self._lines.values()):
            if line.sound is not None:
                chunks += self._heard(line, line.sound)
            elif not line.decoded:
                chunks += self._codes(line)
            elif not decoded and line.heard in line.spoken:
                decoded = True
                chunks += self._whole(line)
        return chunks

    def _begin(self) -> None:
        """Let pieces join while there is room, those of lines that have the fewest first."""
        room = self.together - sum(len(line.running) for line in self._lines.values())
        joining: dict[Sampling, list[tuple[_LiveLine, int]]] = {}
        coming = dict.fromkeys(self._lines, 0)
        while room > 0:
            lines = self._lines.values()
            able = [line for line in lines if line.may_begin(coming[line.number])]
            if not able:
                break
            line = min(able, key=lambda one: (len(one.running) + coming[one.number], one.number))
            piece, job = line.begun, line.jobs[line.begun]
            line.begun += 1
            if not job.piece.text:
                line.spoken[piece] = None
                continue
            joining.setdefault(job.settings.sampling, []).append((line, piece))
            coming[line.number] += 1
            room -= 1
        for rules, some in joining.items():
            sentences = [self._sentence(line.jobs[piece]) for line, piece in some]
            for (line, piece), place in zip(
                some, self._generation.add(sentences, rules), strict=True
            ):
                line.running[piece] = place
                line.steps[piece] = 0

    def _sentence(self, job: PieceJob) -> Sentence:
        return Sentence(job.tokens, job.latents, self.voice.limit(len(job.tokens)), job.seed)

    def _codes(self, line: _LiveLine) -> list[LineChunk]:
        """The codes of all pieces, once all are generated."""
        if len(line.spoken) < len(line.jobs):
            return []
        del self._lines[line.number]
        spoken = tuple(line.spoken[piece] for piece in range(len(line.jobs)))
        return [LineChunk(line.number, _SILENCE, True, sum(line.steps.values()), spoken)]

    def _whole(self, line: _LiveLine) -> list[LineChunk]:
        """Decode one more piece of a whole line; the line, once all are."""
        line.waves.append(self._decoded(line))
        line.heard += 1
        if line.heard < len(line.jobs):
            return []
        del self._lines[line.number]
        wave = join(line.waves, pauses_of(line.line, line.jobs), SPEECH_RATE)
        return [LineChunk(line.number, wave, True, sum(line.steps.values()))]

    def _decoded(self, line: _LiveLine) -> np.ndarray:
        """The samples of the piece that is heard next, which is generated."""
        job, spoken = line.jobs[line.heard], line.spoken[line.heard]
        return _SILENCE if spoken is None else self.voice.decode(spoken, job.speaker, job.settings)

    def _heard(self, line: _LiveLine, sound: LineSound) -> list[LineChunk]:
        """The new sound of a line, of one piece after another as far as they are generated."""
        waves = []
        while line.heard < len(line.jobs):
            wave, over = self._piece(line)
            if wave is not None:
                waves.append(sound.push(wave, over))
            if not over:
                break
            line.heard += 1
            line.stream = None
        if over := line.heard == len(line.jobs):
            del self._lines[line.number]
        wave = np.concatenate(waves) if waves else _SILENCE
        line.sounded |= bool(len(wave))
        codes = sum(line.steps.values())
        return [LineChunk(line.number, wave, over, codes)] if over or len(wave) else []

    def _piece(self, line: _LiveLine) -> tuple[np.ndarray | None, bool]:
        """New samples of the piece that is heard now, None where it is too early for some, and
        whether the piece is over."""
        piece, job = line.heard, line.jobs[line.heard]
        if piece not in line.running and piece not in line.spoken:
            return None, False
        done = line.spoken.get(piece)
        if line.stream is None and piece in line.spoken:  # it was generated while others sounded
            return self._decoded(line), True
        if line.stream is None:
            line.stream = SentenceStream(self.voice.decoder, job.speaker, job.settings)
        if done is None and not line.stream.ready(line.steps[piece]):
            return None, False
        said = done or self._generation.spoken(line.running[piece])
        wave = line.stream.push(said, done is not None)
        if line.stream.over and piece in line.running:
            self._generation.drop(line.running.pop(piece))
            line.spoken[piece] = said
        return wave, line.stream.over
