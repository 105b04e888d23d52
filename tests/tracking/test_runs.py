import shutil

import pytest

from xttslab.errors import UserError
from xttslab.tracking import runs
from xttslab.tracking.client import URI_VARIABLE
from xttslab.tracking.run_tracker import RunTracker
from xttslab.tracking.runs import find_run


def track(root, uri, name, status="FINISHED", **tags):
    run_dir = root / "outputs" / name
    (run_dir / "checkpoints").mkdir(parents=True)
    checkpoint = run_dir / "checkpoints" / "best.safetensors"
    checkpoint.write_bytes(b"weights")
    tracker = RunTracker.start(run_dir, name, uri=uri)
    tracker.log_params({"optim.lr": 3e-6})
    for epoch, value in enumerate((5.0, 4.0, 4.5)):
        tracker.log_metrics({"eval/mel_ce": value}, epoch)
    tracker.set_tags({"run_dir": run_dir, "checkpoint": checkpoint} | {"model": "xtts_mini"} | tags)
    assert tracker.finish(status)
    return tracker.run_id, run_dir, checkpoint


def test_a_run_is_found_by_every_name_it_has(tmp_path, uri):
    run_id, run_dir, checkpoint = track(tmp_path, uri, "első próba's", dataset="milliomos")
    by_id = find_run(run_id, uri)
    assert (by_id.run_id, by_id.name, by_id.status) == (run_id, "első próba's", "FINISHED")
    assert (by_id.run_dir, by_id.checkpoint) == (run_dir, checkpoint)
    assert by_id.params == {"optim.lr": "3e-06"}
    assert by_id.metrics == {"eval/mel_ce": 4.5}
    assert by_id.history("eval/mel_ce") == {0: 5.0, 1: 4.0, 2: 4.5}
    assert by_id.history("no such metric") == {}
    assert find_run("első próba's", uri) == by_id
    for path in (run_dir, run_dir / "checkpoints", checkpoint):
        on_disk = find_run(str(path), "http://127.0.0.1:9")  # needs no store
        assert (on_disk.run_id, on_disk.name) == (run_id, by_id.name)
        assert (on_disk.run_dir, on_disk.checkpoint) == (run_dir, checkpoint)
        assert on_disk.history("eval/mel_ce") == {0: 5.0, 1: 4.0, 2: 4.5}
        assert on_disk.params == by_id.params


@pytest.mark.parametrize("name", ["Vágó \"úr\" 'régi'", 'idéző "jel"', "100 %_\\n, a=b (új)"])
def test_a_name_may_hold_what_people_type(tmp_path, uri, name):
    run_id, *_ = track(tmp_path / "a", uri, "run", dataset="milliomos", best_value=1.0)
    runs.open_client(uri).update_run(run_id, name=name)
    near, *_ = track(tmp_path / "b", uri, "other", dataset="milliomos", best_value=2.0)
    runs.open_client(uri).update_run(near, name=name.replace('"', "x").replace("'", "x") + "x")
    assert find_run(name, uri).run_id == run_id
    with pytest.raises(UserError, match="no finished run on data set"):
        find_run(f"best:{name}", uri)


def test_the_newest_of_a_name_is_meant(tmp_path, uri):
    track(tmp_path / "a", uri, "same")
    newer, *_ = track(tmp_path / "b", uri, "same")
    assert find_run("same", uri).run_id == newer


def test_the_best_is_found_among_more_runs_than_a_store_gives_at_once(tmp_path, uri, monkeypatch):
    monkeypatch.setattr(runs, "PAGE", 2)
    for number, value in enumerate((3.0, 4.0, 5.0, 6.0, 7.0)):  # the best is the oldest
        kept = {"dataset": "milliomos", "monitor": "eval/mel_ce", "best_value": value}
        track(tmp_path, uri, f"run_{number}", **kept)
    assert find_run("best:milliomos", uri).name == "run_0"


def test_file_of_no_run_is_a_record_of_itself(tmp_path):
    path = tmp_path / "model.pth"
    path.write_bytes(b"x")
    record = find_run(str(path))
    assert (record.run_id, record.name, record.checkpoint) == ("", "model", path)
    assert record.history("eval/mel_ce") == {}


def test_moved_run_folder_still_gives_its_checkpoint(tmp_path, uri):
    _, run_dir, _ = track(tmp_path, uri, "run")
    moved = tmp_path / "moved"
    run_dir.rename(moved)
    assert find_run(str(moved), uri).checkpoint == moved / "checkpoints" / "best.safetensors"
    assert find_run("run", uri).checkpoint is None


def test_a_run_that_has_not_ended_gives_its_best_so_far(tmp_path, uri):
    run_dir = tmp_path / "running"
    tracker = RunTracker.start(run_dir, "running", uri=uri)
    tracker.set_tags({"run_dir": run_dir})
    assert find_run(str(run_dir), uri).checkpoint is None
    best = run_dir / "checkpoints" / "best.safetensors"
    best.parent.mkdir()
    best.write_bytes(b"weights")
    assert find_run(str(run_dir), uri).checkpoint == best
    tracker.finish("KILLED")
    assert find_run("running", uri).checkpoint == best


def test_best_is_the_lowest_of_those_that_watched_the_same(tmp_path, uri, caplog):
    on = {"dataset": "milliomos"}
    track(tmp_path, uri, "other_monitor", monitor="eval/total", best_value=0.1, **on)
    track(tmp_path, uri, "other_data", dataset="blikk", monitor="eval/mel_ce", best_value=1.0)
    track(
        tmp_path, uri, "other_model", monitor="eval/mel_ce", best_value=2.0, **on | {"model": "x"}
    )
    track(tmp_path, uri, "failed", "FAILED", monitor="eval/mel_ce", best_value=2.5, **on)
    *_, gone = track(tmp_path, uri, "gone", monitor="eval/mel_ce", best_value=3.0, **on)
    track(tmp_path, uri, "good", monitor="eval/mel_ce", best_value=3.5, **on)
    track(tmp_path, uri, "worse", monitor="eval/mel_ce", best_value=4.0, **on)
    track(tmp_path, uri, "no_value", monitor="eval/mel_ce", **on)
    gone.unlink()
    assert find_run("best:milliomos", uri).name == "good"  # of the newest's model
    assert "run gone is better than good, but its checkpoint is not on this disk" in caplog.text
    assert find_run("best:milliomos", uri, {"model.name": "x"}).name == "other_model"
    assert find_run("best:blikk", uri).name == "other_data"
    with pytest.raises(UserError, match=r"on data set 'combined' .*there are runs on: blikk, mill"):
        find_run("best:combined", uri)


def test_the_best_has_a_voice(tmp_path, uri):
    gpt = {"dataset": "quiz", "stage": "gpt", "monitor": "eval/mel_ce", "best_value": 4.0}
    track(tmp_path, uri, "gpt", **gpt)
    track(tmp_path, uri, "dvae", **gpt | {"stage": "dvae", "monitor": "eval/mel_l1"})
    track(tmp_path, uri, "codes", **gpt | {"stage": "dvae", "dataset": "codes"})
    assert find_run("best:quiz", uri).name == "gpt"
    with pytest.raises(UserError, match="no finished run on data set 'codes'"):
        find_run("best:codes", uri)


def test_best_is_of_the_sizes_that_are_trained(tmp_path, uri):
    for name, layers, value in (("small", 6, 1.0), ("whole", 30, 3.0), ("newest", 6, 2.0)):
        _, run_dir, _ = track(tmp_path, uri, name, dataset="d", monitor="m", best_value=value)
        tracker = RunTracker.attach(run_dir, uri)
        tracker.log_params({"model.architecture.layers": layers})
        assert tracker.close()
    whole = {"model.name": "xtts_mini", "model.architecture.layers": "30"}
    assert find_run("best:d", uri, whole).name == "whole"
    assert find_run("best:d", uri).name == "small"
    with pytest.raises(UserError) as fault:
        find_run("best:d", uri, whole | {"model.name": "v2", "model.architecture.model_dim": "9"})
    assert str(fault.value).startswith(
        "no finished run of v2 (30 layers × 9) on data set 'd' in sqlite:///"
    )
    assert "its runs are of: xtts_mini (30 layers × None), xtts_mini (6 l" in str(fault.value)


def test_a_run_is_found_in_its_project_wherever_that_is(tmp_path, uri):
    before, after = tmp_path / "before", tmp_path / "after"
    (before / "mlruns").mkdir(parents=True)
    shutil.copy(tmp_path / "mlruns/mlflow.db", before / "mlruns/mlflow.db")
    track(before, f"sqlite:///{before}/mlruns/mlflow.db", "run")  # notes absolute paths
    shutil.copytree(before, after)
    copied = find_run("run", f"sqlite:///{after}/mlruns/mlflow.db")
    assert copied.run_dir == after / "outputs/run"
    assert copied.checkpoint == after / "outputs/run/checkpoints/best.safetensors"
    shutil.rmtree(before)
    assert find_run("run", f"sqlite:///{after}/mlruns/mlflow.db").run_dir == after / "outputs/run"


def test_another_run_in_the_folder_is_not_taken_for_it(tmp_path, uri):
    _, run_dir, _ = track(tmp_path, uri, "run")
    older = find_run("run", uri)
    shutil.rmtree(run_dir)
    track(tmp_path, uri, "run")
    assert find_run("run", uri).run_dir == run_dir
    found = find_run(older.run_id, uri)
    assert (found.run_dir, found.checkpoint) == (None, None)


def test_paths_written_by_windows_are_read(tmp_path, uri):
    _, run_dir, checkpoint = track(tmp_path, uri, "run")
    tracker = RunTracker.attach(run_dir, uri)
    tracker.set_tags(
        {
            "run_dir": r"C:\project\outputs\run",
            "checkpoint": r"C:\project\outputs\run\checkpoints\best.safetensors",
        }
    )
    assert tracker.close()
    found = find_run("run", uri)
    assert (found.run_dir, found.checkpoint) == (run_dir, checkpoint)


def test_unknown_run_lists_those_there_are(tmp_path, uri):
    for number in range(10):
        RunTracker.start(tmp_path / str(number), f"run{number}", uri=uri).finish()
    with pytest.raises(UserError) as fault:
        find_run("runn", uri)
    message = str(fault.value)
    assert "run 'runn' is not in sqlite:///" in message
    assert message.endswith("runs there: run0, run1, run2, run3, run4, run5, run6, run7 and 2 more")
    assert "\n" not in message


def test_no_store_yet(tmp_path, monkeypatch):
    monkeypatch.delenv(URI_VARIABLE, raising=False)
    with pytest.raises(UserError, match=r"no run yet: .*mlflow.db does not exist; train first"):
        find_run("x", f"sqlite:///{tmp_path}/mlruns/mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_server_that_does_not_answer(monkeypatch):
    monkeypatch.setenv(URI_VARIABLE, "http://anna:titok@127.0.0.1:9")
    with pytest.raises(UserError, match=r"http://127\.0\.0\.1:9 does not answer") as fault:
        find_run("x")
    assert "Connection refused" in str(fault.value)
    assert "titok" not in str(fault.value)
