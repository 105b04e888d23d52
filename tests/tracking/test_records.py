import math

import pytest

from xttslab.tracking.records import (
    FINISHED,
    KILLED,
    RUNNING,
    Artifact,
    DatasetUsed,
    Finished,
    Metrics,
    Params,
    Resumed,
    Started,
    Tags,
    decode,
    encode,
    replay,
)

RECORDS = [
    Started("k", "kísérlet", "xttslab", {"dataset": "milliomos"}, 1),
    Params({"optim.lr": "3e-6"}),
    Metrics(0, {"eval/mel_ce": 5.25}, 2),
    DatasetUsed("milliomos", "abc", "data/milliomos", "training", {"clips": 80}),
    Artifact("samples/epoch_000/03_greeting.wav", "samples/epoch_000"),
    Resumed(1, 3),
    Tags({"resume.1.optim.lr": "2e-6"}),
    Finished(KILLED, 4),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_line_holds_record(record):
    line = encode(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert decode(line) == record


def test_numbers_that_json_lacks_survive():
    line = encode(Metrics(1, {"a": math.nan, "b": math.inf, "c": -math.inf}, 0))
    assert b'"a": "nan", "b": "inf", "c": "-inf"' in line
    values = decode(line).values
    assert math.isnan(values["a"])
    assert (values["b"], values["c"]) == (math.inf, -math.inf)


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]\n", b"1\n", b'{"kind": "Tags"}\n', b'{"kind": "Nothing"}\n', b"\xff\xfe\n"],
)
def test_foreign_line_is_an_error(line):
    with pytest.raises(ValueError, match="not a journal line"):
        decode(line)


def test_replay_gives_what_the_run_holds():
    state = replay([*RECORDS, Metrics(0, {"eval/mel_ce": 9.0, "eval/total": 5.3}, 5)])
    assert (state.key, state.name, state.resumes, state.status) == ("k", "kísérlet", 1, KILLED)
    assert state.params == {"optim.lr": "3e-6"}
    assert state.tags == {"dataset": "milliomos", "resume.1.optim.lr": "2e-6"}
    assert state.metrics == {"eval/mel_ce": {0: 5.25}, "eval/total": {0: 5.3}}
    assert replay([Finished(FINISHED, 0), Resumed(2, 1)]).status == RUNNING


def test_rows_are_in_the_order_of_the_epochs():
    state = replay([Metrics(2, {"a": 2.0}, 0), Metrics(0, {"a": 0.0, "b": 1.0}, 0)])
    assert list(state.rows().items()) == [(0, {"a": 0.0, "b": 1.0}), (2, {"a": 2.0})]
