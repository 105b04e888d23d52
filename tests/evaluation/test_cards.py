"""What a scorecard's words are made from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from xttslab.evaluation.cards import _plain
from xttslab.evaluation.settings import Scoring


def test_raw_measures_are_also_read_on_the_scales_of_the_configuration(scoring: Scoring) -> None:
    """0.95 of the letters wrong is 0, 0.1 is 10; emotion has no scale of its own."""
    marked = {
        "pronunciation": SimpleNamespace(measure="cer"),
        "naturalness": SimpleNamespace(measure="distillmos"),  # this clip has no value
        "emotion": SimpleNamespace(measure="emotion_distance"),
    }
    found = _plain({"cer": 0.44, "emotion_distance": 0.7}, marked, scoring)
    assert found == {"pronunciation": pytest.approx(6.0)}
