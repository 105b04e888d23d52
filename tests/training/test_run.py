"""Memory that runs out and worker processes that are killed, for real, in a run."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import psutil
import pytest
import torch
from omegaconf import OmegaConf

from xttslab.errors import UserError
from xttslab.model.checkpoints import read_tensors
from xttslab.reporting.build import report_finished
from xttslab.tracking.runs import find_run
from xttslab.training import run as explaining
from xttslab.training.gpt_stage import GptStage
from xttslab.training.memory import PRESETS, smaller_preset
from xttslab.training.run import reported_faults, train


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
        reported_faults("run"),
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
    with pytest.raises(UserError) as raised, reported_faults("run"):
        raise UserError(
            "Caught UserError in DataLoader worker process 0.\nTraceback …\n"
            "xttslab.errors.UserError: x.bin: the stored codes are damaged; start again"
        )
    assert str(raised.value) == "x.bin: the stored codes are damaged; start again"


def test_a_defect_of_the_program_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="shapes do not fit"), reported_faults("run"):
        raise RuntimeError("shapes do not fit")


def test_a_lost_peer_is_told_only_in_a_run_of_several(monkeypatch) -> None:
    lost = RuntimeError("[gloo/transport/tcp/pair.cc] Connection closed by peer [127.0.0.1]:4711")
    with pytest.raises(RuntimeError, match="gloo"), reported_faults("run"):
        raise lost
    monkeypatch.setattr(explaining, "_distributed", lambda: True)
    with pytest.raises(UserError, match=r"another process of this run ended.*resume=true"):
        with reported_faults("run"):
            raise lost


PER_EPOCH = {
    f"{part}/{name}"
    for part in ("train", "eval", "train_eval")
    for name in ("text_ce", "mel_ce", "total", "text_ce_weighted")
} | {
    *(f"gap/{name}" for name in ("text_ce", "mel_ce", "total")),
    *(f"eval/milliomos/{name}" for name in ("text_ce", "mel_ce", "total")),
    "eval_ref/mel_ce",
    "eval/mel_ce/greeting",
    "eval/mel_ce/tension",
    "eval/stop_ce",
    "eval/mel_ce_other_text",
    "eval/text_gain",
    "lr",
    "grad_norm",
    "speed/clips_per_s",
    "speed/audio_s_per_s",
    "memory/peak_gb",
}


def rows(run: str) -> dict[int, dict[str, float]]:
    lines = Path("outputs", run, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return {row.pop("epoch"): row for row in map(json.loads, lines)}


def losses(run: str) -> dict[int, dict[str, float]]:
    """The rows without what depends on the machine's mood."""
    machine = ("speed/", "memory/")
    return {
        epoch: {k: v for k, v in row.items() if not k.startswith(machine)}
        for epoch, row in rows(run).items()
    }


def test_a_run_logs_every_metric_and_keeps_its_best(workplace, tiny) -> None:
    best = train(tiny("run_name=first"))
    logged = rows("first")
    assert sorted(logged) == [0, 1, 2]
    assert set(logged[2]) >= PER_EPOCH
    assert not any(name.startswith("train/") for name in logged[0])
    for row in logged.values():
        assert row["gap/mel_ce"] == pytest.approx(
            row["eval/mel_ce"] - row["train_eval/mel_ce"], abs=1e-6
        )
        assert row["eval/total"] == pytest.approx(
            0.01 * row["eval/text_ce"] + row["eval/mel_ce"], abs=1e-6
        )
        assert row["eval/milliomos/mel_ce"] == row["eval/mel_ce"]
        assert row["eval/text_gain"] == pytest.approx(
            row["eval/mel_ce_other_text"] - row["eval/mel_ce"], abs=1e-6
        )
        assert row["eval/text_gain"] != 0
    assert logged[2]["train_eval/mel_ce"] < logged[0]["train_eval/mel_ce"] - 0.1
    assert best == min(row["eval/mel_ce"] for epoch, row in logged.items() if epoch)
    kept = sorted(path.name for path in Path("outputs/first/checkpoints").iterdir())
    assert kept == ["best.safetensors", "checkpoints.json"]
    assert "gpt.mel_head.weight" in read_tensors(Path("outputs/first/checkpoints/best.safetensors"))


def test_the_same_seed_gives_the_same_run(workplace, tiny) -> None:
    train(tiny("run_name=one"))
    train(tiny("run_name=two"))
    assert losses("one") == losses("two")


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(
    workplace, tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("trainer.max_epochs=3", "checkpoint.every_minutes=0")
    train(tiny("run_name=whole", *options))
    step = GptStage.training_step

    def cut_off(self: GptStage, batch, batch_idx):
        if self.current_epoch == 1 and batch_idx == 1:
            raise RuntimeError("the power went")
        return step(self, batch, batch_idx)

    monkeypatch.setattr(GptStage, "training_step", cut_off)
    with pytest.raises(RuntimeError, match="the power went"):
        train(tiny("run_name=cut", *options))
    assert sorted(rows("cut")) == [0, 1]
    monkeypatch.setattr(GptStage, "training_step", step)
    train(tiny("run_name=cut", "resume=true", *options))
    expected, resumed = losses("whole"), losses("cut")
    assert sorted(resumed) == [0, 1, 2, 3]
    for epoch, row in expected.items():
        assert resumed[epoch] == pytest.approx(row, abs=1e-6), epoch
    kept = read_tensors(Path("outputs/cut/checkpoints/best.safetensors"))
    assert all(name.startswith("gpt.") for name in kept)


def test_losses_do_not_depend_on_accumulation(workplace, tiny) -> None:
    still = ("optim.lr=0.0", "model.dropout=0.0", "trainer.max_epochs=1", "scheduler=constant")
    train(tiny("run_name=plain", *still))
    train(tiny("run_name=summed", "trainer.accumulate_grad_batches=4", *still))
    plain, summed = losses("plain")[1], losses("summed")[1]
    for name in ("train/text_ce", "train/mel_ce", "train/total"):
        assert summed[name] == pytest.approx(plain[name], abs=1e-6)


def test_the_second_cycle_starts_from_the_first(workplace, tiny) -> None:
    train(tiny("run_name=first"))
    train(tiny("dataset=combined", "run_name=second", "init_from=outputs/first"))
    first, second = rows("first"), rows("second")
    best = min((row["eval/mel_ce"], epoch) for epoch, row in first.items() if epoch)[1]
    assert second[0]["eval/milliomos/mel_ce"] == pytest.approx(
        first[best]["eval/milliomos/mel_ce"], abs=1e-5
    )
    assert {"eval/milliomos/mel_ce", "eval/blikk/mel_ce"} <= set(second[1])
    tags = find_run("second").tags
    assert (tags["epochs_before"], tags["epochs_total"]) == ("2", "4")
    assert (tags["init_from_name"], tags["init_from_run"]) == ("first", find_run("first").run_id)
    assert tags["run_dir"] == "outputs/second"
    assert tags["checkpoint"] == "outputs/second/checkpoints/best.safetensors"


def test_a_fresh_start_never_overwrites_a_run(workplace, tiny) -> None:
    train(tiny("run_name=mine", "trainer.max_epochs=1"))
    with pytest.raises(UserError, match=r"outputs/mine: holds a run already.*resume=true"):
        train(tiny("run_name=mine"))


def test_a_monitor_that_is_not_logged_is_named(workplace, tiny) -> None:
    with pytest.raises(UserError, match=r"checkpoint.monitor=eval/nothing is not logged"):
        train(tiny("run_name=odd", "checkpoint.monitor=eval/nothing", "checkpoint.patience=0"))


def test_a_run_is_evaluated_every_n_epochs_and_goes_on(workplace, tiny, capsys) -> None:
    options = ("run_name=seldom", "trainer.check_val_every_n_epoch=2", "trainer.max_epochs=5")
    best = train(tiny(*options))
    logged = rows("seldom")
    assert sorted(logged) == [0, 1, 2, 3, 4, 5]
    for epoch, row in logged.items():
        evaluated = epoch in (0, 2, 4)
        assert any(name.startswith(("eval", "gap")) for name in row) == evaluated, epoch
        assert ("train/mel_ce" in row) == (epoch > 0)
        if epoch:  # 8 clips in an epoch, which takes parts of a second
            assert 0.01 < 8 / row["speed/clips_per_s"] < 60
    assert best == min(logged[epoch]["eval/mel_ce"] for epoch in (2, 4))
    table = Path("outputs/seldom/evaluation/clip_losses.csv").read_text(encoding="utf-8")
    assert [line.split(",")[0] for line in table.splitlines()[1::2]] == ["0", "2", "4"]
    config = OmegaConf.to_container(tiny(), resolve=True)
    asked = (config["tracking"]["uri"], config["rules"], config["gates"])
    assert report_finished(Path("outputs/seldom"), *asked), capsys.readouterr().err


def test_a_run_that_would_never_be_evaluated_is_refused(workplace, tiny) -> None:
    with pytest.raises(UserError, match=r"check_val_every_n_epoch=3 with .*max_epochs=2: no epoch"):
        train(tiny("run_name=never", "trainer.check_val_every_n_epoch=3"))
