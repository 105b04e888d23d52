"""A record survives the disk; a damaged one is as good as none."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data.preparing.conftest import RECIPE
from xttslab.data.preparing.records import Journal, Record, key_of

RECORD = Record(
    name="a-1",
    base="a",
    source="/source",
    origin="Őri/a.wav",
    origin_digest="12",
    key="34",
    start=1.5,
    end=2.5,
    digest="56",
    changes=(("gain", "+1.0 dB"), ("resampled", "48000 Hz")),
    measures={"seconds": 1.0, "snr_db": 30.0},
    features={"peaks": np.array([[1, 2]], np.int16), "voice": np.ones(256, np.float32)},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "clips")
    journal.save(RECORD)
    loaded = journal.load("a-1")
    assert loaded == RECORD
    assert loaded is not None
    assert loaded.features["peaks"].tolist() == [[1, 2]]
    assert loaded.features["voice"].dtype == np.float32
    assert loaded.seconds == 1.0
    assert list(journal) == [RECORD]
    journal.forget("a-1")
    assert journal.load("a-1") is None
    assert list(journal) == []


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.save(RECORD)
    path = tmp_path / "a-1.npz"
    path.write_bytes(path.read_bytes()[:100])
    assert journal.load("a-1") is None
    path.write_bytes(b"")
    assert journal.load("a-1") is None


def test_keys_differ_with_everything_that_decides() -> None:
    assert key_of(RECIPE, 1.0, "a") == key_of(RECIPE, 1.0, "a")
    assert (
        len({key_of(RECIPE, 1.0, "a"), key_of(RECIPE, 2.0, "a"), key_of(RECIPE, "1.0", "a")}) == 3
    )
