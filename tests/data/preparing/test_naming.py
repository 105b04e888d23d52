"""Every clip has one name that lasts, on any file system."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xttslab.data.preparing.naming import Names, file_stem
from xttslab.data.preparing.records import Record


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
