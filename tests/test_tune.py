"""The entry point of a search: what its runs are composed of."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from tests.conftest import CONF, make_clips
from xttslab.tune import main
from xttslab.tuning import search, sweep_run

SPACE = "sweep: {name: quick, space: {optim.lr: {low: 1.0e-4, high: 1.0e-3}}}"


@pytest.fixture
def composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs a search over `conf/sweep/quick.yaml` that trains nothing; the configuration and the
    overrides of a run with further ones."""
    monkeypatch.chdir(tmp_path)
    make_clips(tmp_path / "data/milliomos", "milliomos", ["greeting"], each=1)
    made = tmp_path / "own/sweep/quick.yaml"
    made.parent.mkdir(parents=True)
    made.write_text(f"# @package _global_\nsamples: {{every_n_epochs: 3}}\n{SPACE}\n")
    best = SimpleNamespace(value=4.5, command="")

    def run(*overrides: str, drawn: tuple[str, ...] = ()):
        def begin(config, given, composing, train):
            seen.append((composing([*given, *drawn]), given))
            return SimpleNamespace(run=lambda: best)

        seen: list = []
        monkeypatch.setattr(search, "Search", begin)
        everything = [f"hydra.searchpath=[file://{tmp_path / 'own'}]", *overrides]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose("tune", everything, return_hydra_config=True)
            monkeypatch.setattr(HydraConfig.instance(), "cfg", config)
            assert main(config) == 4.5
        return seen[0]

    return run


TINY = ("dataset=milliomos", "model=xtts_mini", "weights=random")


def test_what_else_the_file_of_a_sweep_sets_holds_for_its_runs(composed) -> None:
    config, given = composed("sweep=quick", *TINY, drawn=("optim.lr=2e-4",))
    assert config.samples.every_n_epochs == 3
    assert config.optim.lr == 2e-4
    assert config.sweep == {"name": "quick", "space": None}
    assert given == ["sweep=quick", "sweep.space=null", *TINY]


def test_the_command_line_goes_before_the_file_of_a_sweep(composed) -> None:
    more = ("samples.every_n_epochs=0", "tuning.trials=3", "run_name=x", "sweep.name=fast")
    config, given = composed("sweep=quick", *TINY, *more)
    assert config.samples.every_n_epochs == 0
    assert given == ["sweep=quick", "sweep.space=null", *TINY, "samples.every_n_epochs=0"]


def test_without_a_named_sweep_the_usual_one_is_searched(composed) -> None:
    _, given = composed(*TINY)
    assert given[:2] == ["sweep=lr", "sweep.space=null"]


def test_a_run_of_a_grid_is_trained_again_with_all_that_its_file_sets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = tmp_path / "swept" / sweep_run.NOTE
    note.parent.mkdir()
    note.write_text('{"key": "abc"}', encoding="utf-8")
    grid = ["dataset=milliomos", "sweep=lora_rank", "adapter.rank=4"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", grid, return_hydra_config=True)
        config.hydra.runtime.cwd, config.hydra.sweep.dir = str(tmp_path), "swept"
        monkeypatch.setattr(HydraConfig.instance(), "cfg", config)
        command = sweep_run.sweep_tags()[sweep_run.COMMAND_TAG]
        again = compose("train", command.split()[3:], return_hydra_config=True)
    assert command.endswith("dataset=milliomos sweep=lora_rank adapter.rank=4 hydra.mode=RUN")
    assert again.hydra.mode.name == "RUN"
    assert (again.adapter.name, again.adapter.rank) == ("lora", 4)
