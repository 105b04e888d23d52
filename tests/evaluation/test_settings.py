from dataclasses import replace

import pytest

from xttslab.errors import UserError
from xttslab.evaluation.settings import ASPECTS, ScaleRule, Scoring


def test_the_shipped_settings_cover_six_aspects_of_equal_weight(scoring: Scoring) -> None:
    assert set(scoring.aspects) == set(ASPECTS)
    assert {rule.weight for rule in scoring.aspects.values()} == {1.0}
    assert all(rule.basis and rule.validated for rule in scoring.aspects.values())


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
    with pytest.raises(UserError, match="the six are voice_similarity, pronunciation"):
        replace(scoring, aspects={"charm": scoring.aspects["emotion"]})
    scales = {name: rule for name, rule in scoring.scales.items() if name != "cer"}
    with pytest.raises(UserError, match="no scale for cer; add it under evaluation"):
        replace(scoring, scales=scales)
