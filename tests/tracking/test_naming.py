import pytest

from xttslab.tracking.naming import identity, mlflow_name, texts_for


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("eval/mel_ce/greeting", "eval/mel_ce/greeting"),
        ("eval/műsor/mel_ce", "eval/musor/mel_ce"),
        ("a[0]=b,c", "a_0__b_c"),
        ("x" * 300, "x" * 250),
    ],
)
def test_names_are_what_every_server_takes(name, taken):
    assert mlflow_name(name) == taken


def test_long_values_are_cut_and_said(caplog):
    texts = texts_for({"text": "é" * 20, "n": 3, "none": None}, longest=10)
    assert texts == {"text": "é" * 9 + "…", "n": "3", "none": "None"}
    assert "text: 20 characters, cut to 10" in caplog.text


def test_identity_names_the_program():
    assert identity()["mlflow.source.name"] == "xttslab"
