"""The background thread alone, around a delivery that fails when told to."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from xttslab.tracking import sender as module
from xttslab.tracking.client import URI_VARIABLE, open_client
from xttslab.tracking.journal import Destination, Journal
from xttslab.tracking.records import Metrics, Started
from xttslab.tracking.sender import Sender, journals, send_held_back
from xttslab.tracking.writer import Unreachable


class Delivery:
    """Counts attempts; each one raises the next of `faults`, then all succeed."""

    def __init__(self, *faults):
        self.uri = "http://anna:titok@host:5000"
        self.journal = SimpleNamespace(folder=Path("outputs/run/tracking"))
        self.faults = list(faults)
        self.attempts = 0
        self.hold = threading.Event()
        self.hold.set()

    def send_pending(self, arrived):
        self.hold.wait(20)
        self.attempts += 1
        if self.faults:
            raise self.faults.pop(0)
        arrived()
        return 1


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_PAUSE_S", 0.01)


def test_drain_waits_until_all_has_arrived():
    delivery = Delivery()
    sender = Sender(delivery)
    assert sender.drain(20)
    assert delivery.attempts == 1
    sender.stop()


def test_outage_is_said_once_and_its_end(caplog):
    delivery = Delivery(*[Unreachable("connection refused")] * 3)
    sender = Sender(delivery)
    sender.wake()
    for _ in range(4):
        sender.drain(20)
    assert sender.drain(20)
    sender.stop()
    assert delivery.attempts >= 4
    assert caplog.text.count("takes no records (connection refused)") == 1
    assert caplog.text.count("the store is back") == 1
    assert "outputs/run/tracking" in caplog.text
    assert "titok" not in caplog.text


def test_drain_gives_up_when_an_attempt_fails():
    sender = Sender(Delivery(*[Unreachable("down")] * 50))
    assert not sender.drain(20)
    sender.stop()


def test_drain_gives_up_when_nothing_moves():
    delivery = Delivery()
    delivery.hold.clear()
    sender = Sender(delivery)
    assert not sender.drain(0.05)
    delivery.hold.set()
    assert sender.drain(20)
    sender.stop()


@pytest.mark.parametrize("fault", [RuntimeError("a defect"), OSError(28, "No space left")])
def test_no_fault_ends_the_thread(fault, caplog):
    sender = Sender(Delivery(fault))
    assert not sender.drain(20)
    assert sender.drain(20)
    sender.stop()
    assert str(fault) in caplog.text


def test_a_stopped_sender_is_not_waited_for():
    """A run that is closed twice (by its end and by a clean-up) must not hang."""
    sender = Sender(Delivery())
    assert sender.drain(20)
    sender.stop()
    assert sender.drain(600)  # all had arrived
    sender.wake()
    assert not sender.drain(600)  # what was written since has not


def test_stopping_ends_a_wait_for_a_stuck_store():
    delivery = Delivery()
    delivery.hold.clear()
    sender = Sender(delivery)
    threading.Timer(0.1, sender.stop).start()
    assert not sender.drain(600)
    delivery.hold.set()


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
