"""The log of a genuine Coqui training: an evaluation before it, two epochs, accumulation over 2."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from xttslab.importing.coqui_curves import (
    CoquiCurves,
    Weights,
    accumulation,
    metric_rows,
    params_of,
    parse_log,
    read_curves,
    weights_of,
)

FOLDER = Path(__file__).parent / "coqui_tiny"
LOG = FOLDER / "trainer_0_log.txt"


def test_the_log_gives_three_rows_from_before_training_on() -> None:
    curves = read_curves(FOLDER)
    assert sorted(curves.train) == [1, 2]
    assert sorted(curves.held_out) == [0, 1, 2]
    assert curves.held_out[0]["loss_mel_ce"] == pytest.approx(7.1158647537)
    assert curves.held_out[2]["loss_text_ce"] == pytest.approx(0.0401959456)
    assert curves.train[1]["loss"] == pytest.approx(3.3670232495)


def test_without_an_evaluation_before_it_epoch_k_is_row_k_plus_1(tmp_path: Path) -> None:
    text = LOG.read_text(encoding="utf-8")
    epochs = text.split("> EPOCH: ")
    late = "".join(f"> EPOCH: {part}" for part in epochs[2:])
    (tmp_path / LOG.name).write_text(late, encoding="utf-8")
    curves = read_curves(tmp_path)
    assert sorted(curves.train) == sorted(curves.held_out) == [2, 3]


def test_an_epoch_that_was_cut_off_keeps_its_training_mean() -> None:
    text = LOG.read_text(encoding="utf-8")
    cut = text[: text.rindex("> EVALUATION")]
    last = parse_log(cut)[-1]
    assert last.trained
    assert last.held_out == {}
    assert last.train["loss_mel_ce"] == pytest.approx(5.4196074406)


def test_events_replace_the_means_so_far_of_the_log(tmp_path: Path) -> None:
    (tmp_path / LOG.name).write_bytes(LOG.read_bytes())
    with SummaryWriter(tmp_path) as events:
        for step, value in ((14, 6.6694), (28, 5.3759)):
            events.add_scalar("TrainEpochStats/avg_loss_mel_ce", value, step)
    curves = read_curves(tmp_path)
    assert curves.train[2]["loss_mel_ce"] == pytest.approx(5.3759)
    assert curves.steps == {1: 14, 2: 28}
    assert curves.held_out[1]["loss_mel_ce"] == pytest.approx(6.0503191947)


def test_events_alone_are_enough(tmp_path: Path) -> None:
    with SummaryWriter(tmp_path) as events:
        for step, value in ((14, 6.5), (28, 5.5)):
            events.add_scalar("TrainEpochStats/avg_loss_mel_ce", value, step)
        for step, value in ((0, 7.0), (14, 6.0), (28, 5.0)):
            events.add_scalar("EvalStats/avg_loss_mel_ce", value, step)
    curves = read_curves(tmp_path)
    assert [values["loss_mel_ce"] for values in curves.train.values()] == [6.5, 5.5]
    assert {row: values["loss_mel_ce"] for row, values in curves.held_out.items()} == {
        0: 7.0,
        1: 6.0,
        2: 5.0,
    }


def test_the_text_weight_is_undone_and_the_total_is_whole() -> None:
    rows = metric_rows(read_curves(FOLDER), Weights())
    assert rows[2]["eval/text_ce"] == pytest.approx(4.01959456)
    assert rows[2]["eval/text_ce_weighted"] == pytest.approx(0.0401959456)
    for row, part in ((1, "train"), (2, "train"), (0, "eval"), (2, "eval")):
        total = 0.01 * rows[row][f"{part}/text_ce"] + rows[row][f"{part}/mel_ce"]
        assert rows[row][f"{part}/total"] == pytest.approx(total)
    assert not any(name.startswith("train/") for name in rows[0])


def test_the_reference_analysis_weighted_text_loss_is_234_nats() -> None:
    curves = CoquiCurves({}, {30: {"loss_text_ce": 0.0234, "loss_mel_ce": 5.046}}, {})
    row = metric_rows(curves, Weights())[30]
    assert row["eval/text_ce"] == pytest.approx(2.34)
    assert row["eval/total"] == pytest.approx(5.0694)


def test_the_accumulation_is_read_off_the_divided_total() -> None:
    assert accumulation(read_curves(FOLDER)) == 2
    public = {"loss_text_ce": 0.0701, "loss_mel_ce": 6.0582, "loss": 1.5321}
    assert accumulation(CoquiCurves({1: public}, {}, {})) == 4
    assert accumulation(CoquiCurves({}, {}, {})) == 1


def test_configuration_becomes_our_parameters() -> None:
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    params = params_of(config, 2)
    assert params["optim.lr"] == 0.001
    assert params["batch.clips"] == 2
    assert params["trainer.accumulate_grad_batches"] == 2
    assert params["trainer.gradient_clip_val"] == "None"
    assert params["model.architecture.layers"] == 2
    assert params["model.architecture.number_text_tokens"] == 75
    assert weights_of({"model_args": {"gpt_loss_text_ce_weight": 0.1}}) == Weights(0.1, 1.0)
