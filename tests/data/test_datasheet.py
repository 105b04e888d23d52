"""The data sheet is checked by a schema; who did not agree is named."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from xttslab.data.datasheet import (
    FILE,
    Consent,
    ConsentingSpeaker,
    DataSheet,
    read_sheet,
    write_sheet,
)
from xttslab.errors import UserError

FULL = """\
name: milliomos
language: hu
source: recorded for a quiz show
licence: by agreement
speakers:
  - name: Őri Béla
    consent:
      by: Őri Béla
      date: 2025-10-03
      purpose: a quiz game
"""


def test_a_full_sheet_is_read_and_needs_no_warning(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(FULL, encoding="utf-8")
    sheet = read_sheet(tmp_path)
    agreed = Consent(by="Őri Béla", date=datetime.date(2025, 10, 3), purpose="a quiz game")
    assert sheet == DataSheet(
        name="milliomos",
        language="hu",
        source="recorded for a quiz show",
        licence="by agreement",
        speakers=(ConsentingSpeaker(name="Őri Béla", consent=agreed),),
    )
    assert sheet.warning() is None


def test_a_missing_sheet_warns_about_the_speaker(tmp_path: Path) -> None:
    warning = read_sheet(tmp_path / "new").warning()
    assert warning == (
        "data set 'new' has no consent entry for the speaker: training somebody's voice needs "
        "their agreement; fill in `consent` in its dataset.yaml"
    )


def test_each_speaker_without_consent_is_named_and_synthetic_ones_need_none() -> None:
    people = (
        ConsentingSpeaker(name="A"),
        ConsentingSpeaker(name="robot", synthetic=True),
        ConsentingSpeaker(name="B"),
    )
    assert "for A, B:" in str(DataSheet(name="x", language="hu", speakers=people).warning())
    assert DataSheet(name="x", language="hu", speakers=people[1:2]).warning() is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("date: 2025-10-03", "date: tavaly", "speakers.0.consent.date is 'tavaly'"),
        ("by: Őri Béla", "by: ' '", "speakers.0.consent.by is ' '"),
        ("      purpose: a quiz game\n", "", "speakers.0.consent.purpose is"),
        ("licence:", "license:", "license is 'by agreement': extra inputs are not permitted"),
        ("language: hu", "language: [", "is not YAML"),
    ],
)
def test_a_wrong_field_is_named_in_one_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    (tmp_path / FILE).write_text(FULL.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        read_sheet(tmp_path)
    assert message in str(caught.value)
    assert str(tmp_path / FILE) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sheet_that_is_no_text_or_no_mapping_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="line 1: holds bytes that are not UTF-16"):
        read_sheet(tmp_path)
    (tmp_path / FILE).write_text("- a list", encoding="utf-8")
    with pytest.raises(UserError, match="the file is"):
        read_sheet(tmp_path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1250"])
def test_a_sheet_of_any_editor_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / FILE).write_bytes(FULL.encode(encoding))
    assert read_sheet(tmp_path).speakers[0].name == "Őri Béla"


def test_the_template_is_valid_and_never_overwritten(tmp_path: Path) -> None:
    write_sheet(tmp_path, "hu", Path("/recordings: old #1"), ["B", "A", "B"])
    sheet = read_sheet(tmp_path)
    assert [speaker.name for speaker in sheet.speakers] == ["A", "B"]
    assert sheet.source == "/recordings: old #1"
    assert sheet.warning()
    written = (tmp_path / FILE).read_bytes()
    write_sheet(tmp_path, "en", Path("elsewhere"), ["C"])
    assert (tmp_path / FILE).read_bytes() == written


def test_the_template_becomes_whole_by_filling_it_in(tmp_path: Path) -> None:
    write_sheet(tmp_path, "hu", Path("x"), ["A"])
    text = (tmp_path / FILE).read_text(encoding="utf-8")
    filled = text.replace(
        "consent: null # replace null by these three lines, filled in:", "consent:"
    )
    filled = filled.replace("    #  ", "      ")
    (tmp_path / FILE).write_text(filled, encoding="utf-8")
    assert read_sheet(tmp_path).warning() is None


def test_the_sheet_of_a_source_travels_with_it(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / FILE).write_text(FULL, encoding="utf-8")
    write_sheet(tmp_path / "set", "hu", tmp_path / "source", ["A"])
    assert read_sheet(tmp_path / "set").speakers[0].name == "Őri Béla"
