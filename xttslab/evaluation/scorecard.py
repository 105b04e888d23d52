"""Records of the scores of a set of clips, and their form as JSON, rows and MLflow metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from xttslab.errors import UserError
from xttslab.evaluation.aspects import ASPECTS
from xttslab.evaluation.scales import Anchor, Interval

_COLUMNS = ("speaker_similarity", "resemblyzer_similarity", "cer", "distillmos", "defects_per_s")
RUN, ZERO_SHOT, CODEC, REAL = "run", "zero_shot", "codec", "real"  # rows of an evaluation
VERSION = "3"  # of the measures and scales; cards of two versions must not be compared


@dataclass(frozen=True)
class ClipScore:
    """One clip: raw measures, scores by aspect (only what was measured), and the mean score.

    `heard` is what the recogniser understood; `mute` clips have score 0 everywhere. `good` and
    `bad` say in words what the score is due to.
    """

    name: str
    text: str
    category: str
    seed: int
    sentence_set: str
    seconds: float
    measures: Mapping[str, float]
    scores: Mapping[str, float]
    score: float | None
    heard: str | None
    mute: bool
    good: str
    bad: str


@dataclass(frozen=True)
class AspectScore:
    """One aspect of the whole set.

    `score` and its interval are None, and `missing` says why, when it was not measured. `value` is
    the mean raw value of `measure`; `floor` and `ceiling` are where scores 0 and 10 lie (means over
    the categories for emotion). `details` are further numbers that the score does not rest on.
    `doubt` says why the score is not reliable; overall then leaves it out.
    """

    aspect: str
    score: Interval | None
    by_category: Mapping[str, float]
    measure: str
    value: float | None
    floor: Anchor | None
    ceiling: Anchor | None
    basis: str
    validated: str
    details: Mapping[str, float]
    notes: tuple[str, ...] = ()
    missing: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Scorecard:
    """All scores of one set of clips, `best` and `worst` by name, `seconds` by stage.

    `failures` are the gates that hold overall down, in words, worst first; empty where none does.
    """

    overall: Interval | None
    overall_by_category: Mapping[str, float]
    aspects: Mapping[str, AspectScore]
    clips: tuple[ClipScore, ...]
    best: tuple[str, ...]
    worst: tuple[str, ...]
    missing: Mapping[str, str]
    seconds: Mapping[str, float]
    measured_with: Mapping[str, str]
    failures: tuple[str, ...] = ()
    version: str = VERSION

    def metrics(self) -> dict[str, float]:
        """`score/<aspect>`, `score/<aspect>/<category>`, `score/overall[/<category>]`, the raw
        `score/<measure>` behind each score, and its `logged` details such as `score/pace_rate`;
        what was not measured is absent."""
        found: dict[str, float] = {}
        for name, aspect in self.aspects.items():
            if aspect.score is None:
                continue
            found[f"score/{name}"] = aspect.score.value
            found |= {f"score/{name}/{key}": of for key, of in aspect.by_category.items()}
            if aspect.value is not None:
                found[f"score/{aspect.measure}"] = aspect.value
            logged = ASPECTS[name].logged
            found |= {f"score/{name}_{k}": v for k, v in aspect.details.items() if k in logged}
        if self.overall is not None:
            found["score/overall"] = self.overall.value
            categories = self.overall_by_category.items()
            found |= {f"score/overall/{key}": score for key, score in categories}
        return found

    def rows(self) -> list[dict[str, Any]]:
        """One row a clip for a table: `audio_file`, what it is, one column a raw measure, one
        `score_<aspect>` an aspect, and `score`. All rows have the same columns, None where not
        measured; the measures that aspects are scored by have their column even then."""
        measures = _ordered([dict.fromkeys(_COLUMNS), *(clip.measures for clip in self.clips)])
        rows = []
        for clip in self.clips:
            row: dict[str, Any] = {
                "audio_file": clip.name,
                "text": clip.text,
                "heard": clip.heard,
                "category": clip.category,
                "sentence_set": clip.sentence_set,
                "seed": clip.seed,
                "seconds": clip.seconds,
            }
            row |= {name: clip.measures.get(name) for name in measures}
            row |= {f"score_{name}": clip.scores.get(name) for name in self.aspects}
            rows.append(row | {"score": clip.score, "good": clip.good, "bad": clip.bad})
        return rows

    def clip(self, name: str) -> ClipScore:
        """The score of one clip; raises UserError when there is none of that name."""
        for clip in self.clips:
            if clip.name == name:
                return clip
        raise UserError(f"{name}: no such clip among the {len(self.clips)} scored ones")

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Scorecard:
        """The inverse of `to_dict`, also after a way through JSON.

        Raises UserError for a card of another version: its scores mean something else.
        """
        if data.get("version") != VERSION:
            raise UserError(
                f"scores of version {data.get('version')!r}, this is {VERSION!r}; "
                "evaluate the run again"
            )
        plain = dict(data)
        plain["overall"] = _interval(data["overall"])
        plain["aspects"] = {name: _aspect(score) for name, score in data["aspects"].items()}
        plain["clips"] = tuple(ClipScore(**clip) for clip in data["clips"])
        plain["failures"] = tuple(data["failures"])
        plain["best"], plain["worst"] = tuple(data["best"]), tuple(data["worst"])
        return cls(**plain)


def _aspect(data: Mapping[str, Any]) -> AspectScore:
    plain = dict(data)
    plain["score"] = _interval(plain["score"])
    for end in ("floor", "ceiling"):
        plain[end] = Anchor(**data[end]) if data[end] else None
    plain["notes"] = tuple(data["notes"])
    return AspectScore(**plain)


def _interval(data: Mapping[str, float] | None) -> Interval | None:
    return Interval(**data) if data else None


def _ordered(groups: Any) -> list[str]:
    """All keys of all groups, in the order in which they first come."""
    return list(dict.fromkeys(key for group in groups for key in group))
