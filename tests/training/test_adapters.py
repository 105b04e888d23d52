"""`adapter=lora` in a run: small files, exact continuation, and a fair refusal."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.test_run import losses, rows
from xttslab.errors import UserError
from xttslab.model.adapters import SCALE
from xttslab.model.checkpoints import read_tensors
from xttslab.training.run import train


def test_adapters_are_saved_alone_and_go_on_in_the_next_run(workplace, tiny) -> None:
    train(tiny("run_name=lora", "adapter=lora", "optim.lr=0.01"))
    logged = rows("lora")
    assert logged[2]["train_eval/mel_ce"] < logged[0]["train_eval/mel_ce"] - 0.1
    kept = read_tensors(Path("outputs/lora/checkpoints/best.safetensors"))
    assert kept[SCALE].item() == 2.0
    assert "gpt.gpt.h.0.attn.c_attn.lora_A.default.weight" in kept
    assert not any("base_layer" in name or "embedding" in name for name in kept)
    train(tiny("run_name=whole", "init_from=outputs/lora", "trainer.max_epochs=1"))
    best = min((row["eval/mel_ce"], epoch) for epoch, row in logged.items() if epoch)[1]
    for name in ("eval/mel_ce", "eval/text_ce", "eval_ref/mel_ce"):
        assert rows("whole")[0][name] == pytest.approx(logged[best][name], abs=1e-5)


def test_a_run_with_adapters_resumes(workplace, tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("adapter=lora", "checkpoint.every_minutes=0", "trainer.max_epochs=2")
    train(tiny("run_name=once", *options))
    train(tiny("run_name=cut", *options, "checkpoint.keep_last=true"))
    Path("outputs/cut/finished").unlink()
    train(tiny("run_name=cut", *options, "trainer.max_epochs=3", "resume=true"))
    assert sorted(losses("cut")) == [0, 1, 2, 3]
    assert losses("cut")[2] == losses("once")[2]


def test_adapters_and_train_only_exclude_each_other(workplace, tiny) -> None:
    with pytest.raises(UserError, match=r"train_only: adapter=lora freezes all else.*also_trained"):
        train(tiny("run_name=both", "adapter=lora", "train_only=[heads]"))
