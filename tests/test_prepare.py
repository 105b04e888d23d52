"""The command: plain names, free text, one-line faults, a config that training finds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.processes import Command
from xttslab.commands import plain_name
from xttslab.data import speaker_encoders
from xttslab.data.audio import read_audio, write_audio
from xttslab.data.predictors import PredictorMissing
from xttslab.data.preparing.sources import ASSETS
from xttslab.errors import UserError
from xttslab.evaluation.recognition import RecogniserFault
from xttslab.prepare import SHARED, SHARED_FOR_VOICES, _encoder, _speaker_search, main

QUICK = ("check_speakers=false", "workers=1")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recordings under a name that shells and Hydra stumble over."""
    folder = tmp_path_factory.mktemp("place")
    source = folder / "Őri, (régi) felvételek=1!"
    rows = ["audio_file|text"]
    for number, path in enumerate(sorted((ASSETS / "demo_milliomos").rglob("*.ogg"))[:5]):
        write_audio(source / f"{number}.wav", read_audio(path))
        rows.append(f"{number}.wav|Ez a {number}. mondat.")
    (source / "metadata.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def test_dataset_is_a_plain_name() -> None:
    assert plain_name(["dataset=a b", "speaker=x"]) == ["name=a b", "speaker=x"]


def test_what_workers_share_is_light_and_starts_no_thread() -> None:
    """A process that forks must have one thread; librosa would cost 136 MB."""
    count = "print(psutil.Process().num_threads(), 'numba' in sys.modules)"
    code = f"import importlib, sys, psutil; [*map(importlib.import_module, sys.argv[1:])]; {count}"
    names = [*SHARED, *SHARED_FOR_VOICES]
    for name in ("parselmouth", "resemblyzer"):
        pytest.importorskip(name, reason=f"{name} is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *names],
        capture_output=True, text=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stdout.split() == ["1", "False"]


def test_prepare_then_compose_training(place: Path) -> None:
    source = "source=Őri, (régi) felvételek=1!"
    first = Command("prepare", "dataset=uj-keszlet", source, "language=hu-HU", *QUICK, folder=place)
    assert first.returncode == 0, first.stderr
    assert "5 clips" in first.stdout
    assert "no consent entry" in first.stdout
    assert "next: python -m xttslab.train dataset=uj-keszlet" in first.stdout
    config = yaml.safe_load((place / "data/conf/dataset/uj-keszlet.yaml").read_text())
    assert config == {
        "name": "uj-keszlet",
        "language": "hu",
        "sources": {"uj-keszlet": "${data_dir}/uj-keszlet"},
    }
    assert (place / "data/uj-keszlet/audit.html").is_file()
    again = Command("prepare", "dataset=uj-keszlet", source, *QUICK, folder=place)
    assert again.returncode == 0
    assert "nothing has changed, nothing to do" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["name=Kérdés"], "a name holds a-z, 0-9, _ and - only; write dataset=kerdes"),
        (["name=codes"], "choose another"),
        (["name=measures"], "choose another"),
        (["name=x"], "source=PATH is missing"),
        (["name=x", "source=nowhere"], "source nowhere: no such file or folder"),
        (["name=demo_x"], "no such demo set; the package holds demo_blikk, demo_milliomos"),
        (
            ["recipe.loudness.target_lufs=loud"],
            "recipe.loudness.target_lufs=loud: input should be a valid",
        ),
        (["recipe.denoising.strength=2"], "recipe.denoising.strength=2: input should be less than"),
        (
            ["recipe.segments.min_s=30"],
            "recipe.segments: min_s < max_s <= ceiling_s does not hold: 30.0 < 12.0",
        ),
        (["categories.most_folders=x"], "most_folders=x: input should be a valid integer"),
        (
            ["+checks.min_voice_cosine.nobody=0.5"],
            "checks.min_voice_cosine.nobody.[key]=nobody: input should be 'campplus' or",
        ),
        (["checks.reject=[noises]"], "checks.reject.0=noises: input should be 'clipped'"),
        (["language=sk"], "language 'sk' is none of XTTS-v2's; write ar, cs, de, en,"),
        (["workers=-1"], "workers=-1: input should be greater than or equal to 0"),
        (
            ["transcripts.model=packaged", "transcripts.batch_size=0"],
            "transcripts.batch_size=0: input should be greater than 0",
        ),
    ],
)
def test_faults_are_one_line(
    place: Path, compose: Callable[..., Any], arguments: list[str], message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(place)
    named = [f"name='{a[5:]}'" if a.startswith("name=") else a for a in arguments]
    with pytest.raises(UserError) as caught:
        main(compose("name=x", *QUICK, *named, name="prepare"))
    assert message in str(caught.value)
    assert "Plan." not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=large-v4"], "transcripts.model=large-v4: no folder, and no model of faster-whis"),
        (["model=/nincs/modell"], "transcripts.model=/nincs/modell: no folder, and no model"),
        (["device=tpu"], "transcripts.device=tpu: no such device; use cpu, cuda or auto"),
        (["compute_type=int5"], "transcripts.compute_type=int5: not computed by this cpu; use "),
    ],
)
def test_a_recogniser_that_cannot_work_is_told_before_the_work(
    place: Path, compose: Callable[..., Any], arguments: list[str], message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    pytest.importorskip("faster_whisper", reason="faster-whisper is not installed (extra eval)")
    monkeypatch.chdir(place)
    monkeypatch.setattr("xttslab.data.preparing.preparation.prepare", pytest.fail)
    options = ["transcripts.model=packaged", *(f"transcripts.{one}" for one in arguments)]
    with pytest.raises(UserError) as caught:
        main(compose("name=x", "source=y", *QUICK, *options, name="prepare"))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            PredictorMissing("resemblyzer is broken"),
            "resemblyzer is broken; or add check_speakers=false",
        ),
        (
            RecogniserFault("device", "cuda", RuntimeError("no cublas.\nmore"), "use cpu"),
            "transcripts.device=cuda: no cublas; use cpu",
        ),
    ],
)
def test_a_predictor_that_fails_at_work_is_one_line(
    place: Path, compose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch,
    fault: Exception, message: str,
) -> None:  # fmt: skip
    def fail(*arguments: object) -> bool:
        raise fault

    monkeypatch.chdir(place)
    monkeypatch.setattr("xttslab.data.preparing.preparation.prepare", fail)
    with pytest.raises(UserError) as caught:
        main(compose("name=x", "source=y", *QUICK, name="prepare"))
    assert str(caught.value) == message


def test_an_unknown_option_is_one_line(place: Path) -> None:
    done = Command("prepare", "dataset=x", "source=x", "lufs=-20", *QUICK, folder=place)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "lufs" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_an_interruption_says_how_to_go_on(
    place: Path, compose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*arguments: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.chdir(place)
    monkeypatch.setattr("xttslab.data.preparing.preparation.prepare", stop)
    with pytest.raises(UserError, match="interrupted; the same command goes on from here"):
        main(compose("name=x", "source=y", *QUICK, name="prepare"))


def test_whom_a_name_keeps_is_told_by_voice_too(
    compose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    def search(*options: str) -> Any:
        return _speaker_search(compose("name=x", *QUICK, *options, name="prepare"))

    there = {"campplus": True, "resemblyzer": True}
    monkeypatch.setattr(speaker_encoders, "installed", there.get)
    found = search("keep_speaker=a")
    assert (found.by_name, found.encoder, found.samples) == (True, "campplus", ())
    assert search("keep_speaker=a", "voice=main").by_name is False
    assert search("keep_speaker=a", "keep_by_voice=false") is None
    assert search() is None
    there.update(campplus=False, resemblyzer=False)
    assert search("keep_speaker=a") is None
    assert "by the transcript's times alone: no speaker encoder is" in capsys.readouterr().err


def test_speakers_are_checked_by_the_first_encoder_that_is_installed(
    compose: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    there = {"campplus": True, "resemblyzer": True}
    monkeypatch.setattr(speaker_encoders, "installed", there.get)
    assert _encoder(compose("name=x", name="prepare")) == "campplus"
    assert _encoder(compose("name=x", *QUICK, name="prepare")) is None
    there["campplus"] = False
    assert _encoder(compose("name=x", name="prepare")) == "resemblyzer"
    there["resemblyzer"] = False
    assert _encoder(compose("name=x", name="prepare")) is None
    assert "speakers are not checked: no speaker encoder is" in capsys.readouterr().err
