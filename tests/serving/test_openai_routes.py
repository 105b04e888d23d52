"""The `openai` package against a real server: every format, streams, names, errors."""

from __future__ import annotations

import base64
import io
import json
import re

import av
import openai
import pytest
import soundfile as sf

from tests.serving.conftest import TOKEN, Running

TEXT = "Jó estét kívánok mindenkinek!"


@pytest.fixture(scope="module")
def client(served: Running) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=TOKEN, max_retries=0)


def spoken(client: openai.OpenAI, kind: str, **more) -> tuple[bytes, str]:
    given = {"model": "tts-1", "voice": "greeting", "input": TEXT, "response_format": kind}
    answer = client.audio.speech.create(**{**given, **more})
    return answer.content, answer.response.headers["content-type"]


@pytest.mark.parametrize(
    ("kind", "media_type"),
    [("mp3", "audio/mpeg"), ("opus", "audio/ogg"), ("flac", "audio/flac"), ("wav", "audio/wav")],
)
def test_every_format_is_a_file_of_its_kind(client, kind: str, media_type: str) -> None:
    content, said = spoken(client, kind)
    assert said == media_type
    wave, rate = sf.read(io.BytesIO(content))
    assert rate in (24_000, 48_000)
    assert len(wave) > 0.2 * rate
    with av.open(io.BytesIO(content)) as file:
        tags = {**file.metadata, **file.streams.audio[0].metadata}
    assert tags["comment"].startswith("synthetic speech; model=xtts_mini; category=greeting")


def test_aac_and_a_seed_of_ones_own(client) -> None:
    assert spoken(client, "pcm")[1].startswith("audio/pcm")
    content, media_type = spoken(client, "aac")
    assert (content[0], media_type) == (0xFF, "audio/aac")
    same, other = (spoken(client, "pcm", extra_body={"seed": seed})[0] for seed in (7, 8))
    assert same == spoken(client, "pcm")[0]
    assert other != same


def test_the_best_of_several_takes(served: Running, client) -> None:
    asked = {"model": "tts-1", "voice": "greeting", "input": TEXT, "response_format": "mp3"}
    answer = client.audio.speech.with_raw_response.create(**asked, extra_body={"takes": 2})
    assert re.fullmatch(r"2; pieces=1; failed_first=[01]; failed=[012]", answer.headers["x-takes"])
    assert int(answer.headers["content-length"]) == len(answer.content) > 1000
    body = {"input": TEXT, "response_format": "pcm", "stream_format": "sse", "takes": 2}
    _, _, events = served.ask("/v1/audio/speech", body)
    assert events.count(b"speech.audio.delta") == 1
    assert events.count(b"speech.audio.done") == 1


def test_a_stream_comes_in_pieces(client) -> None:
    asked = {"model": "tts-1", "voice": "nova", "input": TEXT * 4, "response_format": "pcm"}
    with client.audio.speech.with_streaming_response.create(**asked) as answer:
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["transfer-encoding"] == "chunked"
        pieces = list(answer.iter_bytes())
    assert len(pieces) > 1
    assert b"".join(pieces) == spoken(client, "pcm", voice="tension", input=TEXT * 4)[0]


def test_events_hold_the_sound_and_what_it_took(served: Running, client) -> None:
    body = {"input": TEXT, "voice": {"id": "greeting"}, "response_format": "pcm"}
    _, headers, answer = served.ask("/v1/audio/speech", {**body, "stream_format": "sse"})
    assert headers["content-type"].startswith("text/event-stream")
    events = [json.loads(part[len("data: ") :]) for part in answer.decode().split("\n\n") if part]
    *deltas, done = events
    assert {event["type"] for event in deltas} == {"speech.audio.delta"}
    sound = b"".join(base64.b64decode(event["audio"]) for event in deltas)
    assert sound == spoken(client, "pcm")[0]
    assert done["type"] == "speech.audio.done"
    usage = done["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0


@pytest.mark.parametrize(
    ("body", "media_type"),
    [  # as SillyTavern, pipecat and LiveKit send it
        ({"model": "tts-1", "voice": "nova", "response_format": "mp3", "speed": 1}, "audio/mpeg"),
        ({"model": "gpt-4o-mini-tts", "voice": "alloy", "response_format": "pcm"}, "audio/pcm"),
        (
            {
                "model": "gpt-4o-mini-tts",
                "voice": "ash",
                "response_format": "mp3",
                "stream_format": "sse",
                "speed": 1.0,
                "instructions": "calm",
            },
            "text/event-stream",
        ),
    ],
)
def test_what_other_programs_send_is_spoken(served: Running, body: dict, media_type: str) -> None:
    status, headers, answer = served.ask("/v1/audio/speech", {"input": TEXT, **body})
    assert status == 200, answer
    assert headers["content-type"].startswith(media_type)
    assert len(answer) > 1000


def test_models_and_voices_are_listed(served: Running, client) -> None:
    names = [model.id for model in client.models.list()]
    assert names == ["xtts_mini", "tts-1", "tts-1-hd", "gpt-4o-mini-tts"]
    assert client.models.retrieve("tts-1").owned_by == "xttslab"
    listed = json.loads(served.ask("/v1/audio/voices")[2])
    assert listed["voices"] == listed["data"]
    assert [one["id"] for one in listed["data"]][:3] == ["greeting", "tension", "alloy"]
    plain = spoken(client, "pcm")
    assert spoken(client, "pcm", voice="xtts_mini/greeting") == plain
    mixed = spoken(client, "pcm", voice="xtts_mini/tension,greeting")
    assert mixed == spoken(client, "pcm", voice="greeting,nova") != plain


@pytest.mark.parametrize(
    ("change", "kind", "status", "param", "message"),
    [
        ({"voice": "nobody"}, openai.BadRequestError, 400, "voice", "there are greeting, tension"),
        ({"model": "gpt-5"}, openai.NotFoundError, 404, "model", "is not served here"),
        ({"input": "a" * 501}, openai.BadRequestError, 400, "input", "at most 500 at once"),
        ({"input": " "}, openai.BadRequestError, 400, "input", "there is no text"),
        ({"input": "?!"}, openai.BadRequestError, 400, "input", "no letter and no number"),
        ({"input": "<speak><p>"}, openai.BadRequestError, 400, "input", "not well-formed"),
        ({"extra_body": {"takes": 7}}, openai.BadRequestError, 400, "takes", "not within 1 and 6"),
        ({"speed": 9}, openai.BadRequestError, 400, "speed", "not within 0.25 and 4"),
        ({"response_format": "aiff"}, openai.BadRequestError, 400, "response_format", "there are"),
    ],
)
def test_faults_have_openais_form(client, change, kind, status, param, message) -> None:
    with pytest.raises(kind, match=message) as fault:
        spoken(client, "pcm", **change)
    assert (fault.value.status_code, fault.value.param) == (status, param)
    assert fault.value.type == "invalid_request_error"
