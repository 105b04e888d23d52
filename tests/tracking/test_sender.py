"""The background thread alone, around a delivery that fails when told to."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from xttslab.tracking import sender as module
from xttslab.tracking.sender import Sender
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
