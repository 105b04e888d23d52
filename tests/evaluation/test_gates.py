import pytest
import yaml

from tests.conftest import CONF
from xttslab.errors import UserError
from xttslab.evaluation.gates import MET, NOT_MEASURED, NOT_MET, check_gates, read_gates

SHIPPED = yaml.safe_load((CONF / "evaluation" / "gates.yaml").read_text(encoding="utf-8"))


def test_the_seeds_numbers_are_shipped() -> None:
    bounds = [(g.level, g.metric, g.kind, g.bound) for g in read_gates(SHIPPED)]
    assert bounds[:6] == [
        ("minimum", "eval/mel_ce", "below", 3.5),
        ("minimum", "eval/text_ce_weighted", "below", 0.025),
        ("minimum", "score/overall", "at_least", 8.0),
        ("target", "eval/mel_ce", "below", 2.5),
        ("target", "eval/text_ce_weighted", "below", 0.020),
        ("target", "score/overall", "at_least", 9.0),
    ]
    assert ("stretch", "eval/mel_ce", "below", 2.0) in bounds
    assert {level for level, *_ in bounds} == {"minimum", "target", "stretch", "expected"}


def test_the_seeds_own_run_meets_the_text_gate_alone() -> None:
    metrics = {"eval/mel_ce": 5.046, "eval/text_ce_weighted": 0.0234, "score/overall": 7.5}
    found = check_gates(read_gates({"minimum": SHIPPED["minimum"]}), metrics)
    assert [result.state for result in found] == [NOT_MET, MET, NOT_MET]


@pytest.mark.parametrize(
    ("kind", "value", "state"),
    [
        ("below", 2.0, NOT_MET),
        ("below", 1.99, MET),
        ("at_most", 2.0, MET),
        ("at_least", 2.0, MET),
        ("at_least", 1.99, NOT_MET),
        ("at_least", float("nan"), NOT_MEASURED),
        ("at_least", None, NOT_MEASURED),
    ],
)
def test_bounds(kind: str, value: float | None, state: str) -> None:
    gates = read_gates({"target": [{"name": "n", "metric": "m", kind: 2}]})
    metrics = {} if value is None else {"m": value}
    assert check_gates(gates, metrics)[0].state == state


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "n", "metric": "m"}, "gate 'n' of level target has 0 bounds; give one of below"),
        ({"name": "n", "metric": "m", "below": 1, "at_most": 2}, "has 2 bounds"),
        ({"name": "n", "below": 1}, "a gate of level target has no metric"),
    ],
)
def test_gates_that_cannot_be_checked_are_refused(entry: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_gates({"target": [entry]})
