"""Categories that sound different are told apart, those that only read different are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from tests.conftest import CONF
from xttslab.data.manifest import Clip
from xttslab.reporting.audit_facts import AuditedClip, AuditRules, DatasetFacts
from xttslab.reporting.category_test import compare_categories


@pytest.fixture
def rules() -> AuditRules:
    given = yaml.safe_load((CONF / "prepare/audit.yaml").read_text(encoding="utf-8"))
    return AuditRules(**{name: value for name, value in given.items() if name != "_target_"})


def facts(pitches: dict[str, float], count: int = 30, seed: int = 1) -> DatasetFacts:
    """Categories that differ in pitch alone; of two speakers, one an octave higher."""
    rng = np.random.default_rng(seed)
    clips = []
    for category, pitch in pitches.items():
        for n in range(count):
            clip = Clip(Path(f"{category}{n}.wav"), "Jó estét!", f"s{n % 2}", category, False, "hu")
            measures = {
                "pitch_hz": pitch * 2 ** (n % 2) * 2 ** (rng.normal() / 12),
                "pitch_range_st": 6 + rng.normal(),
                "lufs": -23 + rng.normal(),
                "seconds": 2 * 2 ** (rng.normal() / 4),
            }
            clips.append(AuditedClip(clip, "", measures))
    return DatasetFacts("show", Path(), tuple(clips), (), (), ())


def test_categories_that_differ_in_pitch_are_told_apart(rules: AuditRules) -> None:
    found = compare_categories(facts({"low": 100, "middle": 125, "high": 160}), rules)
    assert (found.told[2], len(found.told)) == ("middle", 3)
    assert min(sound.area for sound in found.sounds) > 0.85
    assert {sound.name: sound.nearest for sound in found.sounds}["high"] == "middle"
    assert found.right > 0.8
    assert found.summary.startswith("all 3 categories can be told apart by how they sound (")
    assert found.summary.endswith("of the clips are assigned rightly, by chance 33%)")
    assert found.remedy == ""


def test_names_without_a_sound_are_not_told_apart(rules: AuditRules) -> None:
    told = []
    for seed in range(3):
        found = compare_categories(facts(dict.fromkeys("abcdefg", 120.0), 12, seed), rules)
        told += found.told
    assert told == []
    assert found.summary.startswith("the 7 categories cannot be told apart by how they sound (")
    assert found.remedy.startswith("name categories by how a clip sounds, not by what it says")


def test_one_loud_category_among_others_is_named(rules: AuditRules) -> None:
    found = compare_categories(facts({"calm": 120, "plain": 120, "shouted": 190}), rules)
    assert found.told == ["shouted"]
    nearest = {sound.name: sound.nearest for sound in found.sounds}
    assert (nearest["calm"], nearest["plain"]) == ("plain", "calm")
    assert found.summary.startswith("1 of 3 categories can be told apart: shouted (")


def test_what_cannot_be_told_is_left_unsaid(rules: AuditRules) -> None:
    made = facts({"a": 100, "b": 200})
    few = replace(made, clips=(*made.clips[:30], *made.clips[30:34]))
    assert compare_categories(few, rules) is None
    proposed = tuple(replace(c, clip=replace(c.clip, category_assumed=True)) for c in made.clips)
    assert compare_categories(replace(made, clips=proposed), rules) is None
    unmeasured = tuple(replace(c, measures={"seconds": 2.0, "lufs": -23.0}) for c in made.clips)
    assert compare_categories(replace(made, clips=unmeasured), rules) is None
    gaps = tuple(
        replace(c, measures={k: v for k, v in c.measures.items() if k != "pitch_hz" or n % 5})
        for n, c in enumerate(made.clips)
    )
    assert set(compare_categories(replace(made, clips=gaps), rules).told) == {"a", "b"}
