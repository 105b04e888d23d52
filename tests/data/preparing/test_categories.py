"""Categories come from folders; the shipped rules propose others from text and prosody."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from xttslab.data.manifest import Clip
from xttslab.data.preparing.categories import (
    ClipDelivery,
    FolderCategories,
    Proposer,
    Rule,
    proposer,
)
from xttslab.data.preparing.sources import ASSETS
from xttslab.errors import UserError

CONF = Path(__file__).parents[3] / "conf" / "prepare" / "categories.yaml"


@pytest.fixture(scope="module")
def shipped() -> Proposer:
    return proposer(yaml.safe_load(CONF.read_text(encoding="utf-8"))["proposer"]["rules"])


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


def in_folders(*origins: str, speaker: str = "host") -> list[Clip]:
    return [Clip(audio=Path(origin), text="Jó.", speaker=speaker) for origin in origins]


def by_folder(
    *origins: str, folders: dict[str, str | None] | None = None
) -> tuple[list[str], list[str]]:
    """Each clip's category, empty where it is only assumed, and what was told."""
    shipped = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    namer = FolderCategories(folders, shipped["no_category"], shipped["most_folders"])
    clips, told = namer.name(in_folders(*origins), origins)
    return ["" if clip.category_assumed else clip.category for clip in clips], told


def test_folders_give_the_category_and_lengths_do_not() -> None:
    origins = ("greeting/a.wav", "Kérdés/wavs/b.wav", "long/c.wav", "audio_22khz/d.wav", "e.wav")
    assert by_folder(*origins) == (
        ["greeting", "kerdes", "", "", ""],
        [
            "categories from the folders: greeting 1, kerdes 1 (Kérdés → kerdes); 3 clips without "
            "one in ., audio_22khz, long"
        ],
    )


def test_a_table_maps_and_drops_folders() -> None:
    origins = ("kérdés/a.wav", "interjú/b.wav", "hi/c.wav", "hi/x1/d.wav")
    named, _ = by_folder(*origins, folders={"kerdes": "question", "interju": None, "x1": "tension"})
    assert named == ["question", "", "hi", "tension"]


def test_speakers_numbers_and_one_folder_for_all_are_no_categories() -> None:
    assert by_folder("p225/a.wav", "host/b.wav", "0001/c.wav", "chapter_3/d.wav") == ([""] * 4, [])
    assert by_folder("milliomos/a.wav", "milliomos/b.wav") == (
        ["", ""],
        [
            "no category from the folder milliomos, as all clips lie in it; "
            "categories.folders={milliomos: milliomos} makes it one"
        ],
    )
    many = [f"day of {chr(97 + n)}x/{n}.wav" for n in range(21)]
    told = by_folder(*many)[1]
    assert told[0].startswith("no categories from the folders: 21 folders (day of ax, ")


def test_folders_that_differ_by_an_accent_are_refused_or_joined() -> None:
    origins = ("kérdés/a.wav", "kerdes/b.wav", "öröm/c.wav")
    with pytest.raises(UserError) as caught:
        by_folder(*origins)
    assert "folders 'kerdes' and 'kérdés' differ by accents or signs only" in str(caught.value)
    assert "or join them by categories.folders={kerdes: kerdes}" in str(caught.value)
    assert by_folder(*origins, folders={"kerdes": "kerdes"})[0] == ["kerdes", "kerdes", "orom"]


def test_a_category_of_the_table_is_checked() -> None:
    with pytest.raises(UserError, match="'Kérdés' may hold a-z, 0-9, _ and - only; write 'kerdes'"):
        by_folder("a/b.wav", folders={"a": "Kérdés"})
