"""Histograms have round bins that hold every value."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xttslab.reporting.audit.charts import counts, histogram


def test_bins_are_round_and_labelled() -> None:
    chart = histogram("Length", "s", [1.6, 1.7, 2.1, 3.9])
    assert chart is not None
    assert [bar.label for bar in chart.bars][:3] == ["1.6", "1.8", "2.0"]
    assert chart.bars[0].count == 2
    assert max(bar.height for bar in chart.bars) == 1.0
    assert chart.summary == "median 1.9 s, 90 % between 1.6 and 3.6"
    assert not chart.named


@settings(deadline=None)
@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=60))
def test_every_value_is_in_one_bin(values: list[float]) -> None:
    chart = histogram("x", "x", values)
    assert chart is not None
    assert sum(bar.count for bar in chart.bars) == len(values)
    assert len(chart.bars) <= 18


def test_counts_mark_what_is_too_little() -> None:
    chart = counts("Letters", "times", {"a": 30, "ű": 2}, least=20)
    assert chart is not None
    assert [(bar.label, bar.low, bar.height) for bar in chart.bars] == [
        ("a", False, 1.0),
        ("ű", True, pytest.approx(2 / 30)),
    ]
    assert chart.summary == "fewer than 20: ű"
    assert (chart.named, chart.longest_label) == (True, 1)


def test_nothing_has_no_chart() -> None:
    assert histogram("x", "x", []) is None
    assert counts("x", "x", {}) is None
    flat = histogram("x", "x", [5.0, 5.0])
    assert flat is not None
    assert [bar.count for bar in flat.bars] == [2]
