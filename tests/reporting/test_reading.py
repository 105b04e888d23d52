"""Whether a model reads: what the report says of `eval/reads`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.reporting.runs import calm_run, gates, rules, seed_run
from xttslab.reporting.build import write_report
from xttslab.reporting.findings import find
from xttslab.reporting.reading import Fall, Reading
from xttslab.reporting.record import RunData


def with_reads(values: dict[int, float]) -> RunData:
    calm = calm_run()
    return replace(calm, histories={**calm.histories, "eval/reads": values})


def reading(run: RunData) -> Reading | None:
    return find(run, rules().findings).reading


def test_reading_is_judged_at_the_chosen_epoch() -> None:
    found = reading(with_reads(dict.fromkeys(range(30), 1.0) | {30: 1.05}))
    assert (found.epoch, found.value, found.deaf, found.fall) == (30, 1.05, False, None)
    assert found.faults == []
    assert reading(seed_run()) is None


def test_near_zero_is_deaf_and_a_little_more_is_not() -> None:
    assert reading(with_reads(dict.fromkeys(range(31), 0.09))).deaf
    assert not reading(with_reads(dict.fromkeys(range(31), 0.11))).deaf
    worse = reading(with_reads(dict.fromkeys(range(31), -0.2)))
    assert worse.deaf
    assert worse.faults == ["eval/reads is -0.200 nats at epoch 30, the wrong text does better"]


def test_a_fall_counts_when_it_is_large_and_stays() -> None:
    falls = reading(with_reads({e: max(1.1 - 0.1 * e, 0.5) for e in range(31)}))
    assert falls.fall == Fall(0, 1.1, 6, 0.5)
    assert falls.faults == ["eval/reads fell from 1.100 at epoch 0 to 0.500 at epoch 6"]
    small = {e: 1.1 - 0.005 * e for e in range(31)}
    assert reading(with_reads(small)).fall is None
    one_low_point = dict.fromkeys(range(31), 1.1) | {10: 0.2}
    assert reading(with_reads(one_low_point)).fall is None


def test_the_report_explains_reading_beside_the_losses(tmp_path: Path) -> None:
    written = write_report(calm_run(), rules(), gates(), tmp_path)
    meaning = (
        "The right text helps by 1.100 nats a token: with another clip's text the loss is 3.100, "
        "not 2.000. Near 0 a model ignores what it is to say."
    )
    text = written.markdown.read_text(encoding="utf-8")
    assert f"\n- **eval/reads** 1.100 nats: {meaning}\n" in text
    assert "\n- It reads: the right text helps by 1.100 nats, and that does not fall.\n" in text
    page = written.html.read_text(encoding="utf-8")
    assert "<h3>eval/reads: 1.100 nats</h3>" in page
    assert 'aria-labelledby="reads-t reads-d"' in page


def test_the_report_of_a_run_that_forgot_to_read_says_so(tmp_path: Path) -> None:
    run = with_reads({e: max(1.1 - 0.1 * e, 0.02) for e in range(31)})
    text = write_report(run, rules(), gates(), tmp_path).markdown.read_text(encoding="utf-8")
    assert (
        "It reads less than it should: eval/reads is 0.020 nats at epoch 30, near zero; "
        "eval/reads fell from 1.100 at epoch 0 to 0.020 at epoch 11."
    ) in text


def test_a_report_from_before_it_was_measured_says_not_measured(tmp_path: Path) -> None:
    text = write_report(seed_run(), rules(), gates(), tmp_path).markdown.read_text(encoding="utf-8")
    assert "Whether it reads: not measured (it takes held-out clips with two texts" in text
