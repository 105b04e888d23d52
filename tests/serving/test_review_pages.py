"""The review's page and requests, without a browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from starlette.testclient import TestClient

from tests.conftest import CONF, spoken
from xttslab.data.audio import write_audio
from xttslab.data.manifest import Clip, write_metadata
from xttslab.data.preparing.folder import Folder
from xttslab.data.preparing.reviewing import Doubts, ReviewedSet
from xttslab.serving.local_pages import access_for
from xttslab.serving.review_pages import counts, review_app, review_server

SECRET = "a-secret-of-this-session"
SEEN = {"text": "Mondat a.", "category": "greeting", "used": True}
KEEP = {"audio_file": "wavs/a.wav", "seen": SEEN, "text": "Javítva.", "category": "tension"}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path / "data" / "show")
    clips = []
    for number, name in enumerate("abc"):
        write_audio(folder.audio(name), spoken(0.3, 120, number))
        clips.append(Clip(folder.audio(name), f"Mondat {name}.", "demo", "greeting", False, "hu"))
    write_metadata(folder.path / "metadata.csv", clips)
    return folder


@pytest.fixture
def asking(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    monkeypatch.delenv("XTTSLAB_TOKEN", raising=False)
    reviewed = ReviewedSet(folder, Doubts({}, other=1))
    app = review_app(reviewed, access_for("127.0.0.1", SECRET), ["another voice"])
    return TestClient(
        app, base_url="http://127.0.0.1:8020", headers={"Authorization": f"Bearer {SECRET}"}
    )


def test_a_correction_and_a_clip_left_out_reach_the_file(
    folder: Folder, asking: TestClient
) -> None:
    kept = asking.post("/keep", json=KEEP)
    assert kept.status_code == 200
    assert (kept.json()["text"], kept.json()["state"]) == ("Javítva.", "kept")
    seen = SEEN | {"text": "Mondat b."}
    out = {"audio_file": "wavs/b.wav", "seen": seen, "reason": "another voice"}
    assert asking.post("/leave_out", json=out).json()["state"] == "out"
    rows = (folder.path / "metadata.csv").read_text(encoding="utf-8").splitlines()[1:]
    assert [row.split("|")[:4] for row in rows] == [
        ["wavs/a.wav", "Javítva.", "demo", "tension"],
        ["wavs/c.wav", "Mondat c.", "demo", "greeting"],
    ]
    states = {clip["audio_file"]: clip["state"] for clip in asking.get("/clips").json()}
    assert states == {"wavs/a.wav": "kept", "wavs/b.wav": "out", "wavs/c.wav": "open"}


def test_a_row_that_changed_meanwhile_is_shown_and_not_overwritten(
    folder: Folder, asking: TestClient
) -> None:
    path = folder.path / "metadata.csv"
    path.write_text(path.read_text("utf-8").replace("Mondat a.", "Kézzel."), encoding="utf-8")
    answer = asking.post("/keep", json=KEEP)
    assert answer.status_code == 409
    assert "another program changed its row to 'Kézzel.'" in answer.json()["message"]
    assert answer.json()["clip"]["text"] == "Kézzel."
    assert "Kézzel." in path.read_text("utf-8")


@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"text": " "}, 400, "the text is empty; write what is said, or leave the clip out"),
        ({"category": "Kérdés!"}, 400, "may hold a-z, 0-9, _ and - only; write 'kerdes'"),
        ({"audio_file": "../x.wav"}, 400, "../x.wav: the set has no such clip"),
        ({"text": "x" * 5000}, 422, "body.text: string should have at most 4000 characters"),
        ({"text": 7}, 422, "body.text: input should be a valid string"),
        ({"more": 1}, 422, "body.more: extra inputs are not permitted"),
    ],
)
def test_what_cannot_be_written_is_told_in_one_line(
    asking: TestClient, changed: dict, status: int, message: str
) -> None:
    answer = asking.post("/keep", json=KEEP | changed)
    assert (answer.status_code, "\n" in answer.text) == (status, False)
    assert message in answer.text


def test_sound_is_served_in_parts_and_only_that_of_the_sets_clips(
    folder: Folder, asking: TestClient
) -> None:
    whole = asking.get("/audio", params={"file": "wavs/a.wav"})
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    assert whole.content == folder.audio("a").read_bytes()
    part = asking.get("/audio", params={"file": "wavs/a.wav"}, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    for file in ("metadata.csv", "../show/wavs/a.wav", "/etc/passwd", "wavs/none.wav"):
        assert asking.get("/audio", params={"file": file}).status_code == 404, file


def test_the_page_needs_the_token_and_carries_the_reasons(asking: TestClient) -> None:
    page = asking.get("/")
    assert "Review of show" in page.text
    assert '"another voice"' in page.text
    assert asking.get("/clips", headers={"Authorization": ""}).status_code == 401


def test_the_weights_name_the_checks_there_are(folder: Folder) -> None:
    given = OmegaConf.load(CONF / "review.yaml")  # refuses a name that stands twice
    weights = given["doubts"]["weights"]
    sources = "".join(p.read_text("utf-8") for p in (CONF.parent / "xttslab/data").rglob("*.py"))
    assert [name for name in weights if f'"{name}"' not in sources] == []
    reviewed = ReviewedSet(folder, Doubts(weights, given["doubts"]["other"]))
    assert counts(reviewed.clips()) == {"used": 3, "doubtful": 0, "open": 3, "out": 0}
    server = review_server(reviewed, "127.0.0.1", 0, given["reasons"])
    assert "/?token=" in server.url
    server._listener.close()
