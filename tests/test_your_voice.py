"""docs/your_voice.md: every command on the page, in its order, on small recordings and models."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import QUICK, TINY_MODEL
from tests.processes import Command
from xttslab.data.audio import SAMPLE_RATE, read_audio, write_audio
from xttslab.data.manifest import read_folder
from xttslab.data.preparing.sources import ASSETS

pytestmark = pytest.mark.posix  # servers are ended by a signal
PAGE = Path(__file__).parents[1] / "docs/your_voice.md"
TEXT = PAGE.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m xttslab\.(\w+) ?(.*)$", TEXT, re.MULTILINE)
# What makes each command small; where one comes twice the options fit both.
SIZES = ["model.architecture.max_text_tokens=200", "model.architecture.max_mel_tokens=300"]
TRAIN = [*TINY_MODEL, *SIZES, *QUICK, "trainer.max_epochs=1", "timed_steps=0"]
DECODER = [option for option in TRAIN if not option.startswith("batch.")]
DECODER += ["stage.batches=4", "stage.segments=4", "stage.segment_codes=8"]
SMALLER = {
    "prepare": ["check_speakers=false", "keep_by_voice=false", "workers=1"],
    "evaluate": ["evaluation.scoring.bootstrap=20", "rows=[codec]", "seeds=[7]", "sentences.long=",
                 "~sentences.sets.numbers", "~sentences.sets.unseen"],
    "doctor": ["training=false"],
    "say": ["longest=20"],
    "serve": ["port=0", "wyoming_port=null"],
}  # fmt: skip
SERVERS = {"review": "", "serve": "v1/models"}  # what is asked for


def no_predictors() -> None:
    """Scores of a tiny random model say nothing, and cost a minute."""
    from xttslab.data import predictors, speaker_encoders
    from xttslab.evaluation import measuring, naturalness, recognition

    def missing(*_: object) -> None:
        raise predictors.PredictorMissing("left out here")

    speaker_encoders._encoder = speaker_encoders._campplus = missing
    naturalness._distillmos = recognition._pipeline = missing
    measuring.describe = measuring.find_defects = missing


def recordings(folder: Path) -> None:
    """An episode of two people with its transcript, and interview clips: the packaged voice."""
    quiz, interviews = (read_folder(ASSETS / f"demo_{name}")[0] for name in ("milliomos", "blikk"))
    pause = np.zeros(SAMPLE_RATE, np.float32)
    parts, lines, start = [pause], [], 1.0
    for number, clip in enumerate(quiz[6:16]):
        parts += [read_audio(clip.audio), pause]
        end = start + len(parts[-2]) / SAMPLE_RATE
        who = f"Speaker {number % 5 == 4:d}"
        lines.append({"start": start, "end": end, "text": clip.text, "speaker": who})
        start = end + 1
    write_audio(folder / "episodes/episode.wav", np.concatenate(parts))
    transcript = json.dumps({"segments": lines}, ensure_ascii=False)
    (folder / "episodes/episode.json").write_text(transcript, encoding="utf-8")
    (folder / "interviews").mkdir()
    for clip in interviews[:4]:
        shutil.copy(clip.audio, folder / "interviews")
        beside = (folder / "interviews" / clip.audio.name).with_suffix(".txt")
        beside.write_text(clip.text, encoding="utf-8")
    (folder / "chapter.txt").write_text("Jó estét! [pause 0.6s] Kezdünk.", encoding="utf-8")
    show = "id|text|category|pause_after\n1|Jó!|greeting|0.5\n2|Bravó!|excitement|0\n"
    (folder / "show.csv").write_text(show, encoding="utf-8")


def served(command: Command, page: str) -> None:
    """Wait until a server names its address, ask it for a page and stop it."""
    while not (found := re.search(r"http://\S+", command.said())):
        assert command.running(), command.said()
        time.sleep(0.1)
    with urllib.request.urlopen(found[0] + page) as answer:
        assert answer.status == 200
    os.kill(command.pid, signal.SIGINT)
    assert command.ended() in (0, 130), command.said()


def test_every_command_of_the_page_does_what_it_says(workplace: Path) -> None:
    shutil.rmtree(workplace / "data")
    recordings(workplace)
    for name, typed in COMMANDS:
        more = SMALLER.get(name, [])
        if name == "train":
            more = DECODER if "stage=decoder" in typed else TRAIN
        command = Command(name, *shlex.split(typed), *more, before=no_predictors)
        if name in SERVERS:
            served(command, SERVERS[name])
        else:
            faults = name == "doctor"  # finds what is really wrong here: no card, no weights
            assert command.ended() <= faults, f"{name} {typed}\n{command.said()[-3000:]}"
    for made in (
        "data/milliomos/audit.html", "outputs/first/report/report.html",
        "outputs/sound/checkpoints/best.safetensors", "hello.mp3", "chapter.wav", "show/1.wav",
        "show.mp3", "voice/config.json",
    ):  # fmt: skip
        assert (workplace / made).is_file(), made
    texts = {clip.text for clip in read_folder(workplace / "data/milliomos")[0]}
    known = {clip.text for clip in read_folder(ASSETS / "demo_milliomos")[0][6:16]}
    assert len(texts & known) >= 6, "each clip has its own sentence"


def test_the_page_names_only_presets_and_files_that_exist() -> None:
    conf = PAGE.parents[1] / "conf"
    for preset in re.findall(r"gpu_\d+gb", TEXT):
        assert (conf / f"hardware/{preset}.yaml").is_file(), preset
    for link in re.findall(r"\]\((\w+\.md)\)", TEXT):
        assert (PAGE.parent / link).is_file(), link
