"""`python -m xttslab.serve`: what it refuses before anything is loaded."""

from __future__ import annotations

import pytest

from xttslab.errors import UserError
from xttslab.serve import _require


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "whose voice\\? give run=RUN, or a base's dataset=NAME"),
        (["settings.pace=5"], "settings.pace is measured on whole speech"),
        (["limits.requests=0"], "limits.requests=0: must be more than 0"),
        (["limits.speed=[2,1]"], "limits.speed=\\[2, 1\\]: give the slowest and the fastest"),
        (["together=-1"], "together=-1: must be more than 0"),
        (["dataset=milliomos"], "milliomos"),
    ],
)
def test_faults_are_told_at_once(compose, given: list[str], message: str, tmp_path) -> None:
    config = compose(*given, f"data_dir={tmp_path}", name="serve")
    with pytest.raises(UserError, match=message):
        _require(config)


def test_a_missing_package_is_named(compose, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'xttslab\[serve\]'"):
        _require(compose(name="serve"))
