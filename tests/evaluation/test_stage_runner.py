from __future__ import annotations

import itertools
import re

import pytest

from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation.stage_runner import StageRunner, Stopwatch


def missing() -> None:
    raise PredictorMissing("it is not installed; run `pip install it`")


def test_stages_are_timed_and_give_their_results() -> None:
    with StageRunner(progress=False, clips=3) as stages:
        assert stages.run("one", ["a"], lambda: 5) == 5
        assert stages.each("two", ["b"], [1, 2, 3], lambda n: n * n) == [1, 4, 9]
    assert list(stages.seconds) == ["one", "two"]
    assert all(seconds >= 0 for seconds in stages.seconds.values())
    assert stages.missing == {}


def test_a_missing_predictor_is_noted_for_its_measures_and_stops_nothing() -> None:
    with StageRunner(progress=False, clips=2) as stages:
        assert stages.run("one", ["a", "b"], missing) is None
        assert stages.each("two", ["c"], [1, 2], lambda _: missing()) == [None, None]
    assert stages.missing == dict.fromkeys("abc", "it is not installed; run `pip install it`")


def test_a_stage_that_comes_again_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    from xttslab.evaluation import stage_runner as stopwatch

    clock, processor = iter([0.0, 2.0, 10.0, 13.0]), iter([0.0, 3.0, 3.0, 4.0])
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(stopwatch, "process_time", lambda: next(processor))
    watch = Stopwatch()
    for _ in range(2):
        with watch.stage("speak"):
            pass
    assert (watch.wall, watch.cpu) == ({"speak": 5.0}, {"speak": 4.0})
    assert [re.sub(" +", " ", line) for line in watch.lines()] == [
        "speak 5.0 s 4.0 CPU s",
        "all stages 5.0 s 4.0 CPU s",
    ]


def test_a_stage_that_fails_is_timed_too() -> None:
    watch = Stopwatch()
    with pytest.raises(KeyError), watch.stage("speak"):
        raise KeyError
    assert set(watch.wall) == {"speak"}


def test_a_runner_tells_its_stages_to_a_common_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    from xttslab.evaluation import stage_runner as stopwatch

    ticks = itertools.count()  # the runner's own watch starts before and stops after the common one
    monkeypatch.setattr(stopwatch, "perf_counter", lambda: float(next(ticks)))
    watch = Stopwatch()
    for _ in range(2):
        with StageRunner(progress=False, clips=1, watch=watch) as stages:
            stages.run("speaker", ["a"], lambda: 1)
        assert stages.seconds == {"speaker": 3.0}
    assert watch.wall == {"speaker": 2.0}
