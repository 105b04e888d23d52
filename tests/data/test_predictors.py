import pytest

from xttslab.data.predictors import PredictorMissing, require


def test_a_missing_module_names_the_command_that_brings_it() -> None:
    with pytest.raises(PredictorMissing) as fault:
        require("no_such_predictor", "run `pip install it`")
    assert str(fault.value) == (
        "no_such_predictor cannot be imported (No module named 'no_such_predictor'); "
        "run `pip install it`"
    )


def test_a_module_that_is_there_is_returned() -> None:
    assert require("math", "").sqrt(4) == 2
