"""xtts-api-server's routes as SillyTavern asks them, those for scripts, health and metrics."""

from __future__ import annotations

import io
import json
from urllib.parse import urlencode

import numpy as np
import pytest
import soundfile as sf

from tests.serving.conftest import Running
from xttslab.serving.streamed_audio import wav_header

TEXT = "Jó estét kívánok mindenkinek!"


def wave_of(answer: tuple[int, dict, bytes]) -> np.ndarray:
    status, headers, body = answer
    assert (status, headers["content-type"]) == (200, "audio/wav"), body
    wave, rate = sf.read(io.BytesIO(body), dtype="int16")
    assert rate == 24_000
    return wave


def test_the_lists_of_xtts_api_server(served: Running) -> None:
    speakers = json.loads(served.ask("/speakers")[2])
    assert speakers[0] == {"name": "greeting", "voice_id": "greeting", "preview_url": ""}
    assert json.loads(served.ask("/speakers_list")[2]) == ["greeting", "tension"]
    assert json.loads(served.ask("/languages")[2]) == {"languages": {"Hungarian": "hu"}}


def test_whole_and_streamed_audio_of_xtts_api_server(served: Running) -> None:
    asked = {"text": TEXT, "speaker_wav": "greeting", "language": "hu"}
    assert len(wave_of(served.ask("/tts_to_audio/", asked))) > 0
    status, headers, streamed = served.ask(f"/tts_stream/?{urlencode(asked)}")
    assert served.ask(f"/tts_stream?{urlencode(asked)}")[2] == streamed
    assert (status, headers["content-type"]) == (200, "audio/wav")
    assert streamed.startswith(wav_header())
    samples = np.frombuffer(streamed[len(wav_header()) :], "<i2")
    pcm = served.ask("/v1/audio/speech", {"input": TEXT, "response_format": "pcm"})[2]
    assert samples.tobytes() == pcm
    assert np.abs(samples).max() > 0


def test_a_line_with_segments_has_its_pauses(served: Running) -> None:
    parts = [("Ki nyerte a játékot?", 0.5), ("A: Szeged,", 0.7), ("B: Pécs.", 0.0)]
    segments = [{"type": "x", "text": text, "pause_after": pause} for text, pause in parts]
    body = {"segments": segments, "category": "tension", "format": "wav", "seed": 3}
    asked = [served.ask("/generate/segmented", body) for _ in range(2)]
    assert asked[0][2] == asked[1][2]
    segments[0]["pause_after"] = 0.9
    longer = wave_of(served.ask("/generate/segmented", body))
    assert len(longer) - len(wave_of(asked[0])) == pytest.approx(0.4 * 24_000, abs=2)


@pytest.mark.parametrize("kind", ["mp3", "flac", "pcm"])
def test_a_simple_line(served: Running, kind: str) -> None:
    status, headers, body = served.ask("/generate/simple", {"text": TEXT, "format": kind})
    assert (status, len(body) > 1000) == (200, True)
    assert headers["content-disposition"] == f'inline; filename="speech.{kind}"'


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/tts_to_audio/", {"text": TEXT, "language": "en"}, 400, "this voice speaks hu"),
        ("/tts_to_audio/", {"text": TEXT, "speaker_wav": "x"}, 400, "'x' is no voice here"),
        ("/tts_to_audio/", {}, 422, "text: field required"),
        ("/tts_to_audio/", b'{"text":', 422, "json"),
        ("/tts_to_audio/", {"text": "a" * 501}, 400, "text has 501 characters; at most 500"),
        ("/generate/simple", {"text": TEXT, "format": "aiff"}, 400, "there are mp3, opus, aac"),
        ("/generate/simple", {"text": TEXT, "sped": 1}, 422, "sped: extra inputs"),
        ("/generate/simple", {"text": TEXT, "temperature": 9}, 400, "not within 0.05 and 2"),
        ("/generate/simple", {"text": TEXT, "takes": 0}, 400, "takes=0 is not within 1 and 6"),
        ("/generate/simple", {"text": TEXT, "seed": -1}, 400, "seed=-1 is not within 0"),
        ("/generate/simple", {"text": TEXT, "seed": 2**40}, 400, "not within 0 and 2147483647"),
        ("/generate/segmented", {"segments": []}, 422, "segments: list should have"),
        (
            "/generate/segmented",
            {"segments": [{"text": "Jó!", "pause_after": 999}]},
            400,
            "segments.0.pause_after: a pause lasts 0 to 60 s",
        ),
        ("/page/reading", {"text": "?!"}, 400, "no letter and no number in it"),
    ],
)
def test_faults_are_one_line(served: Running, path: str, body, status: int, message: str) -> None:
    json_type = {"Content-Type": "application/json"}
    found, headers, answer = served.ask(path, body, json_type)
    assert (found, headers["content-type"]) == (status, "application/json")
    assert message in json.loads(answer)["detail"]


def test_several_takes_and_categories_of_a_script(served: Running) -> None:
    body = {"text": TEXT, "category": ["tension", "greeting"], "format": "wav", "takes": 2}
    status, headers, content = served.ask("/generate/simple", body)
    assert (status, headers["x-takes"][:12]) == (200, "2; pieces=1;")
    assert len(content) > 1000
    assert "xttslab_judged_pieces_total" in served.ask("/metrics")[2].decode()


def test_what_will_be_read(served: Running) -> None:
    body = {"text": "Ma 3 kérdés vár önre. [pause 0.6s] Kezdjük!"}
    assert json.loads(served.ask("/page/reading", body)[2])["pieces"] == [
        {"text": "Ma három kérdés vár önre.", "pause": 0.6},
        {"text": "Kezdjük!", "pause": 0.0},
    ]


def test_health_and_metrics(served: Running) -> None:
    health = json.loads(served.ask("/health")[2])
    assert health["status"] == "ok"
    assert health["model"] == "xtts_mini"
    assert health["voices"] == ["greeting", "tension"]
    assert health["places"]["all"] == 3
    status, headers, body = served.ask("/metrics")
    assert (status, headers["content-type"].split(";")[0]) == (200, "text/plain")
    for name in ("requests_total", "speech_seconds_total", "first_sound_seconds"):
        assert f"xttslab_{name}" in body.decode()
