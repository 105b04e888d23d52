"""What every protocol of the voice server asks for: voices by name, limits, speech, metrics."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from xttslab.errors import UserError
from xttslab.model.setting_ranges import SEED
from xttslab.serving.engine import Engine, EngineFault, TooManyLines, TooSlow
from xttslab.serving.server_metrics import MeasuredOrder, ServerMetrics
from xttslab.speaking.lines import LONGEST, SpeechLine, names_of
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.take_guard import Judge, Take, TakeGuard, TakeJudgement

GONE = 499  # the status that nginx gives to a client that went away


class RequestRefused(Exception):
    """A request that is not answered with speech; each protocol has a form of its own for it.

    Attributes:
        status: of HTTP.
        code: what is wrong, for programs.
        param: the field that is wrong; "" is none.
    """

    def __init__(self, status: int, code: str, message: str, param: str = "") -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param


@dataclass(frozen=True)
class Limits:
    """What one client may ask for; `conf/serve.yaml` has the values.

    Attributes:
        characters: of one text.
        requests: that are spoken or wait at once.
        seconds: from a request to the end of its answer.
        body_bytes: of a request.
        speed: the slowest and the fastest.
        takes: the most of a piece, of which the best is kept.
    """

    characters: int
    requests: int
    seconds: float
    body_bytes: int
    speed: Sequence[float]
    takes: int


@dataclass(frozen=True)
class SpeechRequest:
    """What a client asks for; None is as the server was configured."""

    text: str
    voice: str = ""
    speed: float | None = None
    seed: int | None = None
    temperature: float | None = None
    takes: int | None = None


class VoiceService:
    """One voice, for all protocols.

    Args:
        speaker: the voice, with settings of its own.
        name: of the run or base.
        engine: that speaks.
        limits: of requests.
        aliases: names that other programs know → a category ("": the first one).
        make_judge: of takes, called when the first are to be judged.
        longest: characters that are generated at once.
    """

    def __init__(
        self,
        speaker: Speaker,
        name: str,
        engine: Engine,
        limits: Limits,
        aliases: Mapping[str, str],
        make_judge: Callable[[], Judge],
        longest: int = LONGEST,
    ) -> None:
        self._make_judge, self._judge = make_judge, None
        self._judging = threading.Lock()
        self.speaker, self.name, self.engine, self.limits = speaker, name, engine, limits
        self.longest, self.metrics = longest, ServerMetrics()
        self.metrics.places.set_function(lambda: engine.taken)
        self.voices = list(speaker.categories)
        for alias, category in aliases.items():
            if category and category not in self.voices:
                known = ", ".join(self.voices)
                raise UserError(f"aliases.{alias}={category}: no such category; there are {known}")
        self.aliases = dict(aliases)

    def category(self, voice: str, param: str = "voice") -> str:
        """The category that a voice's name means: `<run>/<category>`, a category, several as
        `a,b`, or an alias; "" and the run's own name are the first one.

        Raises RequestRefused for another name.
        """
        name = voice.removeprefix(f"{self.name}/") if voice != self.name else ""
        mixed = names_of(name) or ("",)
        return ",".join(sorted({self._one_category(one, param) for one in mixed}))

    def _one_category(self, name: str, param: str) -> str:
        chosen = name if name in self.voices else self.aliases.get(name.lower(), name)
        if not chosen:
            return self.voices[0]
        if chosen not in self.voices:
            known = ", ".join(self.voices)
            raise RequestRefused(
                400, "voice_not_found", f"{name[:80]!r} is no voice here; there are {known}", param
            )
        return chosen

    def line(self, asked: SpeechRequest, text_param: str = "text") -> SpeechLine:
        """The line that is asked for; raises RequestRefused for a value that cannot be."""
        if len(asked.text) > self.limits.characters:
            length = f"{len(asked.text)} characters; at most {self.limits.characters} at once"
            raise RequestRefused(400, "text_too_long", f"{text_param} has {length}", text_param)
        if not asked.text.strip():
            raise RequestRefused(400, "no_text", f"{text_param}: there is no text", text_param)
        if any("\ud800" <= sign <= "\udfff" for sign in asked.text):
            reason = f"{text_param} holds half of a pair of surrogates, which is no character"
            raise RequestRefused(400, "invalid_value", reason, text_param)
        category = self.category(asked.voice)
        settings = self.speaker.usual_settings(category)
        if asked.speed is not None:
            self._within("speed", asked.speed, *self.limits.speed)
            settings = replace(settings, speed=settings.speed * asked.speed)
        if asked.seed is not None:
            self._within("seed", asked.seed, SEED.least, SEED.most)
            settings = replace(settings, seed=asked.seed)
        if asked.temperature is not None:
            self._within("temperature", asked.temperature, 0.05, 2.0)
            settings = self.speaker.settings_for(category, settings, asked.temperature)
        if asked.takes is not None:
            self._within("takes", asked.takes, 1, self.limits.takes)
        return SpeechLine(asked.text, settings, category, longest=self.longest)

    def _within(self, name: str, value: float, least: float, most: float) -> None:
        if not least <= value <= most:  # which no NaN is
            reason = f"{name}={str(value)[:20]} is not within {least:g} and {most:.10g}"
            raise RequestRefused(400, "invalid_value", reason, name)

    def tags(self, line: SpeechLine) -> dict[str, str]:
        """What is written into a file of this line."""
        return self.speaker.origin.tags(" ".join(line.text.split())[:80], line.category)

    @asynccontextmanager
    async def speaking(
        self,
        protocol: str,
        line: SpeechLine,
        live: bool,
        text_param: str = "text",
        takes: int = 1,
    ) -> AsyncIterator[MeasuredOrder]:
        """A line while it is spoken, by the best of so many takes of each piece, which come whole;
        its place is free when the context ends, however it does.

        Raises RequestRefused: 400 for a text that cannot be said, 429 where all places are taken,
        503 for what takes too long, 500 for a defect. Counts the request.
        """
        status, order, begun = GONE, None, time.monotonic()
        try:
            jobs = await asyncio.to_thread(self._jobs, line)
            guard = TakeGuard(self._judged, takes) if takes > 1 else None
            live = live and self.speaker.watermark is None  # a mark is put into the whole
            order = self.engine.speak(line, jobs, live, guard)
            yield MeasuredOrder(order, self.metrics, protocol, begun, guard, self.speaker.watermark)
            status = 200
            self.metrics.characters.inc(len(line.text))
        except (UserError, TooManyLines, TooSlow, EngineFault) as fault:
            refused = _refusal(fault, text_param)
            status = refused.status
            raise refused from fault
        finally:
            if order is not None:
                order.close()
            self.metrics.requests.labels(protocol, str(status)).inc()

    def _judged(self, takes: Sequence[Take]) -> Sequence[TakeJudgement]:
        """The judgements of one request's takes; other requests wait: there is one recogniser."""
        with self._judging:
            if self._judge is None:
                self._judge = self._make_judge()
            return self._judge(takes)

    def _jobs(self, line: SpeechLine) -> list:
        jobs = self.speaker.jobs([line])
        most = self.speaker.voice.gpt.longest_text
        for job in jobs:
            if len(job.tokens) > most:
                shown = f"{job.piece.text[:40]!r}… takes {len(job.tokens)} tokens"
                raise UserError(f"{shown}, the voice reads {most} at once; write it in other words")
        return jobs


def _refusal(fault: Exception, text_param: str) -> RequestRefused:
    if isinstance(fault, UserError):
        return RequestRefused(400, "invalid_value", str(fault), text_param)
    if isinstance(fault, TooManyLines):
        return RequestRefused(429, "too_many_requests", str(fault))
    if isinstance(fault, TooSlow):
        return RequestRefused(503, "too_slow", str(fault))
    return RequestRefused(500, "internal_error", str(fault))
