"""What a server refuses, in each protocol's form, and that nothing sent to it breaks it."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.serving.conftest import TOKEN, Running

SPEECH = {"input": "Jó napot!", "voice": "greeting", "response_format": "pcm"}


def places(served: Running) -> int:
    return json.loads(served.ask("/health")[2])["places"]["taken"]


@pytest.mark.parametrize("path", ["/v1/audio/speech", "/tts_to_audio/", "/metrics", "/"])
def test_without_the_token_nothing_is_told(served: Running, path: str) -> None:
    for wrong in ({"Authorization": "Bearer wrong"}, {"Authorization": ""}):
        status, headers, body = served.ask(path, headers=wrong)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
        answer = json.loads(body)
        said = answer["error"]["message"] if path.startswith("/v1") else answer["detail"]
        assert said.startswith("the token is missing or wrong")
    asked = served.ask(f"/speakers?{urlencode({'token': TOKEN})}", headers={"Authorization": ""})
    assert asked[0] == 200


def test_pages_of_strangers_and_large_bodies_are_refused(served: Running) -> None:
    status, headers, _ = served.ask("/v1/models", headers={"Origin": "http://evil.example"})
    assert status == 403
    assert not [name for name in headers if name.lower().startswith("access-control")]
    status, _, body = served.ask("/v1/audio/speech", {**SPEECH, "input": "a" * 20_000})
    assert status == 413
    assert json.loads(body)["error"]["code"] == "request_too_large"
    assert served.ask("/tts_to_audio/", {"text": "a" * 20_000})[0] == 413


@pytest.mark.parametrize(
    "name", ["../../data/milliomos", "/etc/passwd", "a/../b", "x\x00", "ő" * 99]
)
def test_a_voice_is_a_name_and_no_path(served: Running, name: str) -> None:
    status, _, body = served.ask("/tts_to_audio/", {"text": "Jó!", "speaker_wav": name})
    assert status == 400
    assert "is no voice here; there are greeting, tension" in json.loads(body)["detail"]
    assert served.ask("/%2e%2e/%2e%2e/data/milliomos/metadata.csv")[0] == 404


def raw(served: Running, body: dict) -> socket.socket:
    """A request whose answer nobody reads."""
    place, content = urlsplit(served.url), json.dumps(body).encode()
    connection = socket.create_connection((place.hostname, place.port))
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: {place.netloc}\r\nAuthorization: Bearer "
    head += f"{TOKEN}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    connection.sendall(head.encode() + content)
    return connection


@pytest.mark.parametrize("kind", ["pcm", "wav"])
def test_one_too_many_is_told_so_and_a_client_that_goes_frees_its_place(
    served: Running, kind: str
) -> None:
    long = {**SPEECH, "input": "Nagyon hosszú mondat következik. " * 15, "response_format": kind}
    waiting = [raw(served, long) for _ in range(3)]
    while places(served) < 3:
        time.sleep(0.01)
    status, headers, body = served.ask("/v1/audio/speech", SPEECH)
    assert (status, headers["retry-after"]) == (429, "1")
    assert json.loads(body)["error"] == {
        "message": "all 3 places are taken; try again in a moment",
        "type": "rate_limit_error",
        "param": None,
        "code": "too_many_requests",
    }
    for connection in waiting:
        connection.close()
    until = time.monotonic() + 30
    while places(served) and time.monotonic() < until:
        time.sleep(0.01)
    assert places(served) == 0
    assert served.ask("/v1/audio/speech", SPEECH)[0] == 200
    counted = served.ask("/metrics")[2].decode()
    assert 'xttslab_requests_total{protocol="openai",status="429"}' in counted
    assert 'xttslab_requests_total{protocol="openai",status="499"}' in counted


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2)
    ),
    max_leaves=3,
)
TEXTS = st.text(max_size=30) | st.sampled_from(
    ["Jó!", "<speak>a", "[pause 99s]", "1e999", "\ud800"]
)
FIELDS = ["input", "text", "voice", "speaker_wav", "language", "speed", "seed", "temperature"]
FIELDS += ["response_format", "format", "stream_format", "category", "segments", "model"]
PATHS = ["/v1/audio/speech", "/tts_to_audio/", "/generate/simple", "/generate/segmented"]
PATHS += ["/page/reading"]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    path=st.sampled_from(PATHS),
    text=TEXTS,
    more=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=3),
    bare=st.none() | st.binary(max_size=30),
)
def test_whatever_is_sent_is_never_a_defect(
    served: Running, path: str, text: str, more: dict, bare: bytes | None
) -> None:
    segments = [{"text": text, "pause_after": 0.1}]
    body = {"input": text} if path.startswith("/v1") else {"text": text}
    body = {"segments": segments} if path.endswith("segmented") else body
    status, _, answer = served.ask(path, bare if bare is not None else {**body, **more})
    assert status in {200, 400, 404, 422}, (status, answer)
    if status != 200:
        json.loads(answer)
