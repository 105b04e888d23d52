"""Only what two runs have in common is compared, and in pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.reporting.cards import card
from tests.reporting.runs import calm_run
from xttslab.evaluation.scales import Anchor
from xttslab.evaluation.scorecard import Scorecard
from xttslab.reporting.pairing import (
    CLIP_LOSSES,
    common_eval,
    incomparable,
    loss_difference,
    on_other_scales,
    score_differences,
    text_gain_difference,
)
from xttslab.reporting.run_data import ManifestClip, RunData


def held_out(source: str, *names: str) -> list[ManifestClip]:
    return [ManifestClip(source, name, "Szöveg.", "neutral", False, "eval") for name in names]


def with_losses(name: str, folder: Path, losses: dict[str, tuple[float, int]]) -> RunData:
    """A run whose clips have these (mean loss, tokens) at epoch 5."""
    path = folder / f"{name}.csv"
    rows = [f"5,milliomos/{clip},milliomos,{m * n},{n}" for clip, (m, n) in losses.items()]
    path.write_text("\n".join(["epoch,clip,source,mel,mel_tokens", *rows]), encoding="utf-8")
    clips = held_out("milliomos", *losses)
    return RunData(name, clips=clips, files={CLIP_LOSSES: path})


def test_losses_are_compared_on_common_clips_alone_and_weighted_by_tokens(tmp_path: Path) -> None:
    first = with_losses("first", tmp_path, {"a": (4.0, 100), "b": (3.0, 300), "old": (9.0, 50)})
    second = with_losses("second", tmp_path, {"a": (3.9, 100), "b": (2.8, 300), "new": (0.1, 50)})
    assert common_eval([first, second]) == {"milliomos": ["a", "b"]}
    found = loss_difference(first, second, (5, 5), draws=200)
    assert found.count == 2
    assert found.first == pytest.approx((4.0 * 100 + 3.0 * 300) / 400)
    assert found.value == pytest.approx((-0.1 * 100 - 0.2 * 300) / 400)
    assert found.interval.value == pytest.approx(found.value)
    last = loss_difference(first, second, (None, 5), draws=200)  # of too few epochs to choose one
    assert (last.count, last.interval) == (2, found.interval)


def with_other_texts(
    name: str, folder: Path, losses: dict[str, tuple[float, float, int, str]]
) -> RunData:
    """A run whose clips have these (mean loss, with another text, tokens, whose) at epoch 5."""
    path = folder / f"{name}.csv"
    rows = [
        f"5,milliomos/{clip},milliomos,{m * n},{n},{other},{o * n if other else ''}"
        for clip, (m, o, n, other) in losses.items()
    ]
    head = "epoch,clip,source,mel,mel_tokens,other_text,mel_other_text"
    path.write_text("\n".join([head, *rows]), encoding="utf-8")
    return RunData(name, clips=held_out("milliomos", *losses), files={CLIP_LOSSES: path})


def test_reading_is_paired_on_clips_that_were_given_the_same_other_text(tmp_path: Path) -> None:
    first = with_other_texts(
        "first",
        tmp_path,
        {"a": (4.0, 5.0, 100, "b"), "b": (3.0, 4.4, 300, "a"), "c": (3.0, 9.0, 90, "a")},
    )
    second = with_other_texts(
        "second",
        tmp_path,
        {"a": (4.1, 4.2, 100, "b"), "b": (3.0, 3.2, 300, "a"), "c": (3.0, 3.0, 90, "b")},
    )
    found = text_gain_difference(first, second, (5, 5), draws=200)
    assert found.count == 2
    assert found.first == pytest.approx((1.0 * 100 + 1.4 * 300) / 400)
    assert found.second == pytest.approx((0.1 * 100 + 0.2 * 300) / 400)
    assert found.interval.value == pytest.approx(found.value)
    assert found.interval.low < found.value < 0 < found.interval.high  # two clips prove nothing
    assert loss_difference(first, second, (5, 5), draws=200).count == 3


def test_a_run_from_before_reading_was_measured_is_compared_by_its_losses(tmp_path: Path) -> None:
    old = with_losses("old", tmp_path, {"a": (4.0, 100), "b": (3.0, 300)})
    new = with_other_texts("new", tmp_path, {"a": (3.9, 5.0, 100, "b"), "b": (2.8, 4.0, 300, "a")})
    assert text_gain_difference(old, new, (5, 5), draws=10) is None
    assert loss_difference(old, new, (5, 5), draws=10).count == 2
    alone = with_other_texts("alone", tmp_path, {"a": (3.9, 0.0, 100, "")})
    assert text_gain_difference(alone, new, (5, 5), draws=10) is None


def test_without_losses_of_clips_sources_with_the_same_clips_are_compared() -> None:
    history = {"eval/milliomos/mel_ce": {3: 4.0}, "eval/blikk/mel_ce": {3: 5.0}}
    first = RunData("first", histories=history, clips=held_out("milliomos", "a", "b"))
    lower = {"eval/milliomos/mel_ce": {3: 3.5}, "eval/blikk/mel_ce": {3: 1.0}}
    clips = held_out("milliomos", "a", "b") + held_out("blikk", "c")
    second = RunData("second", histories=lower, clips=clips)
    found = loss_difference(first, second, (3, 3), draws=10)
    assert (found.name, found.first, found.second) == ("mel CE on milliomos", 4.0, 3.5)
    assert found.interval is None


def test_other_clips_or_another_model_are_not_compared() -> None:
    first = RunData("first", tags={"model": "xtts_v2"}, clips=held_out("milliomos", "a"))
    other = replace(first, name="other", clips=held_out("milliomos", "b"))
    assert loss_difference(first, other, (1, 1), draws=10) is None
    small = replace(first, name="small", tags={"model": "xtts_mini"})
    assert incomparable(first, small) == "model is xtts_v2 in first and xtts_mini in small"
    assert loss_difference(first, small, (1, 1), draws=10) is None
    assert incomparable(calm_run(), calm_run()) == ""
    codes = [replace(first, name=name, tags={"codec": name}) for name in ("old", "new")]
    assert incomparable(*codes) == "codec is old in old and new in new"


def test_marks_are_paired_by_what_was_spoken() -> None:
    texts = [f"Mondat {n}." for n in range(12)]
    first = card(texts, np.full(12, 6.0))
    second = card([*texts[2:], "Csak itt."], np.full(11, 7.5))
    found = score_differences(first, second, draws=200)
    assert found["overall"].count == 10
    assert found["overall"].value == pytest.approx(1.5)
    assert found["overall"].interval.low == pytest.approx(1.5)
    assert "emotion" not in found
    assert score_differences(first, None, draws=10) == {}


def scaled(card: Scorecard, ceiling: float, **changes: object) -> Scorecard:
    """The card with the ends of its naturalness."""
    ends = {"floor": Anchor(2.0, "noise"), "ceiling": Anchor(ceiling, "4 real clips")}
    scored = replace(card.aspects["naturalness"], **ends)
    return replace(card, aspects={**card.aspects, "naturalness": scored}, **changes)


def test_marks_beside_other_recordings_or_by_other_ears_are_not_compared() -> None:
    texts = [f"Mondat {n}." for n in range(12)]
    first, second = card(texts, np.full(12, 6.0)), card(texts, np.full(12, 7.5))
    alike = scaled(first, 4.0), scaled(second, 4.04)  # measured at other lengths
    assert on_other_scales(*alike) == []
    assert score_differences(*alike, draws=10)["overall"].value == pytest.approx(1.5)
    apart = scaled(first, 4.0), scaled(second, 4.3)
    assert on_other_scales(*apart) == ["naturalness"]
    assert score_differences(*apart, draws=10) == {}
    heard = card(texts, np.full(12, 6.0), measured="pronunciation")
    assert on_other_scales(heard, replace(heard, measured_with={"recogniser": "large"})) == [
        "pronunciation"
    ]
