import pytest

from xttslab.tracking.client import URI_VARIABLE, open_client
from xttslab.tracking.journal import Destination, Journal
from xttslab.tracking.records import Metrics, Started
from xttslab.tracking.syncing import journals, send_held_back


def held_back(folder, name, destination):
    """A run whose process died before it could send anything."""
    journal = Journal(folder)
    journal.create()
    journal.append(Started(name * 4, name, "xttslab", {}, 1))
    journal.append(Metrics(0, {"eval/mel_ce": 5.0}, 2))
    journal.set_destination(Destination(destination))
    return journal


def test_runs_of_folders_and_sweeps_are_found(tmp_path, uri):
    held_back(tmp_path / "run", "a", uri)
    held_back(tmp_path / "sweep" / "0", "b", uri)
    (tmp_path / "no_run").mkdir()
    assert [j.run_dir.name for j in journals(tmp_path)] == ["run", "0"]


def test_each_run_goes_where_it_was_going(tmp_path, uri):
    held_back(tmp_path / "reachable", "a", uri)
    held_back(tmp_path / "unreachable", "b", "http://127.0.0.1:9")
    good, bad = send_held_back(tmp_path)
    assert (good.sent, good.pending, good.fault) == (2, 0, "")
    assert (bad.sent, bad.pending) == (0, 2)
    assert "Connection refused" in bad.fault
    client = open_client(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("xttslab").experiment_id])
    assert run.data.metrics == {"eval/mel_ce": 5.0}


def test_a_run_can_be_sent_elsewhere_and_a_failed_attempt_changes_nothing(tmp_path, uri):
    journal = held_back(tmp_path / "run", "a", uri)
    list(send_held_back(tmp_path))
    before = journal.destination()
    (failed,) = send_held_back(tmp_path, "http://127.0.0.1:9")
    assert (failed.sent, failed.pending) == (0, 2)
    assert journal.destination() == before


@pytest.mark.parametrize("user", ["", "anna:titok@"])
def test_credentials_come_from_the_environment(tmp_path, monkeypatch, user):
    held_back(tmp_path / "run", "a", "http://127.0.0.1:9")
    monkeypatch.setenv(URI_VARIABLE, f"http://{user}127.0.0.1:9")
    (run,) = send_held_back(tmp_path)
    assert run.uri == "http://127.0.0.1:9"
    kept = "".join(p.read_text() for p in (tmp_path / "run").rglob("*.json*"))
    assert "titok" not in kept + run.fault
