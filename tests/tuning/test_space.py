"""Ranges and choices of a sweep become what Optuna draws from."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from xttslab.errors import UserError
from xttslab.tuning.space import distributions, overrides


def test_ranges_and_choices():
    space = {
        "optim.lr": {"low": 1e-6, "high": 1e-4, "log": True},
        "adapter.rank": {"low": 4, "high": 32, "step": 4},
        "scheduler": {"choices": ["cosine", "constant"]},
    }
    assert distributions(space) == {
        "optim.lr": FloatDistribution(1e-6, 1e-4, log=True),
        "adapter.rank": IntDistribution(4, 32, step=4),
        "scheduler": CategoricalDistribution(["cosine", "constant"]),
    }


@pytest.mark.parametrize(
    "entry", [{}, {"low": 1}, {"low": 2, "high": 1}, {"choices": []}, {"low": 1, "hight": 2}]
)
def test_what_is_no_range_names_its_key(entry):
    with pytest.raises(UserError, match=r"sweep.space.optim.lr: "):
        distributions({"optim.lr": entry})


def test_a_draw_is_what_hydra_takes():
    assert overrides({"optim.lr": 3e-6, "a": None}) == ["optim.lr=3e-06", "a=null"]
