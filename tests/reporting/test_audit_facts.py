"""Advice comes from the shipped rules and quotes the numbers behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml

from xttslab.data.audio import write_audio
from xttslab.reporting.audit_facts import AuditRules, advise, read_facts, reasons

CONF = Path(__file__).parents[2] / "conf" / "prepare" / "audit.yaml"
PANGRAM = (
    "Árvíztűrő tükörfúrógép, dzsem, edző, zsír, gyík, tyúk, cső, szó, nyúl, hab, ceruza, "
    "fa, ordas, inas, öt, úr, ív, ő, új, ló."
)


@pytest.fixture(scope="module")
def rules() -> AuditRules:
    shipped = yaml.safe_load(CONF.read_text(encoding="utf-8"))
    return AuditRules(**{name: value for name, value in shipped.items() if name != "_target_"})


def advice(folder: Path, rules: AuditRules) -> dict[str, str]:
    return {item.what: item.because for item in advise(read_facts(folder), rules)}


def test_a_full_set_is_left_in_peace(tmp_path: Path, rules: AuditRules) -> None:
    rows = [(PANGRAM, ("greeting", "question")[n % 2], "train", 10.0) for n in range(240)]
    assert advice(make_set(tmp_path / "show", rows), rules) == {
        "train on it": "no rule has anything against this data set"
    }


def test_the_reference_analysis_amounts_are_asked_for(tmp_path: Path, rules: AuditRules) -> None:
    found = advice(make_set(tmp_path / "show", [("Szia.", "greeting", "train", 6.0)] * 80), rules)
    assert (
        found["record more: 200-500 clips, 30-60 min are recommended"]
        == "there are 80 clips, 8.0 min"
    )
    rare = next(because for what, because in found.items() if "rare letters" in what)
    assert "á 0" in rare
    assert "w 0" not in rare


def test_the_reference_analysis_categories_and_what_balancing_does(
    tmp_path: Path, rules: AuditRules
) -> None:
    seed = {"confirmation": 2, "excitement": 7, "greeting": 6, "neutral": 23, "question": 21}
    seed |= {"tension": 10, "transition": 11}
    rows = [(PANGRAM, name, "train", 6.0) for name, count in seed.items() for _ in range(count)]
    found = advice(make_set(tmp_path / "show", rows), rules)
    few = found["record 15-30 clips of every category"]
    assert few == "too few: confirmation 2, excitement 7, greeting 6, tension 10, transition 11"
    # 2 of 80; by the square root 2·3 (the most) of 132.7; by equal shares 2·3 of 154.
    assert found["try batch.balance=sqrt"].startswith(
        "part of confirmation, the rarest category, in an epoch: none 2.5%, sqrt "
    )


def test_balancing_is_not_advised_where_it_changes_nothing(
    tmp_path: Path, rules: AuditRules
) -> None:
    rows = [(PANGRAM, name, "train", 6.0) for name in ("a",) * 40 + ("b",) * 10]
    folder = make_set(tmp_path / "show", rows)
    assert "try batch.balance=sqrt" in advice(folder, rules)
    assert "try batch.balance=sqrt" not in advice(folder, replace(rules, max_repeats=1))


def test_proposed_categories_count_in_no_other_advice(tmp_path: Path, rules: AuditRules) -> None:
    rows = [(PANGRAM, "greeting?", "train", 10.0)] * 3 + [(PANGRAM, "", "train", 10.0)] * 237
    found = advice(make_set(tmp_path / "show", rows), rules)
    assert list(found.values()) == ["240 of 240 clips have no category that a person named"]


def test_missing_texts_odd_rates_and_long_clips(tmp_path: Path, rules: AuditRules) -> None:
    rows = [(PANGRAM, "greeting", "train", 10.0 + n % 2) for n in range(237)]
    rows += [("", "greeting", "train", 10.0), ("Szia.", "greeting", "train", 20.0)]
    found = advice(make_set(tmp_path / "show", rows), rules)
    assert any("1 of 239 clips have no text" in because for because in found.values())
    assert any("1 is spoken far faster or slower" in because for because in found.values())
    assert any("1 clip is longer" in because for because in found.values())


def test_texts_that_do_not_fit_say_what_they_teach(tmp_path: Path, rules: AuditRules) -> None:
    folder = make_set(tmp_path / "show", [(PANGRAM, "greeting", "train", 10.0)] * 20)
    rows = ["audio_file|check|finding|value", "wavs/1.wav|text_ends_early|x|y"]
    (folder / "review.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    reason = advice(folder, rules)["mend the texts that review.csv calls text_ends_early"]
    assert reason == "in 1 of 20 clips more is said than the text has: that teaches to add words"


def test_rejections_are_grouped_by_reason(tmp_path: Path, rules: AuditRules) -> None:
    folder = make_set(tmp_path / "show", [(PANGRAM, "greeting", "train", 10.0)] * 240)
    rows = ["audio_file|reason|value"]
    rows += [f"{n}.wav|line {n}: no such audio file|x" for n in range(20)]
    rows += [f"wavs/{n}.wav|the same recording as {n}.wav|50%" for n in range(5)]
    (folder / "rejected.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    facts = read_facts(folder)
    assert reasons(facts) == [("no such audio file", 20), ("the same recording", 5)]
    (item,) = advise(facts, rules)
    assert item.because == "25 of 265 were not used, most often: no such audio file (20)"


def make_set(folder: Path, rows: list[tuple[str, str, str, float]]) -> Path:
    """A prepared set: (text, category, split, seconds) a clip."""
    manifest = ["audio_file|text|speaker_name|category|language|split|source"]
    measured = ["audio_file|origin|start|end|seconds|snr_db|pitch_hz"]
    for number, (text, category, split, seconds) in enumerate(rows):
        name = f"wavs/{number:02d}.wav"
        write_audio(folder / name, np.zeros(2_205, np.float32))
        manifest.append(f"{name}|{text}|s|{category}|hu|{split}|{folder.name}")
        measured.append(f"{name}|show.wav|{number}|{number + 1}|{seconds}|{30 + number}|")
    (folder / "metadata.csv").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    (folder / "clips.csv").write_text("\n".join(measured) + "\n", encoding="utf-8")
    return folder


def test_clips_groups_and_measures(tmp_path: Path) -> None:
    facts = read_facts(
        make_set(
            tmp_path / "show",
            [
                ("Jó napot!", "greeting", "eval", 2.0),
                ("Szia!", "greeting", "train", 4.0),
                ("Mi?", "question?", "train", 6.0),
            ],
        )
    )
    assert facts.minutes == pytest.approx(0.2)
    groups = facts.groups(lambda clip: clip.clip.category)
    assert [(g.name, g.clips, g.held_out, g.proposed) for g in groups] == [
        ("greeting", 2, 1, 0),
        ("question", 1, 0, 1),
    ]
    assert groups[0].minutes == pytest.approx(0.1)
    assert facts.values("snr_db") == [30.0, 31.0, 32.0]
    assert facts.values("pitch_hz") == []
    assert facts.clips[1].origin == "show.wav"
    assert facts.clips[1].rate == pytest.approx(5 / 4)
    assert facts.rejected == facts.review == facts.changed == ()


def test_letters_and_sounds_are_counted(tmp_path: Path) -> None:
    facts = read_facts(make_set(tmp_path / "show", [("Csacska 1", "", "train", 2.0)]))
    assert facts.hungarian
    assert (facts.letters()["c"], facts.letters()["a"], facts.letters()["ű"]) == (2, 2, 0)
    assert (facts.sounds()["tʃ"], facts.sounds()["ɟ"], facts.sounds()["yː"]) == (2, 1, 0)


def test_text_that_does_not_fit_its_length_stands_out(tmp_path: Path) -> None:
    rows = [("x" * (30 + n), "", "train", 2.0) for n in range(12)]
    rows += [("x" * 150, "", "train", 2.0), ("x" * 5, "", "train", 2.0)]
    odd = read_facts(make_set(tmp_path / "show", rows)).odd_rates()
    assert [(clip.clip.audio.stem, score > 0) for clip, score in odd] == [
        ("13", False),
        ("12", True),
    ]


def test_few_or_empty_texts_have_no_outliers(tmp_path: Path) -> None:
    rows = [("", "", "train", 2.0)] * 6 + [("x", "", "train", 2.0)]
    assert read_facts(make_set(tmp_path / "show", rows)).odd_rates() == []
