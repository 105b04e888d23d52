"""The measuring scripts work on a CPU at reduced size, and count their arithmetic right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments.gpu_check.speed import speed_table
from experiments.gpu_check.stages import OTHERS, stage_table
from experiments.growth.run import fill, measure
from experiments.speed_vs_coqui import clips as clip_files
from experiments.speed_vs_coqui import measuring
from experiments.speed_vs_coqui.clips import read_rows, write_clips
from experiments.speed_vs_coqui.measuring import gemm_rates, measurable
from experiments.speed_vs_coqui.run import RECIPE, VARIANTS, step_gflop, step_table
from tests.conftest import QUICK, TINY_MODEL, make_clips
from tests.processes import Command
from xttslab.model import voice as placing


@pytest.fixture
def demo(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Made-up clips where the scripts look for the demo's."""
    make_clips(tmp_path / "demo", "demo", ["neutral"], each=4)
    monkeypatch.setattr(clip_files, "LJ_SPEECH", tmp_path / "absent")
    monkeypatch.setattr(clip_files, "DEMO", tmp_path / "demo")


def test_both_trainers_are_timed_on_a_cpu(demo, monkeypatch: pytest.MonkeyPatch) -> None:
    def forked(command: list[str], cwd: Path, **_: object) -> Command:
        return Command(*command[command.index("-m") + 1 :], folder=cwd)

    monkeypatch.setattr(measuring.subprocess, "run", forked)
    chosen = ["recipe", "ours, float32"]
    _, _, theirs, ours = speed_table("cpu", "tiny", 1, chosen).splitlines()
    number = r"\| \d+\.\d\d "
    assert re.fullmatch(rf"\| Coqui's recipe, float32 {number}\| 1\.00 {number}\| 1\.00 \|", theirs)
    assert re.fullmatch(rf"\| ours, float32 {number * 4}\|", ours)


def test_nothing_is_measured_in_bfloat16_where_a_processor_is_slow_in_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(gemm_rates("cpu", "tiny", rows=8)) == {"gemm_float32", "gemm_bfloat16"}
    assert measurable(VARIANTS, "cpu") == VARIANTS
    monkeypatch.setattr(placing, "bfloat16_slowdown", lambda: 140.4)
    assert set(gemm_rates("cpu", "tiny", rows=8)) == {"gemm_float32"}
    assert measurable({"a, float32": 1, "b, bfloat16": 2}, "cpu") == {"a, float32": 1}
    said = "left out, since this processor multiplies matrices 140 times more slowly in bfloat16"
    assert capsys.readouterr().out == f"{said}: all in bfloat16\n"
    assert measurable(VARIANTS, "cuda") == VARIANTS


def test_every_stage_is_tried_on_a_device(workplace) -> None:
    sizes = ("++stage.segments=4", "++stage.segment_codes=8", "++stage.batch_codes=80")
    tiny = ("dataset=milliomos", f"data_dir={workplace / 'data'}", *TINY_MODEL, *QUICK, *sizes)
    _, _, *lines = stage_table("cpu", ("32-true",), tiny).splitlines()
    number = r"\d\.\d{4}"
    for line, name in zip(lines[:5], ("gpt", "dvae", "decoder", *list(OTHERS)[:2]), strict=True):
        found = rf"\| {number} \| 0\.000% \| {number} \| \d+\.\d \| ok \|"
        assert re.fullmatch(rf"\| {re.escape(name)} \| 32-true {found}", line)
    eight_bits, *spoken = lines[5:]
    assert eight_bits.endswith(
        "| UserError: optim=adamw_8bit needs a CUDA device; use optim=adamw |"
    )
    assert [line.split(" | ")[1] for line in spoken] == ["float32", "bf16"]
    assert all("times real time" in line for line in spoken)


def test_clips_repeat_under_other_bytes(demo, tmp_path) -> None:
    folder = write_clips(tmp_path / "out", train=5, held_out=1)
    rows = read_rows(folder)
    assert [row["split"] for row in rows] == ["train"] * 5 + ["eval"]
    assert all(row["text"].replace(" ", "").isalpha() for row in rows)
    first, again = (folder / rows[i]["audio_file"] for i in (0, 4))
    assert rows[0]["text"] == rows[4]["text"]
    assert first.read_bytes() != again.read_bytes()


def test_the_arithmetic_of_a_step() -> None:
    blocks = 6 * 12 * 30 * 1024**2 * 900 / 1e9
    assert step_gflop("full", 900) == pytest.approx(blocks, rel=0.15)
    assert step_gflop("full", 900) > blocks
    assert step_gflop("full", 900, adapted=True) == pytest.approx(blocks * 2 / 3, rel=0.15)


def test_the_table_compares_medians() -> None:
    rates = {"gemm_float32": 100.0, "gemm_bfloat16": 200.0, "tokens": 900.0, "steps": 1}
    rounds = [
        {"wall_s": wall, "cpu_s": wall, "peak_gb": peak, **rates}
        for wall, peak in ((50.0, 15.0), (60.0, 15.0), (70.0, 15.0))
    ]
    ours = [{"wall_s": 20.0, "cpu_s": 20.0, "peak_gb": 7.5, **rates}]
    table = step_table({RECIPE: rounds, "ours, float32": ours}, "full").splitlines()
    assert table[2].startswith(f"| {RECIPE} | 60.00 | 60.00 | 1.00 | 15.00 | 1.00 | 900 | 100 |")
    assert table[3].startswith("| ours, float32 | 20.00 | 20.00 | 3.00 | 7.50 | 0.50 | 900 | 100 |")


def test_growth_measures_a_made_up_store(tmp_path) -> None:
    fill(tmp_path, 40)
    row = measure(tmp_path, 40)
    assert set(row) == {"start_s", "clips_per_s", "step_ms", "memory_gb"}
    assert all(value > 0 for value in row.values())
