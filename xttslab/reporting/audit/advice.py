"""The facts of a data set and the rules of conf/prepare/audit.yaml in, advice out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import dataclasses as checked

from xttslab.data.balance import repeats, shares
from xttslab.reporting.audit.facts import Facts
from xttslab.reporting.meaning import beside

_RARE_LETTERS = "qwxy"  # foreign words only


@checked.dataclass(frozen=True)
class Rules:
    """Limits of the advice; conf/prepare/audit.yaml says where each comes from."""

    least_clips: int
    enough_clips: int
    least_minutes: float
    enough_minutes: float
    least_in_category: int
    enough_in_category: int
    least_of_sound: int
    longest_s: float
    rejected_share: float
    review_share: float
    max_repeats: int


@dataclass(frozen=True)
class Advice:
    """What to do, and the measurement that says so."""

    what: str
    because: str


def advise(facts: Facts, rules: Rules) -> list[Advice]:
    """Everything that the rules have to say about a set, most pressing first."""
    found = [
        *_no_text(facts),
        *_amount(facts, rules),
        *_categories(facts, rules),
        *_coverage(facts, rules),
        *_quality(facts, rules),
    ]
    return found or [Advice("train on it", "no rule has anything against this data set")]


def reasons(facts: Facts) -> list[tuple[str, int]]:
    """Why clips were not used, most often first; line numbers and file names left out."""
    plain = (re.sub(r"^line \d+: | as \S+$", "", row["reason"]) for row in facts.rejected)
    return Counter(plain).most_common()


def _no_text(facts: Facts) -> Iterator[Advice]:
    silent = sum(not clip.clip.text for clip in facts.clips)
    if silent:
        yield Advice(
            "write the missing texts into metadata.csv, or prepare with transcripts.model=packaged",
            f"{silent} of {len(facts.clips)} clips have no text and are not trained on",
        )


def _amount(facts: Facts, rules: Rules) -> Iterator[Advice]:
    if len(facts.clips) < rules.least_clips or facts.minutes < rules.least_minutes:
        minutes = beside(facts.minutes, rules.least_minutes, 1)
        yield Advice(
            f"record more: {rules.least_clips}-{rules.enough_clips} clips, "
            f"{rules.least_minutes:.0f}-{rules.enough_minutes:.0f} min are recommended",
            f"there are {len(facts.clips)} clips, {minutes} min",
        )


def _categories(facts: Facts, rules: Rules) -> Iterator[Advice]:
    named = Counter(c.clip.category for c in facts.clips if not c.clip.category_assumed)
    few = [f"{n} {count}" for n, count in sorted(named.items()) if count < rules.least_in_category]
    if few:
        yield Advice(
            f"record {rules.least_in_category}-{rules.enough_in_category} clips of every category",
            f"too few: {', '.join(few)}",
        )
    if len(named) > 1 and max(named.values()) > 2 * min(named.values()):
        groups = [c.clip.category if not c.clip.category_assumed else "" for c in facts.clips]
        rarest = min(named, key=lambda name: (named[name], name))
        part = {
            balance: shares(groups, repeats(groups, balance, rules.max_repeats))[rarest]
            for balance in ("none", "sqrt", "equal")
        }
        if part["sqrt"] > part["none"]:  # else a clip may not be repeated often enough to help
            effects = ", ".join(f"{balance} {share:.1%}" for balance, share in part.items())
            yield Advice(
                "try dataset.balance=sqrt",
                f"part of {rarest}, the rarest category, in an epoch: {effects} "
                f"(no clip more than {rules.max_repeats} times)",
            )
    assumed = sum(clip.clip.category_assumed for clip in facts.clips)
    if assumed:
        yield Advice(
            "confirm the proposed categories: take the ? away in metadata.csv, or correct them",
            f"{assumed} of {len(facts.clips)} clips have no category that a person named",
        )


def _coverage(facts: Facts, rules: Rules) -> Iterator[Advice]:
    if not facts.hungarian or not any(clip.clip.text for clip in facts.clips):
        return
    for kind, counts in (("letters", facts.letters()), ("sounds", facts.sounds())):
        rare = {sign: count for sign, count in counts.items() if count < rules.least_of_sound}
        shown = [f"{sign} {n}" for sign, n in rare.items() if sign not in _RARE_LETTERS]
        if shown:
            yield Advice(
                f"add sentences with the rare {kind}",
                f"fewer than {rules.least_of_sound} times: {', '.join(shown)}",
            )


def _quality(facts: Facts, rules: Rules) -> Iterator[Advice]:
    total = len(facts.clips) + len(facts.rejected)
    if total and len(facts.rejected) / total > rules.rejected_share:
        most, count = reasons(facts)[0]
        yield Advice(
            "look at rejected.csv",
            f"{len(facts.rejected)} of {total} were not used, most often: {most} ({count})",
        )
    seen = {row["audio_file"] for row in facts.review}
    if facts.clips and len(seen) / len(facts.clips) > rules.review_share:
        checks = Counter(row["check"] for row in facts.review)
        named = ", ".join(f"{check} {count}" for check, count in checks.most_common())
        yield Advice(
            "listen to the clips in review.csv; checks.reject=[…] leaves kinds of them out",
            f"{len(seen)} of {len(facts.clips)} clips: {named}",
        )
    odd = len(facts.odd_rates())
    if odd:
        yield Advice(
            "listen to the clips whose text and length do not fit",
            f"{odd} {'is' if odd == 1 else 'are'} spoken far faster or slower than the others: "
            "a text may be wrong",
        )
    long = sum(clip.seconds > rules.longest_s for clip in facts.clips)
    if long:
        yield Advice(
            f"keep in mind that other XTTS trainers drop clips over {rules.longest_s:.1f} s",
            f"{long} clips are longer; they are trained on here"
            if long > 1
            else "1 clip is longer; it is trained on here",
        )
