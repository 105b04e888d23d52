"""Losses of single held-out clips, every epoch, agree with the epoch's mean."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from xttslab.data.manifest import EVAL, TRAIN, read_folder, write_metadata
from xttslab.reporting.pairing import CLIP_LOSSES
from xttslab.reporting.run_data import run_files
from xttslab.tracking.runs import find_run
from xttslab.training.run import train


def table(run: str) -> list[dict[str, str]]:
    path = run_files(find_run(f"outputs/{run}"), "")[CLIP_LOSSES]
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def logged(run: str) -> list[dict[str, float]]:
    lines = Path(f"outputs/{run}/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def mean(rows: list[dict[str, str]], column: str) -> float:
    return sum(float(row[column]) for row in rows) / sum(int(row["mel_tokens"]) for row in rows)


def test_the_table_adds_up_to_the_logged_loss(workplace: Path, tiny) -> None:
    train(tiny("run_name=whole", "dataset=combined"))
    rows = table("whole")
    for row in logged("whole"):
        part = [r for r in rows if int(r["epoch"]) == row["epoch"]]
        assert mean(part, "mel") == pytest.approx(row["eval/mel_ce"], abs=1e-6)
        other = mean(part, "mel_other_text")
        assert other == pytest.approx(row["eval/mel_ce_other_text"], abs=1e-6)
        assert other - mean(part, "mel") == pytest.approx(row["eval/text_gain"], abs=1e-6)
        blikk = [r for r in part if r["source"] == "blikk"]
        assert mean(blikk, "mel") == pytest.approx(row["eval/blikk/mel_ce"], abs=1e-6)
    clips = {row["clip"] for row in rows}
    assert {clip.partition("/")[0] for clip in clips} == {"milliomos", "blikk"}
    assert len({(row["epoch"], row["clip"]) for row in rows}) == len(rows)
    assert all(row["other_text"] in clips - {row["clip"]} for row in rows)


def test_a_table_begun_before_reading_was_measured_goes_on(workplace: Path, tiny) -> None:
    options = ("run_name=older", "checkpoint.every_minutes=0", "checkpoint.keep_last=true")
    train(tiny(*options, "trainer.max_epochs=1"))
    path = Path("outputs/older/evaluation/clip_losses.csv")
    old = [line.split(",")[:5] for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("".join(",".join(cells) + "\n" for cells in old), encoding="utf-8")
    train(tiny(*options, "resume=true"))
    measured = [(int(row["epoch"]), row["mel_other_text"] != "") for row in table("older")]
    assert measured == [(0, False)] * 2 + [(1, False)] * 2 + [(2, True)] * 2


def test_one_held_out_clip_alone_has_no_other_text(workplace: Path, tiny) -> None:
    clips, _ = read_folder(Path("data/milliomos"), "milliomos", "hu")
    only = next(clip for clip in clips if clip.split == EVAL)
    placed = [clip if clip == only else replace(clip, split=TRAIN) for clip in clips]
    write_metadata(Path("data/milliomos/metadata.csv"), placed)
    train(tiny("run_name=single", "trainer.max_epochs=1"))
    assert [(row["other_text"], row["mel_other_text"]) for row in table("single")] == [("", "")] * 2
    assert not any(
        "text_gain" in name or "other_text" in name for r in logged("single") for name in r
    )
