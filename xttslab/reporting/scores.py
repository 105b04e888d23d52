"""Reads a run's measured and listeners' scores, and the clips that stand out.

The evaluation stores a scorecard, a training one beside the samples of every epoch that it scored;
where the files are gone the metrics `score/…` remain. A listener's scores (`listener/…`) stand
beside the measured ones. What is not there is not measured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from xttslab.errors import UserError
from xttslab.evaluation.aspects import ASPECTS, OVERALL, TITLES
from xttslab.evaluation.scales import Interval
from xttslab.evaluation.scorecard import ZERO_SHOT, ClipScore, Scorecard
from xttslab.reporting.run_data import RunData

CARD = "evaluation/scorecard.json"
_BESIDE = re.compile(r"evaluation/scorecards/([^/]+)\.json")  # rows beside the run
_TRAINING_CARD = re.compile(r"samples/epoch_(\d+)/scorecard\.json")


@dataclass(frozen=True)
class ShownScore:
    """A score out of 10, its interval and how many votes it has (None where that is not known);
    `basis` and `validated` say what is behind it."""

    value: float
    interval: Interval | None = None
    count: int | None = None
    basis: str = ""
    validated: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scores:
    """Scores by aspect (and `overall`), by category, from listeners, and why some are missing.

    `origin` says which samples were scored; `epoch` is theirs, None where the evaluation spoke them
    with the run's best weights. `beside` are the cards of what was scored with them: the base
    (`zero_shot`; in training the samples of epoch 0), real recordings, other systems."""

    by_aspect: Mapping[str, ShownScore] = field(default_factory=dict)
    by_category: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    listener: Mapping[str, ShownScore] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    card: Scorecard | None = None
    origin: str = ""
    epoch: int | None = None
    beside: Mapping[str, Scorecard] = field(default_factory=dict)

    @property
    def best(self) -> list[ClipScore]:
        """The best samples by measurement."""
        return [self.card.clip(name) for name in self.card.best] if self.card else []

    @property
    def worst(self) -> list[ClipScore]:
        """The worst samples by measurement."""
        return [self.card.clip(name) for name in self.card.worst] if self.card else []


def read_scores(run: RunData, epoch: int | None) -> Scores:
    """All scores of a run; a scorecard that cannot be read makes all of them missing.

    Of the scores taken in training those nearest to `epoch` count, the last where it is None.
    """
    name, origin, scored = _card_of(run, epoch)
    card, fault = read_card(run, name)
    by_aspect = card_scores(card) if card else {} if fault else _metric_scores(run, epoch)
    listener = {name: given for name in TITLES if (given := _listened(run, name))}
    missing = {name: score.missing for name, score in card.aspects.items()} if card else {}
    if fault:
        missing = dict.fromkeys(ASPECTS, fault)
    return Scores(
        by_aspect,
        {} if fault else _by_category(run, card, epoch),
        listener,
        {name: why for name, why in missing.items() if why},
        card,
        origin if card else "",
        scored if card else None,
        _beside(run, scored) if card else {},
    )


def nearest(epochs: Iterable[int], wanted: int | None) -> int | None:
    """The epoch closest to the wanted one, the earlier of two; the last where none is wanted."""
    known = list(epochs)
    if wanted is None or not known:
        return max(known, default=None)
    return min(known, key=lambda epoch: (abs(epoch - wanted), epoch))


def _card_of(run: RunData, epoch: int | None) -> tuple[str, str, int | None]:
    """The artifact that holds the scores to show, which samples they are of, and their epoch."""
    if CARD in run.files:
        return CARD, "the sentences of python -m xttslab.evaluate", None
    found = {int(match[1]): name for name in run.files if (match := _TRAINING_CARD.fullmatch(name))}
    scored = nearest(found, epoch)
    if scored is None:
        return "", "", None
    return found[scored], f"the samples of epoch {scored}", scored


def _beside(run: RunData, epoch: int | None) -> dict[str, Scorecard]:
    """Row → its card: the evaluation's, or the samples of epoch 0 as the base of training's."""
    if epoch is not None:
        rows = {ZERO_SHOT: "samples/epoch_000/scorecard.json"} if epoch else {}
    else:
        rows = {match[1]: name for name in run.files if (match := _BESIDE.fullmatch(name))}
    cards = {row: read_card(run, name)[0] for row, name in sorted(rows.items())}
    return {row: card for row, card in cards.items() if card is not None}


def read_card(run: RunData, name: str = CARD) -> tuple[Scorecard | None, str]:
    """A stored scorecard of a run, and why one that is there cannot be used."""
    path = run.files.get(name)
    if path is None:
        return None, ""
    try:
        return Scorecard.from_dict(json.loads(path.read_text(encoding="utf-8"))), ""
    except UserError as fault:  # of another version: its scores mean something else
        return None, str(fault)
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        return None, f"{path.name} is damaged ({fault}); evaluate the run again"


def card_scores(card: Scorecard) -> dict[str, ShownScore]:
    """The scores of a card by aspect, and `overall`; what was not measured is absent."""
    scores = {
        name: ShownScore(
            aspect.score.value, aspect.score, None, aspect.basis, aspect.validated, aspect.notes
        )
        for name, aspect in card.aspects.items()
        if aspect.score is not None
    }
    if card.overall is not None:
        scores[OVERALL] = ShownScore(card.overall.value, card.overall)
    return scores


def _metric_scores(run: RunData, epoch: int | None) -> dict[str, ShownScore]:
    values = {name: _scored(run, f"score/{name}", epoch) for name in TITLES}
    return {name: ShownScore(value) for name, value in values.items() if value is not None}


def _scored(run: RunData, metric: str, epoch: int | None) -> float | None:
    """A score at the scored epoch nearest to `epoch`."""
    return run.value(metric, nearest(run.histories.get(metric, {}), epoch))


def _listened(run: RunData, aspect: str) -> ShownScore | None:
    value = run.value(f"listener/{aspect}")
    if value is None:
        return None
    ends = [run.value(f"listener/{aspect}/{end}") for end in ("low", "high")]
    known = Interval(value, *ends) if None not in ends else None
    return ShownScore(value, known, int(run.value(f"listener/{aspect}/count") or 0))


def _by_category(
    run: RunData, card: Scorecard | None, epoch: int | None
) -> dict[str, dict[str, float]]:
    """Category → aspect → score, from the scorecard, else from `score/<aspect>/<category>`."""
    found: dict[str, dict[str, float]] = {}
    if card:
        for name, score in card.aspects.items():
            for category, value in score.by_category.items():
                found.setdefault(category, {})[name] = value
        return dict(sorted(found.items()))
    for metric in run.histories:
        kind, _, rest = metric.partition("/")
        aspect, _, category = rest.partition("/")
        if kind != "score" or not category or aspect not in ASPECTS:
            continue
        value = _scored(run, metric, epoch)
        if value is not None:
            found.setdefault(category, {})[aspect] = value
    return dict(sorted(found.items()))
