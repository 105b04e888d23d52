"""Losses in plain words."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from tests.reporting.runs import analysed, calm_run, gates, reference_run, rules
from xttslab.reporting.build import write_report
from xttslab.reporting.charts import run_charts
from xttslab.reporting.findings import Fall, TextGain, find
from xttslab.reporting.loss_tables import Meaning, beside
from xttslab.reporting.pages import run_facts
from xttslab.reporting.run_data import RunData


def test_a_loss_below_guessing_is_as_unsure_as_among_so_many() -> None:
    assert Meaning("eval/mel_ce", math.log(100), 1026, None, None).sentence == (
        "As unsure as between 100.0 of 1026 audio codes: 2.328 nats (34%) better than guessing."
    )


def test_a_loss_above_guessing_is_not_unsure_between_more_codes_than_there_are() -> None:
    assert Meaning("eval/mel_ce", math.log(1026) + 0.7, 1026, None, None).sentence == (
        "More unsure than among all 1026 audio codes: 0.700 nats (10%) worse than guessing."
    )


@pytest.mark.parametrize(
    ("value", "limit", "digits", "shown"),
    [
        (6.96, 7.0, 1, "6.96"),  # 7.0 would not be below 7
        (6.9, 7.0, 1, "6.9"),
        (7.0, 7.0, 1, "7.0"),
        (7.04, 7.0, 1, "7.04"),
        (29.9996, 30.0, 1, "29.9996"),
        (1e-9, 0.0, 4, "0.000000001"),
    ],
)
def test_a_number_stays_on_its_side_of_the_limit_beside_it(value, limit, digits, shown) -> None:
    assert beside(value, limit, digits) == shown


def with_text_gain(values: dict[int, float]) -> RunData:
    calm = calm_run()
    return replace(calm, histories={**calm.histories, "eval/text_gain": values})


def text_gain(run: RunData) -> TextGain | None:
    return find(run, rules().findings).text_gain


def test_reading_is_judged_at_the_chosen_epoch() -> None:
    found = text_gain(with_text_gain(dict.fromkeys(range(30), 1.0) | {30: 1.05}))
    assert (found.epoch, found.value, found.low, found.fall) == (30, 1.05, False, None)
    assert found.faults == []
    assert text_gain(reference_run()) is None


def test_near_zero_is_deaf_and_a_little_more_is_not() -> None:
    assert text_gain(with_text_gain(dict.fromkeys(range(31), 0.09))).low
    assert not text_gain(with_text_gain(dict.fromkeys(range(31), 0.11))).low
    worse = text_gain(with_text_gain(dict.fromkeys(range(31), -0.2)))
    assert worse.low
    assert worse.faults == ["eval/text_gain is -0.200 nats at epoch 30, the wrong text does better"]


def test_a_fall_counts_when_it_is_large_and_stays() -> None:
    falls = text_gain(with_text_gain({e: max(1.1 - 0.1 * e, 0.5) for e in range(31)}))
    assert falls.fall == Fall(0, 1.1, 6, 0.5)
    assert falls.faults == ["eval/text_gain fell from 1.100 at epoch 0 to 0.500 at epoch 6"]
    small = {e: 1.1 - 0.005 * e for e in range(31)}
    assert text_gain(with_text_gain(small)).fall is None
    one_low_point = dict.fromkeys(range(31), 1.1) | {10: 0.2}
    assert text_gain(with_text_gain(one_low_point)).fall is None


def test_the_report_explains_reading_beside_the_losses(tmp_path: Path) -> None:
    written = write_report(calm_run(), rules(), gates(), tmp_path)
    meaning = (
        "The right text helps by 1.100 nats a token: with another clip's text the loss is 3.100, "
        "not 2.000. Near 0 a model ignores what it is to say."
    )
    text = written.markdown.read_text(encoding="utf-8")
    assert f"\n- **eval/text_gain** 1.100 nats: {meaning}\n" in text
    assert "\n- Text gain: the right text helps by 1.100 nats, and that does not fall.\n" in text
    page = written.html.read_text(encoding="utf-8")
    assert "<h3>eval/text_gain: 1.100 nats</h3>" in page
    assert 'aria-labelledby="text_gain-t text_gain-d"' in page


def test_the_report_of_a_run_that_forgot_to_read_says_so(tmp_path: Path) -> None:
    run = with_text_gain({e: max(1.1 - 0.1 * e, 0.02) for e in range(31)})
    text = write_report(run, rules(), gates(), tmp_path).markdown.read_text(encoding="utf-8")
    assert (
        "Text gain too low: eval/text_gain is 0.020 nats at epoch 30, near zero; "
        "eval/text_gain fell from 1.100 at epoch 0 to 0.020 at epoch 11."
    ) in text


def test_a_report_from_before_it_was_measured_says_not_measured(tmp_path: Path) -> None:
    text = write_report(reference_run(), rules(), gates(), tmp_path).markdown.read_text(
        encoding="utf-8"
    )
    assert "Text gain: not measured (it takes held-out clips with two texts" in text


FALLING = {epoch: 0.5 - 0.02 * epoch for epoch in range(7)}


def decoder_run() -> RunData:
    losses = {"mel": FALLING, "pitch": {0: 0.05, 6: 0.03}}
    histories = {f"eval/{name}": values for name, values in losses.items()}
    histories["train/mel"] = {epoch: 0.4 - 0.02 * epoch for epoch in range(1, 7)}
    histories["train/discriminator"] = {1: 0.5, 6: 0.4}
    return RunData(
        "sound",
        histories=histories,
        params={"stage.segments": "16", "batch.clips": "3"},
        tags={"stage": "decoder", "monitor": "eval/mel"},
    )


def test_a_decoder_is_judged_by_its_distances() -> None:
    found = analysed(decoder_run())
    rows = {row.metric: row for row in found.rows}
    assert list(rows) == ["train/mel", "eval/mel", "eval/pitch", "train/discriminator"]
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
        assert "Text gain" not in text


def test_batches_are_counted_in_what_they_hold() -> None:
    assert ("batch", "16 segments") in run_facts(decoder_run())
    dvae = RunData("codes", params={"stage.batch_codes": "700"}, tags={"stage": "dvae"})
    assert ("batch", "700 codes") in run_facts(dvae)
    assert ("batch", "3") in run_facts(RunData("gpt", params={"batch.clips": "3"}))
    assert all(name != "batch" for name, _ in run_facts(RunData("unknown")))
