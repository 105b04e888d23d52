"""A study that is stopped goes on with its trials, those in the middle first."""

from pathlib import Path

import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from xttslab.tuning.study import StoredStudy


@pytest.fixture
def reopen(tmp_path: Path):
    """Open the study anew, as another start of the command does."""

    def opened(trials: int = 3) -> StoredStudy:
        space = {"optim.lr": FloatDistribution(1e-6, 1e-4, log=True)}
        storage = f"sqlite:///{tmp_path}/tune.db"
        return StoredStudy("lr", storage, tmp_path / "lr", space, trials, 2, 0, seed=7)

    return opened


def test_trials_are_drawn_until_there_are_enough(reopen):
    study = reopen()
    drawn = []
    while trial := study.ask():
        drawn.append(trial.params["optim.lr"])
        study.tell(trial, float(trial.number), TrialState.COMPLETE)
    assert len(drawn) == len(set(drawn)) == 3
    assert study.best().value == 0.0
    assert reopen().ask() is None
    more = reopen(trials=4)  # goes on, and draws what it has not drawn
    trial = more.ask()
    assert trial.number == 3
    assert trial.params["optim.lr"] not in drawn


def test_an_interrupted_trial_is_taken_up_with_its_values_and_its_run(reopen):
    study = reopen()
    first = study.ask()
    assert study.run_of(first) == "lr_000"
    assert not study.goes_on(first)
    study._held.release()  # as the system does when the process is killed
    again = reopen()
    taken = again.ask()
    assert taken.params == first.params
    assert again.run_of(taken) == "lr_000"
    assert again.goes_on(taken)
    again.tell(taken, 4.0, TrialState.COMPLETE)
    assert list(again.runs()) == ["lr_000"]  # one run, although it took two trials
    while trial := again.ask():
        again.tell(trial, 5.0, TrialState.COMPLETE)
    assert list(again.runs()) == ["lr_000", "lr_002", "lr_003"]


def test_a_trial_that_another_process_is_at_is_left_to_it(reopen):
    one, other = reopen(), reopen()
    first = one.ask()
    second = other.ask()
    assert (first.number, second.number) == (0, 1)
    last = reopen()
    assert last.ask().number == 2
    assert reopen().ask() is None


def test_failed_trials_count_and_are_never_the_best(reopen):
    study = reopen(trials=2)
    study.tell(study.ask(), None, TrialState.FAIL)
    study.tell(study.ask(), 4.5, TrialState.COMPLETE)
    assert study.ask() is None
    assert study.best().number == 1
