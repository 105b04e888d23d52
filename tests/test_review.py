"""`review` from its command: the audit follows what was decided, however the page is ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import make_clips
from xttslab.data.preparing.reviewing import ReviewedSet, Seen
from xttslab.reporting.audit import HTML
from xttslab.review import main
from xttslab.serving import review_pages


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """The audit page of a set of eight clips; it is newer than its rows."""
    make_clips(tmp_path / "data" / "show", "show", ["greeting", "tension"], each=4)
    page = tmp_path / "data" / "show" / HTML
    page.write_text("as prepare wrote it", encoding="utf-8")
    return page


def review(
    page: Path,
    compose: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    decided: Callable[[ReviewedSet], None],
) -> None:
    """Run the command; `decided` stands for what a person does on the page."""

    class Server:
        def __init__(self, reviewed: ReviewedSet, *_: object) -> None:
            self.reviewed = reviewed

        def run(self, label: str) -> None:
            decided(self.reviewed)

    monkeypatch.setattr(review_pages, "review_server", Server)
    main(compose("name=show", f"data_dir={page.parents[1].as_posix()}", name="review"))


def correct(reviewed: ReviewedSet) -> None:
    clip = reviewed.clips()[0]
    seen = Seen(clip.text, clip.category, True)
    reviewed.keep(clip.audio_file, seen, "Kijavított mondat.", clip.category)


def test_the_audit_shows_what_was_corrected(
    page: Path, compose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    review(page, compose, monkeypatch, correct)
    assert "Data audit: show" in page.read_text(encoding="utf-8")
    assert f"audit      {page}" in capsys.readouterr().out


def test_the_audit_is_written_where_the_page_is_ended_by_a_signal(
    page: Path, compose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(reviewed: ReviewedSet) -> None:
        correct(reviewed)
        raise SystemExit(0)

    with pytest.raises(SystemExit):
        review(page, compose, monkeypatch, ended)
    assert "Data audit: show" in page.read_text(encoding="utf-8")


def test_an_audit_that_is_up_to_date_is_left_alone(
    page: Path, compose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = page.with_name("metadata.csv").stat().st_mtime_ns
    os.utime(page, ns=(rows, rows))
    review(page, compose, monkeypatch, lambda reviewed: None)
    assert page.read_text(encoding="utf-8") == "as prepare wrote it"
