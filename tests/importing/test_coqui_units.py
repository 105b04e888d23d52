"""Coqui's numbers in our units: raw nats, whole totals, our parameter names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xttslab.importing.coqui_log import CoquiCurves, read_curves
from xttslab.importing.coqui_units import (
    Weights,
    accumulation,
    metric_rows,
    params_of,
    weights_of,
)

FOLDER = Path(__file__).parent / "coqui_tiny"


def test_the_text_weight_is_undone_and_the_total_is_whole() -> None:
    rows = metric_rows(read_curves(FOLDER), Weights())
    assert rows[2]["eval/text_ce"] == pytest.approx(4.01959456)
    assert rows[2]["eval/text_ce_weighted"] == pytest.approx(0.0401959456)
    for row, part in ((1, "train"), (2, "train"), (0, "eval"), (2, "eval")):
        total = 0.01 * rows[row][f"{part}/text_ce"] + rows[row][f"{part}/mel_ce"]
        assert rows[row][f"{part}/total"] == pytest.approx(total)
    assert not any(name.startswith("train/") for name in rows[0])


def test_the_seeds_weighted_text_loss_is_234_nats() -> None:
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
