"""Losses of single held-out clips, every epoch, agree with the epoch's mean."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from xttslab.reporting.pairing import CLIP_LOSSES
from xttslab.tracking.artifacts import run_files
from xttslab.tracking.runs import find_run
from xttslab.training.run import train


def test_the_table_adds_up_to_the_logged_loss(workplace: Path, tiny) -> None:
    train(tiny("run_name=whole", "dataset=combined"))
    path = run_files(find_run("outputs/whole"), "")[CLIP_LOSSES]
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    logged = Path("outputs/whole/metrics.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, logged):
        for source, name in ((None, "eval/mel_ce"), ("blikk", "eval/blikk/mel_ce")):
            part = [r for r in rows if int(r["epoch"]) == row["epoch"]]
            part = [r for r in part if source in (None, r["source"])]
            nats = sum(float(r["mel"]) for r in part)
            tokens = sum(int(r["mel_tokens"]) for r in part)
            assert nats / tokens == pytest.approx(row[name], abs=1e-6)
    assert {row["clip"].partition("/")[0] for row in rows} == {"milliomos", "blikk"}
    assert len({(row["epoch"], row["clip"]) for row in rows}) == len(rows)
