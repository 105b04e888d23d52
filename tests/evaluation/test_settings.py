from dataclasses import replace

import pytest

from xttslab.errors import UserError
from xttslab.evaluation.aspects import ASPECTS, TITLES
from xttslab.evaluation.settings import GateRule, ScaleRule, Scoring


def test_the_shipped_settings_weigh_every_aspect_of_the_table(scoring: Scoring) -> None:
    assert set(scoring.weights) == set(ASPECTS)
    assert set(TITLES) == {*ASPECTS, "overall"}
    assert all(aspect.basis and aspect.validated for aspect in ASPECTS.values())
    assert [name for name, aspect in ASPECTS.items() if not aspect.remedy] == ["told_apart"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 1.0, "fixed", "fixed"), "a scale from 1.0 to 1.0; give two values"),
        ((0.0, 1.0, "real", "fixed"), "floor_from='real'; choose one of fixed, others, mismatched"),
        ((0.0, 1.0, "fixed", "others"), "ceiling_from='others'; choose one of fixed, real"),
    ],
)
def test_scales_that_mean_nothing_are_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("(", r"\(")):
        ScaleRule(*arguments)


def test_an_aspect_that_is_unknown_or_without_scale_is_refused(scoring: Scoring) -> None:
    with pytest.raises(UserError, match=r"weights of \['charm'\]; the aspects are voice"):
        replace(scoring, weights={"charm": 1.0})
    scales = {name: rule for name, rule in scoring.scales.items() if name != "cer"}
    with pytest.raises(UserError, match="no scale for cer; add it under evaluation"):
        replace(scoring, scales=scales)
    with pytest.raises(UserError, match="a gate on 'charm'; choose one of voice_similarity, "):
        replace(scoring, gates={"charm": GateRule(2.0, 4.0)})
    with pytest.raises(UserError, match=r"a gate that fails at 4\.0 and holds at 4\.0"):
        GateRule(4.0, 4.0)


def test_draws_that_make_no_interval_are_refused(scoring: Scoring) -> None:
    with pytest.raises(UserError, match=r"scoring.bootstrap=1: so few draws have no interval"):
        replace(scoring, bootstrap=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"confidence": 2}, "scoring.confidence=2: give a number from 0.5 to 0.999"),
        ({"failed": -1.0}, "scoring.failed=-1.0: give a number from 0 to 10"),
        ({"misheard": 25}, "scoring.misheard=25: give a number from 0 to 1"),
        ({"shown": 1.5}, "scoring.shown=1.5: give a whole number from 0 to 100"),
    ],
)
def test_settings_that_cannot_be_are_named(scoring: Scoring, change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(scoring, **change)
    with pytest.raises(UserError, match=r"scoring\.weights\.pace=-1: give a number from 0 to 1000"):
        replace(scoring, weights={**scoring.weights, "pace": -1})
