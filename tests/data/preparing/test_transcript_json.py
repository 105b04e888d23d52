from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xttslab.data.preparing.timed_texts import TimedSegment
from xttslab.data.preparing.transcript_json import json_utterances
from xttslab.errors import UserError


def read(folder: Path, data: Any) -> list[TimedSegment]:
    path = folder / "a.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return json_utterances(path)


def words(segment: TimedSegment) -> list[tuple[str, float, float]]:
    return [(w.text, round(w.start, 3), round(w.end, 3)) for w in segment.words]


def word(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"word": text, "start": start, "end": end, **more}


ELEVENLABS = {
    "language_code": "hun",
    "text": "Jó estét! (taps) Szia.",
    "words": [
        {"text": "Jó", "start": 0.1, "end": 0.3, "type": "word", "speaker_id": "speaker_0"},
        {"text": " ", "start": 0.3, "end": 0.4, "type": "spacing", "speaker_id": "speaker_0"},
        {"text": "estét!", "start": 0.4, "end": 0.9, "type": "word", "speaker_id": "speaker_0"},
        {"text": "(taps)", "start": 1.0, "end": 2.0, "type": "audio_event"},
        {"text": "Szia.", "start": 2.1, "end": 2.6, "type": "word", "speaker_id": "speaker_1"},
    ],
}
GREETING = [("Jó", 0.1, 0.3), ("estét!", 0.4, 0.9)]
WHISPER = {"segments": [
    {"id": 0, "start": 0.1, "end": 0.9, "text": " Jó estét!",
     "words": [word(" Jó", 0.1, 0.3), word(" est", 0.4, 0.7), word("ét!", 0.7, 0.9)]},
]}  # fmt: skip
WHISPERX = {"segments": [
    {"start": 0.1, "end": 0.9, "text": " Jó estét!", "speaker": "SPEAKER_00",
     "words": [word("Jó", 0.1, 0.3, score=0.9), word("estét!", 0.4, 0.9)]},
], "word_segments": []}  # fmt: skip
WHISPER_CPP = {"result": {"language": "hu"}, "transcription": [
    {"offsets": {"from": 100, "to": 900}, "text": " Jó estét!", "tokens": [
        {"text": "[_BEG_]", "offsets": {"from": 0, "to": 0}},
        {"text": " Jó", "offsets": {"from": 100, "to": 300}},
        {"text": " est", "offsets": {"from": 400, "to": 700}},
        {"text": "ét", "offsets": {"from": 700, "to": 880}},
        {"text": "!", "offsets": {"from": 880, "to": 900}},
    ]},
]}  # fmt: skip
DEEPGRAM = {"results": {"channels": [{"alternatives": [{"transcript": "Jó estét!", "words": [
    word("jó", 0.1, 0.3, punctuated_word="Jó", speaker=0),
    word("estét", 0.4, 0.9, punctuated_word="estét!", speaker=0),
]}]}]}}  # fmt: skip
AWS = {"results": {
    "speaker_labels": {"segments": [{"speaker_label": "spk_0", "items": [
        {"start_time": "0.1"}, {"start_time": "0.4"}]}]},
    "items": [
        {"type": "pronunciation", "start_time": "0.1", "end_time": "0.3",
         "alternatives": [{"content": "Jó"}]},
        {"type": "pronunciation", "start_time": "0.4", "end_time": "0.9",
         "alternatives": [{"content": "estét"}]},
        {"type": "punctuation", "alternatives": [{"content": "!"}]},
    ]}}  # fmt: skip
ASSEMBLYAI = {"audio_duration": 3, "utterances": [
    {"speaker": "A", "text": "Jó estét!", "start": 100, "end": 900, "words": [
        {"text": "Jó", "start": 100, "end": 300}, {"text": "estét!", "start": 400, "end": 900}]},
]}  # fmt: skip
OPENAI = {
    "text": "Jó estét!",
    "segments": [{"start": 0.1, "end": 0.9, "text": " Jó estét!"}],
    "words": [word("Jó", 0.1, 0.3), word("estét", 0.4, 0.9)],
}


@pytest.mark.parametrize(
    ("data", "speaker"),
    [
        (WHISPER, ""),
        (WHISPERX, "SPEAKER_00"),
        (WHISPER_CPP, ""),
        (DEEPGRAM, "Speaker 0"),
        (AWS, "spk_0"),
        (ASSEMBLYAI, "A"),
        (OPENAI, ""),
    ],
    ids=["whisper", "whisperx", "whisper.cpp", "deepgram", "aws", "assemblyai", "openai"],
)
def test_the_words_of_each_service_have_their_times(
    tmp_path: Path, data: dict[str, Any], speaker: str
) -> None:
    (found,) = read(tmp_path, data)
    assert words(found) == GREETING
    assert (found.text, found.speaker, found.start, found.end) == ("Jó estét!", speaker, 0.1, 0.9)


def test_elevenlabs_turns_are_segments_and_applause_is_no_word(tmp_path: Path) -> None:
    first, second = read(tmp_path, ELEVENLABS)
    assert words(first) == GREETING
    assert (first.speaker, second.speaker, second.text) == ("speaker_0", "speaker_1", "Szia.")


def test_hugging_face_chunks_have_times_of_segments_alone(tmp_path: Path) -> None:
    chunks = [{"text": " Jó estét!", "timestamp": [0.1, 0.9]}]
    assert read(tmp_path, {"text": "x", "chunks": chunks}) == [TimedSegment("Jó estét!", 0.1, 0.9)]


def test_words_alone_take_a_speaker_s_turns(tmp_path: Path) -> None:
    said = [word("Jó", 0, 1, speaker="A"), word("estét!", 1, 2, speaker="A")]
    found = read(tmp_path, [*said, word("Szia.", 3, 4, speaker="B")])
    assert [(one.text, one.speaker) for one in found] == [("Jó estét!", "A"), ("Szia.", "B")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (json.dumps(WHISPER)[:60], "a.json: its JSON is cut off at line 1, character"),
        ("{'a': 1}", "a.json: is no JSON at line 1, character 2"),
        ("[" * 2_500_000, "a.json: nests deeper than any transcript; export it again"),
        ({"segments": []}, "a.json: no text with times in it; a transcript has a list of"),
        ({"segments": [{"text": "Jó", "start": "soon", "end": 1}]}, "a.json: its entries are not"),
        ("[" + "9" * 5000 + "]", "a.json: cannot be read"),
    ],
)
def test_a_json_that_is_no_transcript_is_one_line(
    tmp_path: Path, data: object, message: str
) -> None:
    with pytest.raises(UserError, match=message) as fault:
        read(tmp_path, data)
    assert "\n" not in str(fault.value)
    assert len(str(fault.value)) < 200
