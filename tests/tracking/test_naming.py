from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.tracking.naming import check_run_name, identity, mlflow_name, texts_for


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


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("lr=3e-6", "lr_3e-6"),
        ("12:30", "12_30"),
        ('"why?"', "_why__"),
        ("a*b<c>d|e", "a_b_c_d_e"),
        ("end.", "end"),
        (" start", "start"),
        ("tab\there", "tab_here"),
        ("con", "run_con"),
        ("COM1.txt", "run_COM1.txt"),
        ("..", "run"),
        ("ő" * 100, "ő" * 60),
    ],
)
def test_a_run_name_that_is_no_folder_everywhere_is_refused_with_one_that_is(name, suggested):
    with pytest.raises(UserError) as fault:
        check_run_name(name)
    assert str(fault.value).startswith(f"run_name={name!r} cannot be a folder's name")
    assert str(fault.value).endswith(f"; try run_name={suggested}")
    check_run_name(suggested)


@pytest.mark.parametrize(
    "name", ["combined_xtts_v2_1a", "első próba's", "a,b (2) [3] $5 ~x", "con9"]
)
def test_a_run_name_may_be_what_people_write(name):
    check_run_name(name)


def test_a_path_is_stored_for_every_system(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = texts_for({"run_dir": Path("outputs/one"), "away": Path("/data/x")}, 100)
    assert found == {"run_dir": "outputs/one", "away": "/data/x"}
    assert texts_for({"run_dir": tmp_path / "outputs"}, 100) == {"run_dir": "outputs"}
