"""References that a search chose for a run: kept, read back, and used where they still are."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import yaml

from tests.conftest import make_clips
from xttslab.errors import UserError
from xttslab.speaking.loading import FILE, Chosen, best_references, read_chosen, write_chosen


def test_a_choice_is_read_back(tmp_path: Path) -> None:
    clip = make_clips(tmp_path / "set", "set", ["greeting"])[0].audio
    chosen = {"greeting": Chosen((clip,), 0.65, 7.25)}
    assert write_chosen(tmp_path, chosen) == tmp_path / FILE
    assert read_chosen(tmp_path) == chosen


def test_a_choice_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    clip = make_clips(tmp_path / "set", "set", ["greeting"])[0].audio
    stored = {"greeting": {"recordings": [str(clip)], "temperature": 0.65, "mark": 7.25}}
    (tmp_path / FILE).write_text(yaml.safe_dump(stored), encoding="utf-8")
    assert read_chosen(tmp_path) == {"greeting": Chosen((clip,), 0.65, 7.25)}


def test_a_run_without_a_choice_has_none(tmp_path: Path) -> None:
    assert read_chosen(tmp_path) == {}


def test_a_choice_goes_before_the_typical_clip(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "set", "set", ["greeting", "tension"])
    own = clips[2].audio
    write_chosen(tmp_path, {"greeting": Chosen((own,), 0.65, 7.0)})
    sources = {"set": str(tmp_path / "set")}
    typical, _ = best_references(sources, "hu", None)
    found, temperatures = best_references(sources, "hu", tmp_path)
    assert found == {**typical, "greeting": [own]}
    assert temperatures == {"greeting": 0.65}


def test_a_recording_that_is_gone_is_said_and_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_chosen(tmp_path, {"greeting": Chosen((tmp_path / "gone.wav",), 0.65, 7.0)})
    with caplog.at_level(logging.WARNING):
        assert read_chosen(tmp_path) == {}
    assert "gone.wav is gone" in caplog.text


@pytest.mark.parametrize("content", ["[1]", "greeting: {temperature: 1}", "greeting: [", "a: 1"])
def test_a_damaged_file_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(UserError, match=r"references\.yaml: is damaged .*search=references"):
        read_chosen(tmp_path)


def test_a_choice_goes_with_its_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = make_clips(tmp_path / "before/data/quiz", "quiz", ["greeting"])[0].audio
    run_dir = tmp_path / "before/outputs/run"
    run_dir.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "before")
    write_chosen(run_dir, {"greeting": Chosen((clip,), 0.65, 7.0)})
    assert f"../../data/quiz/{clip.parent.name}/{clip.name}" in (run_dir / FILE).read_text("utf-8")
    (tmp_path / "before").rename(tmp_path / "after")
    found = read_chosen(tmp_path / "after/outputs/run")["greeting"].recordings
    assert found == (tmp_path / "after" / clip.relative_to(tmp_path / "before"),)
