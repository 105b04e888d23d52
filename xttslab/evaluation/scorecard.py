"""Scores of a set of spoken clips, as records: to plain data and back, to rows, to metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from xttslab.errors import UserError
from xttslab.evaluation.scales import Anchor, Interval

_COLUMNS = ("speaker_similarity", "cer", "distillmos", "dnsmos", "defects_per_s")
VERSION = "1"  # of the measures and scales; cards of two versions must not be compared


@dataclass(frozen=True)
class ClipScore:
    """One clip: raw measures, marks by aspect (only what was measured), and the mean mark.

    `heard` is what the recogniser understood; `mute` clips have mark 0 everywhere. `good` and `bad`
    say in words what the mark is due to.
    """

    name: str
    text: str
    category: str
    seed: int
    sentence_set: str
    seconds: float
    measures: Mapping[str, float]
    marks: Mapping[str, float]
    mark: float | None
    heard: str | None
    mute: bool
    good: str
    bad: str


@dataclass(frozen=True)
class AspectScore:
    """One aspect of the whole set.

    `mark` and its interval are None, and `missing` says why, when it was not measured. `value` is
    the mean raw value of `measure`; `floor` and `ceiling` are where marks 0 and 10 lie (means over
    the categories for emotion). `details` are further numbers that the mark does not rest on.
    """

    aspect: str
    mark: Interval | None
    by_category: Mapping[str, float]
    measure: str
    value: float | None
    floor: Anchor | None
    ceiling: Anchor | None
    rests_on: str
    people: str
    details: Mapping[str, float]
    notes: tuple[str, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Scorecard:
    """All marks of one set of clips, `best` and `worst` by name, `seconds` by stage."""

    overall: Interval | None
    overall_by_category: Mapping[str, float]
    aspects: Mapping[str, AspectScore]
    clips: tuple[ClipScore, ...]
    best: tuple[str, ...]
    worst: tuple[str, ...]
    missing: Mapping[str, str]
    seconds: Mapping[str, float]
    measured_with: Mapping[str, str]
    version: str = VERSION

    def metrics(self) -> dict[str, float]:
        """`score/<aspect>`, `score/<aspect>/<category>`, `score/overall[/<category>]` and the raw
        `score/<measure>` behind each mark; what was not measured is absent."""
        found: dict[str, float] = {}
        for name, score in self.aspects.items():
            if score.mark is None:
                continue
            found[f"score/{name}"] = score.mark.value
            found |= {f"score/{name}/{key}": mark for key, mark in score.by_category.items()}
            if score.value is not None:
                found[f"score/{score.measure}"] = score.value
        if self.overall is not None:
            found["score/overall"] = self.overall.value
            marks = self.overall_by_category.items()
            found |= {f"score/overall/{key}": mark for key, mark in marks}
        return found

    def rows(self) -> list[dict[str, Any]]:
        """One row a clip for a table: `audio_file`, what it is, one column a raw measure, one
        `mark_<aspect>` a mark, `mark`; the same columns in every row, None where not measured (the
        measures that marks rest on have their column even then)."""
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
            row |= {f"mark_{name}": clip.marks.get(name) for name in self.aspects}
            rows.append(row | {"mark": clip.mark, "good": clip.good, "bad": clip.bad})
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

        Raises UserError for scores of another version: their marks mean something else.
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
        plain["best"], plain["worst"] = tuple(data["best"]), tuple(data["worst"])
        return cls(**plain)


def _aspect(data: Mapping[str, Any]) -> AspectScore:
    plain = dict(data)
    plain["mark"] = _interval(data["mark"])
    for end in ("floor", "ceiling"):
        plain[end] = Anchor(**data[end]) if data[end] else None
    plain["notes"] = tuple(data["notes"])
    return AspectScore(**plain)


def _interval(data: Mapping[str, float] | None) -> Interval | None:
    return Interval(**data) if data else None


def _ordered(groups: Any) -> list[str]:
    """All keys of all groups, in the order in which they first come."""
    return list(dict.fromkeys(key for group in groups for key in group))
