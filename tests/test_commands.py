"""Command lines as people type them: mistakes are one line and cost no heavy import."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from omegaconf import OmegaConf

from tests.conftest import CONF
from tests.processes import Command
from xttslab import __version__, commands
from xttslab.errors import UserError
from xttslab.evaluate import _refuse_unread as evaluation_options
from xttslab.speaking.texts import OF_BASE, refuse_beside_run, require_say_options

ROOT = CONF.parent
# Runs entry points with the options of the file argv[1]: what each says, and what was imported.
SEVERAL = """
import copy, importlib, json, sys
from functools import cache
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from xttslab.commands import CONF
from xttslab.errors import UserError

@cache
def composed(name, *groups):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(name, [*groups])

found = []
with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
for name, options in cases:
    groups = [f"dataset={options.pop('dataset')}"] if "dataset" in options else []
    config = copy.deepcopy(composed(name, *groups))
    for key, value in options.items():
        OmegaConf.update(config, key, value)
    try:
        importlib.import_module(f"xttslab.{name}").main(config)
        said = "nothing"
    except UserError as fault:
        said = str(fault)
    found.append([said, sorted({"torch", "transformers", "mlflow", "librosa"} & set(sys.modules))])
print(json.dumps(found))
"""


def command(*arguments: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    call = [sys.executable, "-m", *arguments]
    return subprocess.run(
        call, cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=120,
        check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["modell=x"], "modell= is no option here; did you mean model=?"),
        (["dataset=nincs"], "dataset=nincs: is no choice here; choose one of blikk combined"),
        (["optim.lrr=ő"], "optim.lrr= is no option here; did you mean optim.lr=?"),
        (["trainer.max_epochs"], "trainer.max_epochs: write trainer.max_epochs=VALUE"),
        (["dataset=milliomos,blikk"], "dataset=milliomos,blikk: several values need -m"),
        (["seed=hét"], "seed=hét: give a number"),
        (
            ["dataset=combined", "trainer.max_epochs=60"],
            "data/milliomos does not exist; make it with "
            "`python -m xttslab.prepare dataset=milliomos source=PATH`",
        ),
    ],
)
def test_a_fault_is_one_line_with_a_remedy(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    result = Command("train", *arguments, folder=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("error: ")
    assert message in line


def test_missing_weights_are_told_before_anything_is_loaded(tmp_path: Path) -> None:
    for name in ("milliomos", "blikk"):
        (tmp_path / "data" / name).mkdir(parents=True)
    result = Command("train", "dataset=combined", "trainer.max_epochs=60", folder=tmp_path)
    assert result.returncode == 2
    (line,) = result.stderr.strip().splitlines()
    assert "models/xtts_v2" in line
    assert "model.accept_licence=true" in line
    assert "model=xtts_mini" in line


SAY = {"text": "Jó!", "out": "a.wav"}
EVALUATE = {"clips": "full.wav", "references": "full.wav"}
MISTAKES = [
    ("say", {"out": "a.wav"}, 'say what? give either text="…" or text_file=PATH'),
    ("say", SAY | {"text_file": "x"}, "say what? give either text="),
    ("say", SAY | {"text": " "}, "text: there is no text to say in it"),
    ("say", SAY | {"text": "", "text_file": "Új (1)"}, "Új (1): cannot be read (No such file"),
    ("say", SAY | {"out": "a.aac"}, "a.aac: name a recording that ends in .wav, .flac, .mp3, .ogg"),
    ("say", SAY | {"out": "full.wav"}, "full.wav: is a folder; name a file"),
    ("say", SAY | {"out": "file/a.wav"}, "file/a.wav: cannot be written, for "),
    ("say", {"text": "Jó!"}, "out= is missing: the recording to write, such as out=hello.wav"),
    ("say", SAY | {"text": "Jó [pause 99s]"}, "[pause 99s]: a pause lasts 0 to 60 s; correct it"),
    ("say", SAY | {"pause_between": 99}, "pause_between=99: give a number from 0 to 60"),
    ("say", SAY | {"pause_between": None}, "pause_between=None: give a number from 0 to 60"),
    ("say", SAY | {"reference_clips": 0}, "reference_clips=0: give a whole number from 1 to 10000"),
    ("say", SAY | {"longest": None}, "longest=None: give a whole number from 1 to 10000"),
    ("say", SAY | {"takes": 0.5}, "takes=0.5: give a whole number from 1 to 10000"),
    ("say", SAY | {"true_peak": None}, "true_peak=None: give -20 to 0 dBTP; -1 is usual"),
    ("say", SAY | {"lufs": "hangos"}, "lufs=hangos: give -40 to -6"),
    ("say", SAY | {"lufs": 3}, "lufs=3: give -40 to -6; podcasts have -16"),
    ("say", SAY | {"lexicon": "gone.csv"}, "gone.csv: cannot be read (No such file"),
    ("say", SAY | {"join": "a.wav"}, "join= goes with batch=FILE; see docs/speaking.md"),
    ("say", SAY | {"batch_file": "file"}, "batch= names a file of lines; give it without text="),
    ("say", {"batch_file": "file"}, "out= is missing: the folder for the recordings; or give jo"),
    ("say", {"batch_file": "file", "out": "o"}, "file: the file is empty; it needs rows of id|tex"),
    ("say", SAY | {"speaker_wav": ["én.wav"]}, "én.wav: no such audio file; correct speaker_wav="),
    ("say", SAY | {"run": "senki"}, "run 'senki' is not in "),
    ("say", SAY | {"dataset": "blikk"}, "data/blikk does not exist; make it with"),
    ("evaluate", {}, "evaluate what? give run=RUN"),
    ("evaluate", {"run": "x", "out": "file"}, "file/scores.csv: cannot be written, for "),
    ("evaluate", EVALUATE | {"references": ""}, "clips= needs references=DIR"),
    ("evaluate", EVALUATE | {"clips": "nincs"}, "nincs: no such folder; correct clips="),
    ("evaluate", EVALUATE | {"references": "file"}, "file: is a file, not a folder; correct ref"),
    ("evaluate", EVALUATE | {"texts": "a,b.csv"}, "a,b.csv: no such file; correct texts="),
    ("evaluate", {"run": "senki", "others": ["nincs"]}, "nincs: no such folder; correct others="),
    ("evaluate", {"run": "senki"}, 'runs there: első "próba"\'s'),
    ("evaluate", {"dataset": "blikk"}, "data/blikk does not exist; make it with"),
    ("report", {"run": "best:nincs"}, "no finished run on data set 'nincs' in "),
    ("compare", {}, "runs=[]: name two or more runs, as in runs=[first,second]"),
    ("compare", {"runs": "a"}, "runs=a: name two or more runs"),
    ("compare", {"runs": ["Őszi", "Téli"]}, "run 'Őszi' is not in "),
    ("export", {"run": "senki", "out": "voice"}, "run 'senki' is not in "),
    ("export", {"run": "file", "out": "full.wav"}, "full.wav: exists already; name another one"),
    ("export", {"run": "file", "out": "v", "mlflow_model": "file"}, "file: exists already"),
    ("export", {"run": "file", "out": "v", "mlflow_model": "./v"}, "mlflow_model=./v: is out= too"),
    ("import_run", {"source": "nincs"}, "nincs: no such folder; correct source="),
    (
        "review",
        {"name": "Kvíz"},
        "dataset=Kvíz: a name holds a-z, 0-9, _ and - only; write ",
    ),
    (
        "review",
        {"name": "nincs"},
        "'nincs': data has no such prepared set; make it with `python ",
    ),
    (
        "review",
        {"name": "combined"},
        "is made of other sets; review dataset=milliomos and ",
    ),
    ("sync", {}, "outputs: no tracked run in it"),
]


def test_a_mistake_that_the_disk_shows_is_one_line_before_anything_heavy_is_imported(
    tmp_path: Path, empty_store: Path
) -> None:
    (tmp_path / "mlruns").mkdir()
    store = shutil.copy(empty_store, tmp_path / "mlruns/mlflow.db")
    with sqlite3.connect(store) as connection:
        connection.execute(
            "INSERT INTO runs (run_uuid, name, status, lifecycle_stage, experiment_id) "
            "VALUES ('a', 'első \"próba\"''s', 'FINISHED', 'active', 0)"
        )
    (tmp_path / "full.wav").mkdir()
    (tmp_path / "file").touch()
    cases = [(name, options) for name, options, _ in MISTAKES]
    (tmp_path / "cases.json").write_text(json.dumps(cases), encoding="utf-8")
    (tmp_path / "several.py").write_text(SEVERAL, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "several.py", "cases.json"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": ""},
        capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for (name, options, message), (said, heavy) in zip(
        MISTAKES, json.loads(done.stdout), strict=True
    ):
        assert message in said, (name, options)
        assert "\n" not in said, (name, options)
        assert heavy == [], (name, options)


def test_help_lists_the_groups(tmp_path: Path) -> None:
    """In the encoding of a Hungarian Windows, which lacks the arrows of the help."""
    result = command("xttslab.train", "--help", folder=tmp_path, PYTHONIOENCODING="cp1250")
    assert result.returncode == 0
    assert result.stdout.startswith("train is powered by Hydra.")
    for group in ("dataset", "experiment", "model", "optim", "trainer"):
        assert f"\n{group}: " in result.stdout


@pytest.mark.parametrize("encoding", ["cp1250", "cp1252", "ascii"])
def test_what_a_console_lacks_is_printed_all_the_same(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(io.BytesIO(), encoding)
        with monkeypatch.context() as patched:
            patched.setattr(sys, name, stream)
            commands.write_utf8()
            print("első → űr \udcff", file=stream, flush=True)
        assert stream.buffer.getvalue().decode().rstrip() == "első → űr ?"


def test_every_command_prints_through_launch() -> None:
    """So that each of them prints in UTF-8, and `xttslab COMMAND` finds it."""
    modules = {path.stem: path.read_text("utf-8") for path in commands.PACKAGE.glob("*.py")}
    launched = {name for name, text in modules.items() if f'\n    launch(main, "{name}")\n' in text}
    started = {name for name, text in modules.items() if '\nif __name__ == "__main__":\n' in text}
    assert launched == started == {path.stem for path in CONF.glob("*.yaml")}
    assert len(launched) >= 10


def called(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[tuple[str, list[str]]]:
    """What `xttslab` with these arguments would run, with which command line."""
    run: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(sys, "argv", ["/usr/bin/xttslab", *arguments])
    monkeypatch.setattr("runpy.run_module", lambda name, **_: run.append((name, sys.argv[:])))
    commands.main()
    return run


def test_xttslab_runs_a_command_as_python_m_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = called(monkeypatch, "train", "dataset=x", "-m")
    assert run == [("xttslab.train", ["xttslab train", "dataset=x", "-m"])]
    for arguments in ([], ["--help"]):
        assert called(monkeypatch, *arguments) == []
        shown = capsys.readouterr().out
        assert "\n  say         Speak a text, or all lines of a table or JSON file" in shown
        assert "\n  commands" not in shown
    called(monkeypatch, "--version")
    assert capsys.readouterr().out == f"{__version__}\n"
    with pytest.raises(SystemExit) as end:
        called(monkeypatch, "trian")
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: xttslab trian: no such command; did you mean train?\n"


def test_data_sets_are_found_beside_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever the command runs: `prepare` writes their configurations into data_dir."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "Új ${mappa}, 'régi'"
    (place / "conf/dataset").mkdir(parents=True)
    (place / "conf/dataset/uj.yaml").write_text("name: uj\nsources: {}\n", encoding="utf-8")
    shown = Command("train", "--cfg", "job", "dataset=uj", f"data_dir={place}", folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "  name: uj\n" in shown.stdout
    assert Command("train", "dataset=uj", folder=tmp_path).returncode == 2


def launched(
    monkeypatch: pytest.MonkeyPatch, folder: Path, fault: BaseException, *arguments: str
) -> int:
    """The exit status of a command in `folder` whose task raises `fault`."""

    def task(config: object) -> None:
        raise fault

    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["sync", *arguments])
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    with pytest.raises(SystemExit) as end:
        commands.launch(task, "sync")
    return int(end.value.code)


def test_ctrl_c_is_one_line_in_every_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert launched(monkeypatch, tmp_path, KeyboardInterrupt()) == 130
    assert capsys.readouterr().err == "stopped\n"


def test_what_a_constructor_refuses_is_said_without_what_hydra_says_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fault = InstantiationException("Error in call to target 'x'\nfull_key: a")
    fault.__cause__ = UserError("speed=0: give a number")
    assert launched(monkeypatch, tmp_path, fault) == 2
    assert capsys.readouterr().err == "error: speed=0: give a number\n"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk: No space left on device; fr"),
        (
            PermissionError(errno.EACCES, "Permission denied", "a.csv"),
            "a.csv: Permission denied; c",
        ),
    ],
)
def test_a_fault_of_the_disk_is_one_line_wherever_it_comes_up(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    fault: OSError,
    said: str,
) -> None:
    assert launched(monkeypatch, tmp_path, fault) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {said}")


def test_what_a_run_answers_itself_is_refused_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = OmegaConf.create({"hydra": {"overrides": {"task": ["run=a", "model.dropout=0"]}}})
    monkeypatch.setattr(HydraConfig.instance(), "cfg", typed)
    refuse_beside_run("", OF_BASE)
    refuse_beside_run("a", ("weights", "dataset", "language"))
    with pytest.raises(UserError, match="model= is for a base without a run: run=a has its own"):
        refuse_beside_run("a", OF_BASE)


@pytest.mark.parametrize(
    ("config", "typed", "message"),
    [
        ({}, "settings.seed=3", "settings.seed=: an evaluation does not read it; seeds=[7,8] are"),
        ({}, "texts=a.csv", "texts=: an evaluation without clips= does not read it; leave it out"),
        ({}, "search_plan.seeds=[3]", "search_plan.seeds=: an evaluation without search=refere"),
        ({"search": "references"}, "seeds=[3]", "seeds=: search=references does not read it; give"),
        ({"search": "references"}, "takes=3", "takes=: search=references does not read it; leave"),
        ({"clips": "a"}, "settings.speed=2", "settings.speed=: clips= does not read it; leave it"),
        ({"clips": "a"}, "texts=a.csv", ""),
        ({"search": "references"}, "settings.speed=1.1", ""),
    ],
)
def test_an_evaluation_refuses_what_it_does_not_read(
    config: dict, typed: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = OmegaConf.create({"hydra": {"overrides": {"task": [typed]}}})
    monkeypatch.setattr(HydraConfig.instance(), "cfg", given)
    asked = OmegaConf.create({"clips": "", "search": ""} | config)
    if not message:
        evaluation_options(asked)
        return
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        evaluation_options(asked)


@pytest.mark.parametrize(
    ("config", "typed", "message"),
    [
        (
            {},
            "true_peak=-3",
            "true_peak=: a recording without lufs= does not read it; leave",
        ),
        ({}, "format=mp3", "format=: a single text does not read it; the ending of out= is its"),
        ({"batch_file": "a"}, "pause_between=1", "pause_between=: a call without join= does not"),
        ({"speaker_wav": ["a"]}, "category=b", "category=: a call with speaker_wav= does not read"),
        ({"lufs": -16}, "true_peak=-3", ""),
    ],
)
def test_say_refuses_what_it_does_not_read(
    config: dict, typed: str, message: str, compose, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = compose("out=a.wav", name="say")
    asked.update(config)
    given = OmegaConf.create({"hydra": {"overrides": {"task": [typed]}}})
    monkeypatch.setattr(HydraConfig.instance(), "cfg", given)
    if not message:
        require_say_options(asked)
        return
    with pytest.raises(UserError, match=f"^{re.escape(message)}"):
        require_say_options(asked)


def sweep(tmp_path: Path, code: str) -> subprocess.CompletedProcess[str]:
    """A sweep of three runs whose task is `code`, over optim.lr=1, 2 and 3."""
    script = "from xttslab.commands import launch\nfrom xttslab.errors import UserError\n"
    script += f"def main(config):\n    {code}\nlaunch(main, 'train')\n"
    (tmp_path / "swept.py").write_text(script, encoding="utf-8")
    arguments = ["hydra.sweep.dir=swept", "~hydra.callbacks.sweep", "-m", "optim.lr=1,2,3"]
    return subprocess.run(
        [sys.executable, "-W", "ignore", "swept.py", *arguments], cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, encoding="utf-8",
        check=False,
    )  # fmt: skip


def test_a_sweep_counts_the_runs_that_failed(tmp_path: Path) -> None:
    code = """
    print("run", config.optim.lr, flush=True)
    if config.optim.lr == 1:
        raise UserError("no such thing")
    if config.optim.lr == 2:
        raise ZeroDivisionError"""
    done = sweep(tmp_path, code)
    assert done.returncode == 1
    assert done.stdout.split() == ["run", "1", "run", "2", "run", "3"]
    lines = done.stderr.splitlines()
    assert lines[0] == "error: no such thing"
    assert "ZeroDivisionError" in lines
    assert lines[-1] == (
        "error: 2 runs of the sweep failed, see the messages above; the others are whole"
    )
