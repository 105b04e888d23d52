"""Charts: round ticks, places on the page, and a text alternative."""

from __future__ import annotations

import pytest

from xttslab.reporting.charts import BOTTOM, HEIGHT, LEFT, EpochMark, Line, line_chart, ticks


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 29, [0, 10, 20, 30]), (4.28, 5.38, [4.25, 4.5, 4.75, 5, 5.25, 5.5]), (2, 2, [2, 2.5])],
)
def test_ticks_are_round_and_enclose_the_range(low, high, wanted) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_a_chart_says_in_words_what_it_shows() -> None:
    chart = line_chart("mel", "Mel", "nats", [Line("train", {0: 5.38, 15: 4.28, 29: 5.069})])
    assert chart.summary == ("train: 5.38 at epoch 0, lowest 4.28 at epoch 15, 5.069 at epoch 29.")
    assert chart.table[1] == (15, [4.28])


def test_low_values_lie_low_and_early_epochs_left() -> None:
    marks = [EpochMark(10, "best"), EpochMark(0, "best of b", "b")]
    lines = [Line("a", {0: 2.0, 10: 1.0}), Line("b", {0: 1.5})]
    chart = line_chart("x", "X", "nats", lines, marks)
    (x0, y0), (x1, y1) = chart.lines[0].dots
    assert (x0, y1) == (LEFT, HEIGHT - BOTTOM)
    assert x1 > x0
    assert y1 > y0
    assert chart.marks == [(x1, "best", None), (LEFT, "best of b", 1)]  # in the colour of b


def test_lines_differ_in_colour_and_in_dashes() -> None:
    lines = [Line(str(n), {0: n, 1: n}) for n in range(14)]
    drawn = line_chart("x", "X", "nats", lines).lines
    assert len({(one.colour, one.dashes) for one in drawn}) == 14


def test_nothing_to_draw_is_no_chart_and_one_value_is_a_dot() -> None:
    assert line_chart("x", "X", "nats", [Line("a", {})]) is None
    dot = line_chart("x", "X", "nats", [Line("a", {29: 5.046})]).lines[0]
    assert (dot.path, len(dot.dots)) == ("", 1)
