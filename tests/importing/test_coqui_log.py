"""The log of a genuine Coqui training: an evaluation before it, two epochs, accumulation over 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.utils.tensorboard import SummaryWriter

from xttslab.importing.coqui_log import parse_log, read_curves

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
