"""A stage refuses options that it does not read, and trains without what it says it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig, ListConfig, OmegaConf

from tests.conftest import CONF
from xttslab.errors import UserError
from xttslab.training import unread
from xttslab.training.run import train
from xttslab.training.unread import UNREAD, refuse_unread_by_stage, require_possible

OTHER = {  # looked at, but of no effect
    "batch.balance": "equal",
    "batch.max_repeats": 1,
    "model.attention_dropout": 0.5,
    "model.dropout": 0.5,
    "model.recompute": "all",
}
BASIS = ("dataset=milliomos", "model=xtts_mini")
SHORT = {
    "dvae": ("stage.batches=2", "stage.batch_codes=80"),
    "decoder": ("stage.batches=2", "stage.segments=4", "stage.segment_codes=8"),
}


@pytest.mark.parametrize(
    ("stage", "given", "named"),
    [
        ("decoder", ["adapter=lora"], "adapter=lora"),
        ("dvae", ["adapter=lora", "batch.workers=2"], "adapter=lora, batch.workers=2"),
        ("decoder", ["batch.clips=4", "loss.mask=coqui"], "batch.clips=4, loss.mask=coqui"),
        ("decoder", ["train_only=[gpt]", "compile=true"], "compile=True, train_only=['gpt']"),
        (
            "dvae",
            ["checkpoint.half=true", "batch.balance=sqrt"],
            "batch.balance=sqrt, checkpoint.half=True",
        ),
        ("dvae", ["samples.temperature=0.5"], "samples.temperature=0.5"),
        ("decoder", ["experiment=demo", "timed_steps=9"], "batch.clips=8, batch.prompt=other, ba"),
    ],
)
def test_what_a_stage_does_not_read_is_named(compose, stage: str, given, named: str) -> None:
    default = compose(f"stage={stage}", *BASIS)
    config = compose(f"stage={stage}", *BASIS, *given)
    with pytest.raises(UserError, match=rf"stage={stage} does not read ") as raised:
        refuse_unread_by_stage(config, default)
    assert named in str(raised.value)
    assert str(raised.value).endswith(": leave that out")


@pytest.mark.parametrize(
    ("stage", "basis", "given"),
    [
        ("gpt", [], ["adapter=lora", "batch.clips=4", "compile=true", "samples.top_k=1"]),
        ("decoder", [], ["batch.workers=2", "checkpoint.half=true", "samples.temperature=0.5"]),
        ("decoder", ["hardware=gpu_6gb"], ["optim.lr=1e-4"]),  # the preset of the card, as it is
        ("dvae", ["hardware=gpu_8gb"], ["checkpoint.patience=0", "scheduler=constant"]),
        ("dvae", [], ["samples.every_n_epochs=0", "timed_steps=0"]),  # nothing is asked for
    ],
)
def test_what_a_stage_reads_or_nobody_said_is_not_refused(compose, stage, basis, given) -> None:
    default = compose(f"stage={stage}", *BASIS, *basis)
    refuse_unread_by_stage(compose(f"stage={stage}", *BASIS, *basis, *given), default)


def test_a_search_over_what_is_not_read_is_refused(compose) -> None:
    config = compose("stage=dvae", *BASIS)
    refuse_unread_by_stage(config, config, varied=["optim.lr"])
    with pytest.raises(UserError, match=r"stage=dvae does not read adapter\.rank=…: leave"):
        refuse_unread_by_stage(config, config, varied=["optim.lr", "adapter.rank"])


@pytest.mark.parametrize(
    ("old", "given", "warned"),
    [
        ({"balance": "none", "max_repeats": 3}, [], False),  # as `prepare` wrote it
        ({"balance": "sqrt", "max_repeats": 3}, [], True),
        ({"balance": "sqrt", "max_repeats": 3}, ["batch.balance=sqrt"], False),
        ({}, ["batch.balance=equal"], False),
    ],
)
def test_the_balance_of_an_older_dataset_config_is_pointed_at(
    compose, caplog: pytest.LogCaptureFixture, old, given, warned: bool
) -> None:
    config, default = compose(*BASIS, *given), compose(*BASIS)
    for some in (config, default):
        OmegaConf.set_struct(some, False)
        some.dataset.update(old)
    refuse_unread_by_stage(config, default)
    said = (
        "dataset.balance=sqrt of the data set's configuration is not read any more; "
        "give batch.balance=sqrt to train"
    )
    assert [record.getMessage() for record in caplog.records] == [said] * warned


def spoiled(config: DictConfig, stage: str) -> DictConfig:
    """The configuration with every option that the stage does not read as none can be."""
    for name in UNREAD[stage]:
        spoil(config, name)
    return config


def spoil(config: DictConfig, name: str) -> None:
    node = OmegaConf.select(config, name)
    if isinstance(node, DictConfig):
        for key in node:
            spoil(config, f"{name}.{key}")
    elif not isinstance(node, ListConfig):
        OmegaConf.update(config, name, OTHER.get(name, "spoiled"))


@pytest.mark.parametrize("stage", SHORT)
def test_a_stage_trains_whatever_the_options_say_that_it_does_not_read(
    workplace, tiny, stage: str
) -> None:
    more = (f"stage={stage}", *SHORT[stage], "trainer.max_epochs=1")
    plain = train(tiny(*more, "run_name=plain"))
    assert train(spoiled(tiny(*more, "run_name=spoiled"), stage)) == plain


def test_the_command_says_it_at_once(workplace: Path) -> None:
    prepared = Path("data/conf/dataset/műsor.yaml")  # as `prepare` leaves a data set of that name
    prepared.parent.mkdir(parents=True)
    usual = (CONF / "dataset/milliomos.yaml").read_text(encoding="utf-8")
    prepared.write_text(usual.replace("milliomos", "műsor"), encoding="utf-8")
    Path("data/milliomos").rename("data/műsor")
    call = [sys.executable, "-m", "xttslab.train", "dataset=műsor", "model=xtts_mini"]
    environment = {**os.environ, "PYTHONPATH": str(Path(unread.__file__).parents[2])}
    done = subprocess.run(
        [*call, "stage=decoder", "adapter=lora", "hardware=gpu_8gb", "batch.clips=2"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    said = "error: stage=decoder does not read adapter=lora, batch.clips=2: leave that out\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("optim.lr=0", "optim.lr=0: give more than 0"),
        ("optim.lr=-1", "optim.lr=-1: give more than 0"),
        ("batch.eval_clips=0", "batch.eval_clips=0: give 1 or more"),
        ("batch.clips=-2", "batch.clips=-2: give 0 or more"),
        ("batch.clips=0", "batch.clips=0 fills batch.max_tokens=, which is 0: give one of them"),
        ("samples.every_n_epochs=-1", "samples.every_n_epochs=-1: give 0 or more"),
        ("seed=-1", "seed=-1: give 0 or more"),
        ("checkpoint.top_k=0", "checkpoint.top_k=0: give 1 or more"),
        ("+trainer.logger=true", "trainer.logger: every run sets it itself; use logger="),
        ("+trainer.plugins=[]", "trainer.plugins: every run sets it itself"),
    ],
)
def test_numbers_that_no_training_can_have_are_refused(compose, option: str, message: str) -> None:
    with pytest.raises(UserError) as refused:
        require_possible(compose(option))
    assert str(refused.value) == message


def test_all_shipped_numbers_are_possible(compose) -> None:
    require_possible(compose())
    require_possible(compose("batch.clips=0", "batch.max_tokens=4000"))
    for stage in ("decoder", "dvae"):
        require_possible(compose(f"stage={stage}"))
