"""Stretches of speech in a long recording in, the passages that become clips out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import PositiveFloat
from pydantic.dataclasses import dataclass

from xttslab.data.preparing.voice_activity import FRAME_SECONDS

Span = tuple[float, float]
_UNEVEN = 0.25  # cost of a passage at its shortest or longest
_FORCED = 100.0  # cost of a second beyond the longest


@dataclass(frozen=True)
class Segmentation:
    """Cuts at pauses: always at those of `split_pause_s`; within a passage longer than `max_s` at
    the longest pauses that leave parts of at least `min_s`.

    A passage shorter than `min_s` joins its nearer neighbour over at most `join_pause_s`. What has
    no pause may last up to `ceiling_s`; only beyond that is it cut inside speech, at the least
    likely moment.
    """

    min_s: PositiveFloat
    max_s: PositiveFloat
    ceiling_s: PositiveFloat
    split_pause_s: PositiveFloat
    join_pause_s: PositiveFloat

    def __post_init__(self) -> None:
        if not self.min_s < self.max_s <= self.ceiling_s:
            order = f"{self.min_s} < {self.max_s} <= {self.ceiling_s}"
            raise ValueError(f"min_s < max_s <= ceiling_s does not hold: {order}")

    def passages(self, regions: Sequence[Span], probability: np.ndarray) -> list[Span]:
        """(start, end) of every passage, in seconds and in order.

        `regions` are stretches of speech in order, `probability` (frames,) of speech every 32 ms.
        """
        short = [part for span in regions for part in self._bearable(span, probability)]
        groups: list[list[Span]] = []
        for span in short:
            if groups and span[0] - groups[-1][-1][1] < self.split_pause_s:
                groups[-1].append(span)
            else:
                groups.append([span])
        found = [part for group in self._joined(groups) for part in self._divided(group)]
        return [(part[0][0], part[-1][1]) for part in found]

    def _bearable(self, span: Span, probability: np.ndarray) -> list[Span]:
        """Cut one stretch without a pause until no part passes the ceiling."""
        start, end = span
        if end - start <= self.ceiling_s:
            return [span]
        parts = int(np.ceil((end - start) / self.max_s))
        goal = start + (end - start) / parts
        low = round((goal - self.max_s / 4) / FRAME_SECONDS)
        high = round((goal + self.max_s / 4) / FRAME_SECONDS)
        cut = (low + int(np.argmin(probability[low:high])) + 0.5) * FRAME_SECONDS
        return [(start, cut), *self._bearable((cut, end), probability)]

    def _joined(self, groups: list[list[Span]]) -> list[list[Span]]:
        """Give every short group to the neighbour that is nearer, where the two fit together."""
        joined = [list(group) for group in groups]
        index = 0
        while index < len(joined):
            group = joined[index]
            if group[-1][1] - group[0][0] >= self.min_s:
                index += 1
                continue
            pauses = []
            for left in (index - 1, index):
                if 0 <= left < len(joined) - 1:
                    pause = joined[left + 1][0][0] - joined[left][-1][1]
                    length = joined[left + 1][-1][1] - joined[left][0][0]
                    if pause <= self.join_pause_s and length <= self.max_s:
                        pauses.append((pause, left))
            if not pauses:
                index += 1
                continue
            _, left = min(pauses)
            joined[left : left + 2] = [joined[left] + joined[left + 1]]
            index = left
        return joined

    def _divided(self, group: list[Span]) -> list[list[Span]]:
        """The cheapest way to cut a group at its pauses, by dynamic programming."""
        if group[-1][1] - group[0][0] <= self.max_s:
            return [group]
        cheapest: list[tuple[float, int]] = [(0.0, 0)]  # cost of the first n spans, last cut
        for stop in range(1, len(group) + 1):
            options = []
            for start in range(stop - 1, -1, -1):
                length = group[stop - 1][1] - group[start][0]
                if length > self.ceiling_s and options:
                    break
                options.append((cheapest[start][0] + self._cost(group, start, length), start))
            cheapest.append(min(options))
        parts, stop = [], len(group)
        while stop:
            start = cheapest[stop][1]
            parts.append(group[start:stop])
            stop = start
        return parts[::-1]

    def _cost(self, group: list[Span], start: int, length: float) -> float:
        """Prefers long pauses before a part, lengths between the bounds, and few parts."""
        pause = group[start][0] - group[start - 1][1] if start else self.split_pause_s
        middle = (self.min_s + self.max_s) / 2
        uneven = _UNEVEN * ((length - middle) / (self.max_s - middle)) ** 2
        outside = max(0.0, length - self.max_s) + max(0.0, self.min_s - length)
        return 1.0 - min(pause / self.split_pause_s, 1.0) + uneven + _FORCED * outside
