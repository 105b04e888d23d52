"""Advice comes from the shipped rules and quotes the numbers behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tests.reporting.audit.test_facts import make_set
from xttslab.reporting.audit.advice import Rules, advise, reasons
from xttslab.reporting.audit.facts import read_facts

CONF = Path(__file__).parents[3] / "conf" / "prepare" / "audit.yaml"
PANGRAM = (
    "Árvíztűrő tükörfúrógép, dzsem, edző, zsír, gyík, tyúk, cső, szó, nyúl, hab, ceruza, "
    "fa, ordas, inas, öt, úr, ív, ő, új, ló."
)


@pytest.fixture(scope="module")
def rules() -> Rules:
    shipped = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    return Rules(**{name: value for name, value in shipped.items() if name != "_target_"})


def advice(folder: Path, rules: Rules) -> dict[str, str]:
    return {item.what: item.because for item in advise(read_facts(folder), rules)}


def test_a_full_set_is_left_in_peace(tmp_path: Path, rules: Rules) -> None:
    rows = [(PANGRAM, ("greeting", "question")[n % 2], "train", 10.0) for n in range(240)]
    assert advice(make_set(tmp_path / "show", rows), rules) == {
        "train on it": "no rule has anything against this data set"
    }


def test_the_seeds_amounts_are_asked_for(tmp_path: Path, rules: Rules) -> None:
    found = advice(make_set(tmp_path / "show", [("Szia.", "greeting", "train", 6.0)] * 80), rules)
    assert (
        found["record more: 200-500 clips, 30-60 min are recommended"]
        == "there are 80 clips, 8.0 min"
    )
    rare = next(because for what, because in found.items() if "rare letters" in what)
    assert "á 0" in rare
    assert "w 0" not in rare


def test_the_seeds_categories_and_what_balancing_does(tmp_path: Path, rules: Rules) -> None:
    seed = {"confirmation": 2, "excitement": 7, "greeting": 6, "neutral": 23, "question": 21}
    seed |= {"tension": 10, "transition": 11}
    rows = [(PANGRAM, name, "train", 6.0) for name, count in seed.items() for _ in range(count)]
    found = advice(make_set(tmp_path / "show", rows), rules)
    few = found["record 15-30 clips of every category"]
    assert few == "too few: confirmation 2, excitement 7, greeting 6, tension 10, transition 11"
    # 2 of 80; by the square root 2·3 (the most) of 132.7; by equal shares 2·3 of 154.
    assert found["try dataset.balance=sqrt"].startswith(
        "part of confirmation, the rarest category, in an epoch: none 2.5%, sqrt "
    )


def test_balancing_is_not_advised_where_it_changes_nothing(tmp_path: Path, rules: Rules) -> None:
    rows = [(PANGRAM, name, "train", 6.0) for name in ("a",) * 40 + ("b",) * 10]
    folder = make_set(tmp_path / "show", rows)
    assert "try dataset.balance=sqrt" in advice(folder, rules)
    assert "try dataset.balance=sqrt" not in advice(folder, replace(rules, max_repeats=1))


def test_proposed_categories_count_in_no_other_advice(tmp_path: Path, rules: Rules) -> None:
    rows = [(PANGRAM, "greeting?", "train", 10.0)] * 3 + [(PANGRAM, "", "train", 10.0)] * 237
    found = advice(make_set(tmp_path / "show", rows), rules)
    assert list(found.values()) == ["240 of 240 clips have no category that a person named"]


def test_missing_texts_odd_rates_and_long_clips(tmp_path: Path, rules: Rules) -> None:
    rows = [(PANGRAM, "greeting", "train", 10.0 + n % 2) for n in range(237)]
    rows += [("", "greeting", "train", 10.0), ("Szia.", "greeting", "train", 20.0)]
    found = advice(make_set(tmp_path / "show", rows), rules)
    assert any("1 of 239 clips have no text" in because for because in found.values())
    assert any("1 is spoken far faster or slower" in because for because in found.values())
    assert any("1 clip is longer" in because for because in found.values())


def test_rejections_are_grouped_by_reason(tmp_path: Path, rules: Rules) -> None:
    folder = make_set(tmp_path / "show", [(PANGRAM, "greeting", "train", 10.0)] * 240)
    rows = ["audio_file|reason|value"]
    rows += [f"{n}.wav|line {n}: no such audio file|x" for n in range(20)]
    rows += [f"wavs/{n}.wav|the same recording as {n}.wav|50%" for n in range(5)]
    (folder / "rejected.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    facts = read_facts(folder)
    assert reasons(facts) == [("no such audio file", 20), ("the same recording", 5)]
    (item,) = advise(facts, rules)
    assert item.because == "25 of 265 were not used, most often: no such audio file (20)"
