"""Cards, long texts and rankings in, the lines that a person reads on the screen out."""

from __future__ import annotations

from collections.abc import Sequence

from xttslab.evaluation.long_text import LongText
from xttslab.evaluation.tables import card_lines
from xttslab.judging.rows import Evaluation
from xttslab.judging.search import Ranked


def evaluation_lines(evaluation: Evaluation) -> list[str]:
    """All marks, the long text, and the categories that were not spoken."""
    lines = card_lines(evaluation.cards)
    if evaluation.long is not None:
        lines.append(_long_line(evaluation.long))
    reason = "the data has no clip of it to speak after"
    return [*lines, *(f"left out: {category} ({reason})" for category in evaluation.left_out)]


def winner_lines(rankings: Sequence[Sequence[Ranked]]) -> list[str]:
    """One line a category: its mark, the gain over the usual clip, the recording, temperature."""
    return [_winner_line(ranking[0]) for ranking in rankings]


def _long_line(long: LongText) -> str:
    parts = []
    if long.cer is not None:
        parts.append(f"{long.cer:.0%} of the letters misheard")
    if long.cer_ratio is not None:
        parts.append(f"{long.cer_ratio:.1f} times as many as in short texts")
    if long.drift is not None:
        parts.append(f"drift of the voice {long.drift:.3f}")
    return f"long text: {long.seconds:.0f} s, {', '.join(parts) or 'not measured'}"


def _winner_line(first: Ranked) -> str:
    gain, one = first.gain, first.candidate
    over = "the usual way stays the best"
    if gain is not None:
        chance = "" if gain.low > 0 else ", within chance"
        over = f"{gain.value:+.1f} ({gain.low:+.1f} to {gain.high:+.1f}{chance})"
    recording = f"{one.recording.name} at temperature {one.temperature:g}"
    return f"{one.category:<14}{first.mark:4.1f}  {over}: {recording}"
