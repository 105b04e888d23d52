"""Memory that runs out and worker processes that are killed, for real, in a run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
import torch

from tests.training.test_run import losses
from xttslab.errors import UserError
from xttslab.training import explaining
from xttslab.training.explaining import explained
from xttslab.training.memory import PRESETS, smaller_preset
from xttslab.training.module import GptStage
from xttslab.training.run import train


def in_the_second_epoch(monkeypatch: pytest.MonkeyPatch, act) -> None:
    step = GptStage.training_step

    def acting(self: GptStage, batch, batch_idx):
        if self.current_epoch == 1:
            act()
        return step(self, batch, batch_idx)

    monkeypatch.setattr(GptStage, "training_step", acting)


def test_memory_that_ran_out_names_a_setting(workplace, tiny, monkeypatch) -> None:
    options = ("run_name=large", "checkpoint.every_minutes=0")
    with monkeypatch.context() as patch:
        in_the_second_epoch(patch, lambda: torch.empty(10**15))  # the allocator's own refusal
        with pytest.raises(UserError, match=r"memory ran out: use hardware=cpu.*run_name=large"):
            train(tiny(*options))
    train(tiny(*options, "resume=true", "batch.clips=1"))
    assert sorted(losses("large")) == [0, 1, 2]


def test_a_gpu_whose_memory_ran_out_names_the_preset(monkeypatch) -> None:
    class Card:
        total_memory = 8e9

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 7.6e9)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: Card)
    with (
        pytest.raises(UserError, match=r"7.6 of 8.0 GB were in use\): use hardware=gpu_8gb; go on"),
        explained("run"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_a_preset_that_did_not_suffice_is_not_named_again() -> None:
    assert smaller_preset(7.6) == "gpu_8gb"
    assert smaller_preset(7.6, chosen="gpu_8gb") == "gpu_6gb"
    assert smaller_preset(4.0) is None
    assert list(PRESETS.values()) == sorted(PRESETS.values(), reverse=True)


@pytest.mark.posix
def test_a_killed_data_worker_is_one_line(workplace, tiny, monkeypatch) -> None:
    def kill_workers() -> None:
        for child in psutil.Process().children(recursive=True):
            os.kill(child.pid, signal.SIGKILL)
        for _ in range(100):  # the loader looks at its workers when a batch is late
            torch.zeros(1)

    options = ("run_name=alone", "checkpoint.every_minutes=0", "batch.clips=1")
    with monkeypatch.context() as patch:
        in_the_second_epoch(patch, kill_workers)
        with pytest.raises(UserError, match=r"data worker process was killed.*batch.workers=0"):
            train(tiny(*options, "batch.workers=1"))
    assert Path("outputs/alone/checkpoints/last.ckpt").is_file()  # of the first epoch


def test_a_workers_message_comes_without_its_traceback() -> None:
    with pytest.raises(UserError) as raised, explained("run"):
        raise UserError(
            "Caught UserError in DataLoader worker process 0.\nTraceback …\n"
            "xttslab.errors.UserError: x.bin: the stored codes are damaged; start again"
        )
    assert str(raised.value) == "x.bin: the stored codes are damaged; start again"


def test_a_defect_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="shapes do not fit"), explained("run"):
        raise RuntimeError("shapes do not fit")


def test_a_lost_peer_is_told_only_in_a_run_of_several(monkeypatch) -> None:
    lost = RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed by peer [127.0.0.1]:4711")
    with pytest.raises(RuntimeError, match="gloo"), explained("run"):
        raise lost
    monkeypatch.setattr(explaining, "_distributed", lambda: True)
    with pytest.raises(UserError, match=r"another process of this run ended.*resume=true"):
        with explained("run"):
            raise lost
