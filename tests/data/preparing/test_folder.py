"""Every clip has one name that lasts, on any file system."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.preparing.conftest import RECIPE
from xttslab.data.preparing.folder import ClipJournal, Names, Record, file_stem, key_of


@pytest.mark.parametrize(
    ("origin", "stem"),
    [
        ("wavs/LJ001-0001.flac", "LJ001-0001"),
        ("mappa/Jó reggelt, világ!.wav", "Jo-reggelt-vilag"),
        ("a|b=c.wav", "a-b-c"),
        ("日本.wav", "clip"),
        ("x" * 300 + ".wav", "x" * 80),
    ],
)
def test_stems_are_plain(origin: str, stem: str) -> None:
    assert file_stem(origin) == stem


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_name_becomes_a_safe_one(origin: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", file_stem(origin))


def test_the_same_file_keeps_its_name_and_others_get_their_own() -> None:
    names = Names([])
    assert names.claim("/s", "a/01.wav", "11111111aa") == "01"
    assert names.claim("/s", "b/01.wav", "22222222bb") == "01-22222222"
    assert names.claim("/s", "c/01.WAV", "33333333cc") == "01-33333333"
    assert names.claim("/s", "a/01.wav", "44444444dd") == "01"  # recorded again
    assert names.claim("/moved", "b/01.wav", "22222222bb") == "01-22222222"
    assert names.claim("/s", "d/01.wav", "22222222ee") == "01-22222222ee"


def test_names_last_from_one_run_to_the_next() -> None:
    old = Record("01-00001000", "01", "/s", "a/01.wav", "11")
    names = Names([old])
    assert names.claim("/s", "a/01.wav", "99") == "01"
    assert names.claim("/t", "01.wav", "2222222222") == "01-22222222"


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
    features={"peaks": np.array([[1, 2]], np.int16), "resemblyzer": np.ones(256, np.float32)},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    journal = ClipJournal(tmp_path / "clips")
    journal.save(RECORD)
    loaded = journal.load("a-1")
    assert loaded == RECORD
    assert loaded is not None
    assert loaded.features["peaks"].tolist() == [[1, 2]]
    assert loaded.features["resemblyzer"].dtype == np.float32
    assert loaded.seconds == 1.0
    assert list(journal) == [RECORD]
    journal.forget("a-1")
    assert journal.load("a-1") is None
    assert list(journal) == []


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    journal = ClipJournal(tmp_path)
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
