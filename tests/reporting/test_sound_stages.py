"""A decoder's and a DVAE's run are reported by what they measure, not by what a GPT would."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reporting.runs import analysed, gates, rules
from xttslab.reporting.build import write_report
from xttslab.reporting.pages import run_facts
from xttslab.reporting.pictures import run_charts
from xttslab.reporting.record import RunData

FALLING = {epoch: 0.5 - 0.02 * epoch for epoch in range(7)}


def decoder_run() -> RunData:
    losses = {"mel": FALLING, "pitch": {0: 0.05, 6: 0.03}}
    histories = {f"eval/{name}": values for name, values in losses.items()}
    histories["train/mel"] = {epoch: 0.4 - 0.02 * epoch for epoch in range(1, 7)}
    histories["train/judge"] = {1: 0.5, 6: 0.4}
    return RunData(
        "sound",
        histories=histories,
        params={"stage.crops": "16", "batch.clips": "3"},
        tags={"stage": "decoder", "monitor": "eval/mel"},
    )


def test_a_decoder_is_judged_by_its_distances() -> None:
    found = analysed(decoder_run())
    rows = {row.metric: row for row in found.rows}
    assert list(rows) == ["train/mel", "eval/mel", "eval/pitch", "train/judge"]
    assert rows["eval/mel"].change_share == pytest.approx(-0.24)
    assert rows["eval/mel"].best == pytest.approx(0.38)
    assert "in nats" in rows["eval/mel"].note
    assert (found.findings.train.name, found.findings.choice.epoch) == ("train/mel", 6)
    assert not any("training loss" in what for what in found.missing)


def test_its_page_speaks_of_sound_alone(tmp_path: Path) -> None:
    titles = [chart.title for chart in run_charts(analysed(decoder_run()))]
    assert titles[0] == "mel: distance of log mels, in nats"
    assert not any("CE" in title for title in titles)
    written = write_report(decoder_run(), rules(), gates(), tmp_path)
    for path in (written.html, written.markdown):
        text = path.read_text(encoding="utf-8")
        assert "eval/pitch" in text
        assert "nats per token" not in text.lower()
        assert "Train/eval gap" not in text
        assert "Whether it reads" not in text


def test_batches_are_counted_in_what_they_hold() -> None:
    assert ("batch", "16 cuts") in run_facts(decoder_run())
    dvae = RunData("codes", params={"stage.batch_codes": "700"}, tags={"stage": "dvae"})
    assert ("batch", "700 codes") in run_facts(dvae)
    assert ("batch", "3") in run_facts(RunData("gpt", params={"batch.clips": "3"}))
    assert all(name != "batch" for name, _ in run_facts(RunData("unknown")))
