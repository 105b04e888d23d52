"""Which voices a listening test holds, and what its page is answered."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.testclient import TestClient

from tests.reporting.runs import overfitted_run, rules
from xttslab.errors import UserError
from xttslab.reporting.listening import Entrant, ListeningPlan, ListeningTest, Stimulus
from xttslab.reporting.run_data import RunData
from xttslab.reporting.votes import Vote
from xttslab.serving.listening_pages import entrants_of, listening_app
from xttslab.serving.local_pages import Access


def run(name: str = "a") -> RunData:
    """Samples at epochs 0, 10 and 20; epoch 12 is the best."""
    names = ("01_greeting", "02_tension")
    files = {f"samples/epoch_{e:03d}/{n}.wav": Path(f"{n}.wav") for e in (0, 10, 20) for n in names}
    return replace(overfitted_run(), name=name, files=files)


def test_epochs_are_named_by_number_as_best_or_all() -> None:
    best = entrants_of([run("a"), run("b")], rules().findings, ["best"])
    assert [(one.name, one.judged) for one in best] == [("a@10", True), ("b@10", True)]
    assert [clip.name for clip in best[0].stimuli] == ["01_greeting", "02_tension"]
    some = entrants_of([run()], rules().findings, ["0", 19, "best"])
    assert [(one.name, one.judged) for one in some] == [
        ("a@0", False), ("a@10", True), ("a@20", False),
    ]  # fmt: skip
    assert len(entrants_of([run()], rules().findings, ["all"])) == 3
    assert entrants_of([RunData("empty")], rules().findings, ["best", "0"]) == []
    with pytest.raises(UserError, match="epochs=last: name epochs by number, or best, or all"):
        entrants_of([run()], rules().findings, ["last"])


def test_recordings_of_others_are_found_by_the_samples_names(tmp_path: Path) -> None:
    folder = tmp_path / "other system"
    (folder / "deeper").mkdir(parents=True)
    for name in ("01_greeting.flac", "99_none.wav", "deeper/02_tension.wav"):
        (folder / name).touch()
    found = entrants_of([run()], rules().findings, ["best"], [str(folder)])
    assert (found[1].name, found[1].judged) == ("other system", False)
    assert [clip.path.name for clip in found[1].stimuli] == ["01_greeting.flac"]
    with pytest.raises(
        UserError, match=r"no file is named as the samples are \(01_greeting.wav, 0"
    ):
        entrants_of([run()], rules().findings, ["best"], [str(tmp_path)])
    with pytest.raises(UserError, match="nowhere: no such folder; correct others="):
        entrants_of([run()], rules().findings, ["best"], ["nowhere"])
    with pytest.raises(UserError, match="a voice of that name is compared already; rename it"):
        entrants_of([run()], rules().findings, ["best"], [str(folder), str(folder)])


def test_a_vote_that_cannot_be_kept_is_asked_again(tmp_path: Path) -> None:
    wave = tmp_path / "c.wav"
    soundfile.write(wave, 0.1 * np.sin(np.arange(2400) / 9), 24000)
    entrants = [Entrant(n, (Stimulus(n, "01", "Szia!", "greeting", wave),), False) for n in "ab"]
    test = ListeningTest(entrants, [], ListeningPlan(4, 0.95), rng=random.Random(1))
    kept: list[Vote] = []

    def record(vote: Vote) -> None:
        if not kept:
            kept.append(vote)
            raise UserError("the disk is full; make room and answer again")

    asking = TestClient(listening_app(test, record, Access()), base_url="http://127.0.0.1")
    task = asking.get("/next", params={"listener": " Éva "}).json()["task"]
    assert asking.get(f"/clip/{task['clips'][0]}").headers["content-type"] == "audio/mpeg"
    answer = {"task": task["id"], "choice": "a", "listener": " Éva "}
    full = asking.post("/vote", json=answer)
    assert (full.status_code, full.text) == (400, "the disk is full; make room and answer again")
    assert asking.post("/vote", json=answer).json() == {"saved": True}
    assert [vote.listener for vote in test.votes] == ["Éva"]
    assert asking.get("/next", params={"listener": "Éva"}).json() == {
        "task": None, "done": 1, "of": 1,
    }  # fmt: skip
    assert asking.get("/next", params={"listener": "x" * 100}).status_code == 422
