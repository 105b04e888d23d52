"""Measures what a voice server speaks: the numbers of `/metrics`, a line on its way to a client."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from xttslab.model.decoder import SPEECH_RATE
from xttslab.serving.engine import SpokenOrder
from xttslab.speaking.take_guard import TakeGuard
from xttslab.speaking.watermark import Watermark

_FIRST_SOUND_S = (0.05, 0.1, 0.2, 0.35, 0.5, 1, 2, 5, 10, 30)


@dataclass
class ServerMetrics:
    """What `/metrics` shows, in a registry of its own."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        own = {"registry": self.registry}
        self.requests = Counter(
            "xttslab_requests", "requests for speech", ["protocol", "status"], **own
        )
        self.characters = Counter("xttslab_characters", "characters that were spoken", **own)
        self.speech = Counter("xttslab_speech_seconds", "seconds of speech that were made", **own)
        self.pieces = Counter(
            "xttslab_judged_pieces", "pieces of text whose takes were judged", **own
        )
        self.failed = Counter(
            "xttslab_failed_pieces", "of these, pieces with a fault in this take", ["take"], **own
        )
        self.places = Gauge("xttslab_places_taken", "requests that are spoken or wait", **own)
        self.first = Histogram(
            "xttslab_first_sound_seconds", "from the request to the first sound",
            ["protocol"], buckets=_FIRST_SOUND_S, **own,
        )  # fmt: skip


class MeasuredOrder:
    """A line that is spoken, measured on its way to the client."""

    def __init__(
        self,
        order: SpokenOrder,
        metrics: ServerMetrics,
        protocol: str,
        begun: float,
        guard: TakeGuard | None,
        watermark: Watermark | None,
    ) -> None:
        self._order, self._metrics = order, metrics
        self._protocol, self._begun = protocol, begun
        self._guard, self._watermark = guard, watermark

    @property
    def usage(self) -> tuple[int, int]:
        """Tokens of the text, and audio codes that were spent on it."""
        return self._order.tokens, self._order.codes

    async def waves(self) -> AsyncIterator[np.ndarray]:
        """The samples (n,) as they come."""
        first = True
        async for wave in self._order.waves():
            if first:
                seconds = time.monotonic() - self._begun
                self._metrics.first.labels(self._protocol).observe(seconds)
                first = False
            self._metrics.speech.inc(len(wave) / SPEECH_RATE)
            if self._watermark is not None:
                wave = await asyncio.to_thread(self._watermark.embed, wave, SPEECH_RATE)
            yield wave

    async def whole(self) -> np.ndarray:
        """All samples (n,)."""
        waves = [wave async for wave in self.waves()]
        self._count_takes()
        return np.concatenate(waves) if waves else np.zeros(0, np.float32)

    @property
    def headers(self) -> dict[str, str]:
        """What a guard found, for the answer: `X-Takes: 3; pieces=2; failed_first=1; failed=0`."""
        if self._guard is None:
            return {}
        found = self._guard.tally
        counts = f"failed_first={found.failed_first}; failed={len(found.failures)}"
        return {"X-Takes": f"{self._guard.takes}; pieces={found.pieces}; {counts}"}

    def _count_takes(self) -> None:
        if self._guard is not None:
            found = self._guard.tally
            self._metrics.pieces.inc(found.pieces)
            self._metrics.failed.labels("first").inc(found.failed_first)
            self._metrics.failed.labels("kept").inc(len(found.failures))
