"""The comparison finds every planted difference, and sees through what was only renamed."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from safetensors.torch import save_file

from experiments.same_numbers import exercise, revisions
from experiments.same_numbers.differences import Difference, compare, table
from experiments.same_numbers.exercise import STEPS, Step
from experiments.same_numbers.names import Names
from experiments.same_numbers.snapshot import Snapshot, take

RUN_ID = "0123456789abcdef0123456789abcdef"
TABLE = """
config: {stage.judge_weight: stage.adv_weight, samples: spoken, old.option: null}
metrics: {eval/reads: eval/text_gain}
files: {evaluation/cards.json: evaluation/scores.json}
entries: {mark: score, audio_file: file, pull: adversary}
values: {judged: scored}
added: ["*: eval/new"]
ignored: ["*: speed/*", "*_target_"]
"""


def fill(work: Path) -> None:
    """What an exercise leaves, in small."""
    run = work / "outputs/gpt"
    (run / "evaluation").mkdir(parents=True)
    rows = [{"epoch": 1, "eval/reads": 0.25, "eval/reads/neutral": 0.5, "speed/clips_per_s": 3.0}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (run / "config.yaml").write_text(
        f"stage: {{judge_weight: 0.6}}\noptim: {{_target_: a.b, lr: 1.0e-06}}\n"
        f"checkpoint: {{monitor: eval/reads}}\nsamples: {{how: judged}}\nold: {{option: 1}}\n"
        f"data_dir: {work}/data\n"
    )
    (run / "evaluation/cards.json").write_text(json.dumps({"rows": [{"mark": 7.5, "n": None}]}))
    (run / "evaluation/scores.csv").write_text("clip,mark\na,7.25\nb,\n")
    (run / "report.md").write_text("# One run\n## Six marks\n| mark | 7.5 → **8,25** | v2 |\n")
    save_file({"decoder.pull.weight": torch.ones(2, 3)}, run / "best.safetensors")
    torch.save({"model": {"x": torch.zeros(4)}}, run / "model.pth")
    (run / "tracking").mkdir()
    (run / "tracking/journal.jsonl").write_text(json.dumps({"at": str(work)}) + "\n")
    sf.write(work / "hello.wav", np.arange(100, dtype=np.int16), 24_000)
    data = work / "data/quiz"
    data.mkdir(parents=True)
    (data / "metadata.csv").write_text("audio_file|text\nwavs/a.wav|Jó 1.0\n")
    fill_codes(work / "data/codes")
    fill_store(work)


def fill_codes(folder: Path, name: str = "shard") -> None:
    folder.mkdir()
    entry = np.zeros(1, [("key", "V32"), ("offset", "<i8"), ("n", "<i4", 2), ("crc", "<u4")])
    entry["key"], entry["n"] = np.void(b"k" * 32), (3, 2)
    blob = np.arange(3, dtype=np.uint16).tobytes() + np.ones(160, np.float16).tobytes()
    (folder / f"{name}.bin").write_bytes(blob)
    (folder / f"{name}.idx").write_bytes(len(blob).to_bytes(8, "little") + entry.tobytes())


def fill_store(work: Path) -> None:
    artifacts = work / f"mlruns/artifacts/1/{RUN_ID}/artifacts"
    (artifacts / "evaluation").mkdir(parents=True)
    (artifacts / "evaluation/note.txt").write_text("x")
    base = sqlite3.connect(work / "mlruns/mlflow.db")
    base.executescript(f"""
        create table runs (name, run_uuid, status, artifact_uri, start_time);
        create table metrics (key, value, step, run_uuid, timestamp);
        create table params (key, value, run_uuid);
        create table tags (key, value, run_uuid);
        create table inputs (source_id, destination_id);
        create table datasets (name, digest, dataset_profile, dataset_uuid);
        insert into runs values ('gpt', 'unfinished', 'FAILED', '{work}', 1);
        insert into runs values ('gpt', '{RUN_ID}', 'FINISHED', '{artifacts}', 2);
        insert into metrics values ('eval/reads', 0.25, 1, '{RUN_ID}', 5);
        insert into params values ('stage.judge_weight', '0.6', '{RUN_ID}');
        insert into tags values ('came_from', 'run {RUN_ID}', '{RUN_ID}');
        insert into datasets values ('quiz', 'abc', '2 clips', 'd');
        insert into inputs values ('d', '{RUN_ID}');
    """)
    base.close()


@pytest.fixture
def work(tmp_path: Path) -> Path:
    fill(tmp_path / "work")
    return tmp_path / "work"


def seen(folder: Path, table_of_names: str = "ignored: ['*: speed/*', '*_target_']") -> Snapshot:
    return take(folder, Names.pending(table_of_names, ""))


def found(before: Snapshot, after: Snapshot) -> list[Difference]:
    return compare(before, after)[1]


def test_two_folders_of_the_same_content_are_equal(work: Path, tmp_path: Path) -> None:
    fill(tmp_path / "elsewhere/copy")
    shutil.move(tmp_path / "elsewhere/copy/data/codes/shard.bin", tmp_path / "shard.bin")
    shutil.rmtree(tmp_path / "elsewhere/copy/data/codes")  # shards have random names
    fill_codes(tmp_path / "elsewhere/copy/data/codes", "other")
    one, other = seen(work), seen(tmp_path / "elsewhere/copy")
    rows, differences = compare(one, other)
    assert differences == []
    assert {row.group: (row.items, row.values) for row in rows} == {
        "metrics": (2, 2),
        "configuration": (7 - 1, 6),
        "scorecards": (2 + 4, 6),
        "reports": (2, 2),
        "weights": (2, 10),
        "waveforms": (2, 101),
        "manifests": (3, 3),
        "codes": (2, 163),
        "files": (1, 1),
        "mlflow metrics": (1, 1),
        "mlflow params": (1, 1),
        "mlflow tags": (2, 2),
        "mlflow datasets": (2, 2),
    }
    assert one["outputs/gpt/config.yaml: data_dir"].value == "./data"
    assert one["mlflow/gpt: tag came_from"].value == "run gpt"
    assert table(rows, differences).endswith("32 items, 300 values compared; 0 differ")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def store(work: Path, command: str) -> None:
    with sqlite3.connect(work / "mlruns/mlflow.db") as base:
        base.execute(command)


PLANTED = {
    "outputs/gpt/metrics.jsonl: 1: eval/reads": (
        lambda w: edit(w / "outputs/gpt/metrics.jsonl", "0.25", "0.250002"),
        2e-6,
    ),
    "outputs/gpt/config.yaml: optim.lr": (
        lambda w: edit(w / "outputs/gpt/config.yaml", "1.0e-06", "4.0e-06"),
        3e-6,
    ),
    "outputs/gpt/evaluation/cards.json: rows > 0 > mark": (
        lambda w: edit(w / "outputs/gpt/evaluation/cards.json", "7.5", "7.75"),
        0.25,
    ),
    "outputs/gpt/evaluation/scores.csv: 1: mark": (
        lambda w: edit(w / "outputs/gpt/evaluation/scores.csv", "7.25", "7.5"),
        0.25,
    ),
    "outputs/gpt/best.safetensors: decoder.pull.weight": (
        lambda w: save_file(
            {"decoder.pull.weight": torch.full((2, 3), 1.5)}, w / "outputs/gpt/best.safetensors"
        ),
        0.5,
    ),
    "hello.wav: samples": (
        lambda w: sf.write(w / "hello.wav", np.arange(100, dtype=np.int16) + 1, 24_000),
        1 / 32768,
    ),
    "data/quiz/metadata.csv: 1": (
        lambda w: edit(w / "data/quiz/metadata.csv", "Jó 1.0", "Jó 1.00"),
        None,
    ),
    "data/codes: 6b6b6b6b6b6b6b6b: codes": (
        lambda w: (w / "data/codes/shard.bin").write_bytes(
            b"\1" + (w / "data/codes/shard.bin").read_bytes()[1:]
        ),
        1.0,
    ),
    "mlflow/gpt: metric 1: eval/reads": (
        lambda w: store(w, "update metrics set value = 1.25"),
        1.0,
    ),
    "mlflow/gpt: metric 1: eval/reads (again)": (
        lambda w: store(w, f"insert into metrics values ('eval/reads', 1, 1, '{RUN_ID}', 9)"),
        None,
    ),
    "mlflow/gpt: param stage.judge_weight": (
        lambda w: store(w, "update params set value = '0.7'"),
        None,
    ),
    "mlflow/gpt: tag status": (
        lambda w: store(w, "update runs set status = 'KILLED' where start_time = 2"),
        None,
    ),
    "mlflow/gpt/evaluation/note.txt": (
        lambda w: next(w.rglob("note.txt")).unlink(),
        None,
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_difference_is_found_by_its_name(work: Path, name: str) -> None:
    before = seen(work)
    change, size = PLANTED[name]
    change(work)
    (difference,) = found(before, seen(work))
    assert difference.name == name
    assert difference.size == (None if size is None else pytest.approx(size))


def test_a_number_of_a_report_is_found_wherever_its_line_stands(work: Path) -> None:
    before, report = seen(work), work / "outputs/gpt/report.md"
    first, *others = report.read_text().splitlines()
    report.write_text("\n".join([*others, first, "in other words"]))
    assert found(before, seen(work)) == []
    edit(report, "8,25", "8,35")
    gone, new = found(before, seen(work))
    assert (gone.name, new.name) == ("outputs/gpt/report.md: 8.25", "outputs/gpt/report.md: 8.35")
    assert new.after == "8.35 in “| mark | 7.5 → **8,35** | v2 |”"


def test_what_is_within_the_tolerance_or_of_the_machine_is_no_difference(work: Path) -> None:
    before = seen(work)
    edit(work / "outputs/gpt/metrics.jsonl", "0.25", "0.2500005")
    edit(work / "outputs/gpt/metrics.jsonl", "3.0", "9.0")
    edit(work / "outputs/gpt/tracking/journal.jsonl", "at", "to")
    (work / "data/measures").mkdir()
    (work / "data/measures/0cff4de1.json").write_text(json.dumps({"prosody": 1.0}))
    rows, differences = compare(before, seen(work))
    assert differences == []
    assert max(row.largest for row in rows) == pytest.approx(5e-7)


def test_what_is_only_renamed_is_equal(work: Path) -> None:
    before = seen(work, TABLE)
    run = work / "outputs/gpt"
    edit(run / "metrics.jsonl", "eval/reads", "eval/text_gain")
    edit(run / "metrics.jsonl", '{"epoch"', '{"eval/new": 1, "epoch"')
    edit(run / "config.yaml", "judge_weight", "adv_weight")
    edit(run / "config.yaml", "eval/reads", "eval/text_gain")
    edit(run / "config.yaml", "samples: {how: judged}", "spoken: {how: scored}")
    edit(run / "config.yaml", "old: {option: 1}", "")
    edit(run / "evaluation/cards.json", "mark", "score")
    edit(run / "evaluation/scores.csv", "mark", "score")
    (run / "evaluation/cards.json").rename(run / "evaluation/scores.json")
    save_file({"decoder.adversary.weight": torch.ones(2, 3)}, run / "best.safetensors")
    edit(work / "data/quiz/metadata.csv", "audio_file", "file")
    store(work, "update metrics set key = 'eval/text_gain'")
    store(work, "update params set key = 'stage.adv_weight'")
    names = Names.pending(TABLE, "")
    after = seen(work)
    assert [d.name for d in found(before, after)] == ["outputs/gpt/metrics.jsonl: 1: eval/new"]
    assert compare(before, after, names.lacks)[1] == []


def test_commands_are_translated_for_a_revision_with_old_names() -> None:
    old = Names.pending(TABLE, "")
    newest = [
        "stage.adv_weight=1",
        "~spoken.how",
        "best.by=eval/text_gain",
        "+a.b=scored",
    ]
    assert old.overrides(newest) == [
        "stage.judge_weight=1", "~samples.how", "best.by=eval/reads", "+a.b=judged",
    ]  # fmt: skip
    assert Names.pending(TABLE, TABLE).overrides(newest) == newest
    half = Names.pending(TABLE, "metrics: {eval/reads: eval/text_gain}")
    assert half.metric("eval/reads") == "eval/reads"
    assert half.key("stage.judge_weight") == "stage.adv_weight"
    assert half.is_ignored("outputs/a: speed/x")


def test_the_working_tree_is_a_revision_with_its_uncommitted_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(revisions, "ROOT", tmp_path)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    (tmp_path / revisions.TABLE).parent.mkdir(parents=True)
    (tmp_path / "code.py").write_text("1\n")
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "code.py"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "first"], check=True)
    (tmp_path / revisions.TABLE).write_text("metrics: {eval/old: eval/new}\n")
    (tmp_path / "code.py").write_text("2\n")
    committed, present = revisions.find("HEAD"), revisions.find(revisions.WORKING_TREE)
    assert committed.names.metric("eval/old") == "eval/new"
    assert present.names.metric("eval/old") == "eval/old"
    before = revisions.export(committed, tmp_path / "out/before")
    after = revisions.export(present, tmp_path / "out/after")
    assert [(side / "code.py").read_text() for side in (before, after)] == ["1\n", "2\n"]
    assert (after / revisions.TABLE).is_file()
    staged = subprocess.run([*git, "diff", "--cached", "--name-only"], capture_output=True)
    assert staged.stdout == b""
    with pytest.raises(SystemExit, match="nowhere"):
        revisions.find("nowhere")


def test_every_stage_is_trained_and_names_of_steps_are_unique() -> None:
    trained = [o for step in STEPS if step.module == "train" for o in step.overrides]
    assert {"stage=decoder", "stage=dvae", "adapter=lora", "trainer.devices=2"} <= set(trained)
    assert len({step.name for step in STEPS}) == len(STEPS)


COMMAND = """
import pathlib, sys, time
print("told:", *sys.argv[1:])
out = pathlib.Path("out")
out.mkdir(exist_ok=True)
with (out / "calls").open("a") as calls:
    calls.write(" ".join(sys.argv[1:]) + ";")
if "resume=true" not in sys.argv and "wait=true" in sys.argv:
    (out / "kept").touch()
    time.sleep(60)
sys.exit("bad value" if "fail=true" in sys.argv else 0)
"""


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A revision whose only command is the one above."""
    (tmp_path / "tree/xttslab").mkdir(parents=True)
    (tmp_path / "tree/xttslab/__init__.py").touch()
    (tmp_path / "tree/xttslab/act.py").write_text(COMMAND)
    monkeypatch.setattr(exercise, "furnish", lambda work: work.mkdir(exist_ok=True))
    return tmp_path


def test_a_step_is_killed_where_it_should_be_and_resumed(side: Path) -> None:
    step = Step("cut", "act", ("wait=true",), "out", kill="out/kept")
    exercise.run([step], side / "tree", side, "here")
    assert (side / "work/out/calls").read_text() == "wait=true;wait=true resume=true;"
    early = Step("early", "act", (), "out", kill="out/never")
    with pytest.raises(SystemExit, match="early could not be killed where it should be"):
        exercise.run([early], side / "tree", side, "here")


def test_the_same_command_goes_on_where_it_was_stopped(side: Path) -> None:
    steps = [Step("first", "act", ("a=1",), "out/a"), Step("second", "act", ("fail=true",), "out")]
    with pytest.raises(SystemExit, match=r"(?s)second ended with 1 .*told: fail=true\nbad value"):
        exercise.run(steps, side / "tree", side, "here")
    steps[1] = Step("second", "act", ("b=2",), "out")
    exercise.run(steps, side / "tree", side, "here")
    assert (side / "work/out/calls").read_text() == "b=2;"  # what the failed one left is gone
