"""Paired differences of two runs over the same held-out clips and the same sentences."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xttslab.evaluation.aspects import ASPECTS, OVERALL
from xttslab.evaluation.scales import Interval, paired_difference
from xttslab.evaluation.scorecard import AspectScore, ClipScore, Scorecard
from xttslab.reporting.run_data import RunData

log = logging.getLogger(__name__)

CLIP_LOSSES = "evaluation/clip_losses.csv"


@dataclass(frozen=True)
class ClipLoss:
    """One held-out clip at one epoch: `mel` nats over `tokens` targets.

    `other_mel` is the same sum with the text of the clip `other_text`; None and "" in runs that
    did not measure it.
    """

    mel: float
    tokens: float
    other_text: str = ""
    other_mel: float | None = None

    @property
    def helped(self) -> float:
        """Nats that the right text saves over the other one; NaN where that was not measured."""
        return float("nan") if self.other_mel is None else self.other_mel - self.mel


def clip_losses(run: RunData, epoch: int | None) -> dict[str, ClipLoss]:
    """Clip → its loss at an epoch, the last one where none is named, as `RunData.value` has it;
    empty where the run has no such table or no such epoch."""
    path = run.files.get(CLIP_LOSSES)
    if path is None:
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        wanted = max(int(row["epoch"]) for row in rows) if rows and epoch is None else epoch
        return {row["clip"]: _loss(row) for row in rows if int(row["epoch"]) == wanted}
    except (KeyError, ValueError) as fault:
        log.warning("%s: left out (%s)", path, fault)
        return {}


def _loss(row: dict[str, str]) -> ClipLoss:
    mel, tokens = float(row["mel"]), float(row["mel_tokens"])
    if not row.get("mel_other_text"):  # no other text was held out, or an older table
        return ClipLoss(mel, tokens)
    return ClipLoss(mel, tokens, row["other_text"], float(row["mel_other_text"]))


# Ends of two scales are the same within this part of their distance. What real clips reach is
# measured at the lengths of the scored clips, which differ a little from epoch to epoch: by 2 % in
# the demo. At most this shifts a difference of scores by .25, less than what counts as one.
_SAME_ENDS = 0.025
_BY_RECOGNISER = ("pronunciation", "smoothness")
_SAME_MODEL = ("model.architecture.num_audio_tokens", "model.architecture.number_text_tokens")


@dataclass(frozen=True)
class Difference:
    """One quantity in both runs and its difference; `interval` is None where clips or sentences
    could not be paired. `count`: how many were."""

    name: str
    first: float
    second: float
    count: int
    interval: Interval | None

    @property
    def value(self) -> float:
        """The second run's minus the first's."""
        return self.second - self.first


def incomparable(first: RunData, second: RunData) -> str:
    """Why the losses of two runs must not be compared; empty where they may be."""
    for run in (first, second):
        if "imported.from" in run.tags:
            return f"which clips {run.name} held out is not known: it was imported"
    for name, one, other in (
        ("model", first.tags.get("model"), second.tags.get("model")),
        ("codec", first.tags.get("codec"), second.tags.get("codec")),
        *((param, first.params.get(param), second.params.get(param)) for param in _SAME_MODEL),
    ):
        if one and other and one != other:
            return f"{name} is {one} in {first.name} and {other} in {second.name}"
    return ""


def common_eval(runs: Sequence[RunData]) -> dict[str, list[str]]:
    """Source → the held-out clips that every run has; sources without any are left out."""
    held = [{(c.source, c.audio_file) for c in run.clips if c.split == "eval"} for run in runs]
    common = set.intersection(*held) if held else set()
    found: dict[str, list[str]] = {}
    for source, audio_file in sorted(common):
        found.setdefault(source, []).append(audio_file)
    return found


def identical_sources(runs: Sequence[RunData]) -> list[str]:
    """Sources whose held-out clips are the same in every run: their means may be compared."""
    held = [
        {source: {c.audio_file for c in run.clips if c.split == "eval" and c.source == source}
         for source in {c.source for c in run.clips}}
        for run in runs
    ]  # fmt: skip
    first, *others = held or [{}]
    return sorted(
        source
        for source, clips in first.items()
        if clips and all(other.get(source) == clips for other in others)
    )


def loss_difference(
    first: RunData, second: RunData, epochs: tuple[int | None, int | None], draws: int
) -> Difference | None:
    """Mel CE over the common held-out clips at each run's chosen epoch, in nats per token.

    With losses of single clips the interval is a paired bootstrap over clips; else the means of
    sources with identical held-out clips are compared, without an interval.
    """
    if incomparable(first, second):
        return None
    one, other = (clip_losses(run, e) for run, e in zip((first, second), epochs, strict=True))
    common = sorted(one.keys() & other.keys())
    if common:
        sums = [[table[clip].mel for clip in common] for table in (one, other)]
        return _paired_sums("mel CE on common clips", common, one, *sums, draws)
    sources = identical_sources([first, second])
    counts = {s: len(common_eval([first, second])[s]) for s in sources}
    names = {source: f"eval/{source}/mel_ce" for source in sources}
    pairs = {
        s: (_at(first, names[s], epochs[0]), _at(second, names[s], epochs[1])) for s in sources
    }
    usable = {source: pair for source, pair in pairs.items() if None not in pair}
    if not usable:
        return None
    weight = sum(counts[source] for source in usable)
    means = [sum(counts[s] * pair[i] for s, pair in usable.items()) / weight for i in (0, 1)]
    return Difference(f"mel CE on {', '.join(usable)}", means[0], means[1], weight, None)


def text_gain_difference(
    first: RunData, second: RunData, epochs: tuple[int | None, int | None], draws: int
) -> Difference | None:
    """What the right text helps (`eval/text_gain`) at each run's chosen epoch, in nats per token,
    over the held-out clips that both scored with the same other text; paired as the losses are.

    None where the runs cannot be compared or one of them did not measure it.
    """
    if incomparable(first, second):
        return None
    one, other = (clip_losses(run, e) for run, e in zip((first, second), epochs, strict=True))
    common = sorted(
        clip
        for clip in one.keys() & other.keys()
        if one[clip].other_text and one[clip].other_text == other[clip].other_text
    )
    if not common:
        return None
    sums = [[table[clip].helped for clip in common] for table in (one, other)]
    return _paired_sums("text gain on common clips", common, one, *sums, draws)


def on_other_scales(first: Scorecard | None, second: Scorecard | None) -> list[str]:
    """Aspects whose scores mean something else in the two cards: they were taken beside other real
    recordings, so that 0 and 10 lie elsewhere, or by another recogniser."""
    if first is None or second is None:
        return []
    found = []
    for name in ASPECTS:
        one, other = first.aspects.get(name), second.aspects.get(name)
        if one is None or other is None or one.score is None or other.score is None:
            continue
        same_recogniser = first.measured_with == second.measured_with or name not in _BY_RECOGNISER
        if not same_recogniser or not _same_scale(one, other):
            found.append(name)
    return found


def _same_scale(one: AspectScore, other: AspectScore) -> bool:
    ends = (one.floor, one.ceiling, other.floor, other.ceiling)
    if None in ends:
        return one.measure == other.measure
    floor, ceiling, other_floor, other_ceiling = (end.value for end in ends)
    apart = max(abs(floor - other_floor), abs(ceiling - other_ceiling))
    return one.measure == other.measure and apart <= _SAME_ENDS * abs(ceiling - floor)


def score_differences(
    first: Scorecard | None, second: Scorecard | None, draws: int, confidence: float = 0.95
) -> dict[str, Difference]:
    """Aspect (and `overall`) → difference of the scores over utterances that both runs spoke.

    Aspects on other scales are left out, and with them `overall`, where single clips have them.
    """
    if first is None or second is None:
        return {}
    one, other = utterances(first), utterances(second)
    keys = sorted(one.keys() & other.keys())
    found = {}
    apart = on_other_scales(first, second)
    of_clips = {name for card in (first, second) for clip in card.clips for name in clip.scores}
    for aspect in (*ASPECTS, OVERALL):
        if aspect in apart or (aspect == OVERALL and of_clips & {*apart}):
            continue
        scores = [np.array([_score(t[key], aspect) for key in keys]) for t in (one, other)]
        known = ~np.isnan(scores[0] + scores[1]) if keys else np.zeros(0, dtype=bool)
        if not known.any():
            continue
        texts = [key[0] for key in keys]
        means = [float(values[known].mean()) for values in scores]
        interval = None
        if len({text for text, counts in zip(texts, known, strict=True) if counts}) > 1:
            interval = paired_difference(*scores, texts, draws, confidence)
        found[aspect] = Difference(aspect, *means, int(known.sum()), interval)
    return found


def _paired_sums(
    name: str,
    clips: Sequence[str],
    losses: Mapping[str, ClipLoss],
    first: Sequence[float],
    second: Sequence[float],
    draws: int,
) -> Difference:
    """Token-weighted means of two runs' sums over the same clips (nats each), with an interval
    over clips of the mean difference per token; tokens are of `losses`, the same in both."""
    tokens = np.array([losses[clip].tokens for clip in clips])
    means = [float(sum(values) / tokens.sum()) for values in (first, second)]
    # each clip counts by its tokens, as in the means
    scaled = [np.array(values) / tokens.mean() for values in (first, second)]
    interval = paired_difference(*scaled, list(clips), draws)
    return Difference(name, means[0], means[1], len(clips), interval)


def _at(run: RunData, metric: str, epoch: int | None) -> float | None:
    return run.value(metric, epoch) if epoch is not None else run.value(metric)


def utterances(card: Scorecard) -> dict[tuple[str, str, str, int], ClipScore]:
    """Utterances by what was to be spoken: text, category, set and seed."""
    return {(clip.text, clip.category, clip.sentence_set, clip.seed): clip for clip in card.clips}


def _score(clip: ClipScore, aspect: str) -> float:
    value = clip.score if aspect == OVERALL else clip.scores.get(aspect)
    return math.nan if value is None else value
