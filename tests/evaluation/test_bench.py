from xttslab.evaluation.bench import Bench
from xttslab.evaluation.predictors import PredictorMissing


def missing() -> None:
    raise PredictorMissing("it is not installed; run `pip install it`")


def test_stages_are_timed_and_give_their_results() -> None:
    with Bench(progress=False, clips=3) as bench:
        assert bench.run("one", ["a"], lambda: 5) == 5
        assert bench.each("two", ["b"], [1, 2, 3], lambda n: n * n) == [1, 4, 9]
    assert list(bench.seconds) == ["one", "two"]
    assert all(seconds >= 0 for seconds in bench.seconds.values())
    assert bench.missing == {}


def test_a_missing_predictor_is_noted_for_its_measures_and_stops_nothing() -> None:
    with Bench(progress=False, clips=2) as bench:
        assert bench.run("one", ["a", "b"], missing) is None
        assert bench.each("two", ["c"], [1, 2], lambda _: missing()) == [None, None]
    assert bench.missing == dict.fromkeys("abc", "it is not installed; run `pip install it`")
