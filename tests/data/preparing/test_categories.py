"""The shipped rules propose categories from text and prosody."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from xttslab.data.preparing.categories import ClipDelivery, Proposer, Rule, proposer
from xttslab.data.preparing.sources import ASSETS

CONF = Path(__file__).parents[3] / "conf" / "prepare" / "categories.yaml"


@pytest.fixture(scope="module")
def shipped() -> Proposer:
    return proposer(yaml.safe_load(CONF.read_text(encoding="utf-8"))["rules"])


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("Jó estét kívánok!", "greeting"),
        ("Igen, ez a helyes válasz.", "confirmation"),
        ("És most lássuk a következőt.", "transition"),
        ("Melyik évben történt?", "question"),
        ("Hát… nem tudom…", "tension"),
        ("Nagyszerű teljesítmény!", "excitement"),
        ("A Duna a Fekete-tengerbe ömlik.", "neutral"),
    ],
)
def test_the_text_alone_is_enough_for_clear_cases(
    shipped: Proposer, text: str, category: str
) -> None:
    assert shipped.propose([ClipDelivery(text, {})]) == [category]


def test_prosody_is_compared_with_the_sets_median() -> None:
    rules = Proposer([Rule("tension", rate_below=0.75), Rule("excitement", pitch_above_st=3.0)])
    usual = [ClipDelivery("x" * 30, {"seconds": 2.0, "pitch_hz": 100.0})] * 5
    slow = ClipDelivery("x" * 30, {"seconds": 3.0, "pitch_hz": 100.0})
    high = ClipDelivery("x" * 30, {"seconds": 2.0, "pitch_hz": 125.0})
    lower = ClipDelivery("x" * 30, {"seconds": 2.0, "pitch_hz": 110.0})
    unmeasured = ClipDelivery("x" * 30, {})
    proposed = rules.propose([*usual, slow, high, lower, unmeasured])
    assert proposed[5:] == ["tension", "excitement", "neutral", "neutral"]


def test_a_wide_melody_needs_its_measurement() -> None:
    rules = Proposer([Rule("excitement", text="!", range_above_st=2.0)])
    usual = [ClipDelivery("a", {"pitch_range_st": 5.0})] * 3
    wide, flat = (ClipDelivery("a!", {"pitch_range_st": st}) for st in (8.0, 6.0))
    assert rules.propose([*usual, wide, flat, ClipDelivery("a!", {})])[3:] == [
        "excitement",
        "neutral",
        "neutral",
    ]


def test_most_of_the_packaged_clips_get_their_own_category(shipped: Proposer) -> None:
    with (ASSETS / "demo_milliomos" / "metadata.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="|"))
    proposed = shipped.propose([ClipDelivery(row["text"], {}) for row in rows])
    right = sum(a == row["category"] for a, row in zip(proposed, rows, strict=True))
    assert right / len(rows) > 0.7
