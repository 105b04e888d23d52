"""Reads transcripts that speech recognisers and their services write as JSON.

Known by their public documentation: ElevenLabs, Whisper, faster-whisper, WhisperX, whisper.cpp,
OpenAI's and Hugging Face's output, Deepgram, AWS Transcribe, AssemblyAI; others with the usual
names of keys are read too.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from xttslab.data.preparing.timed_texts import UNKNOWN, TimedSegment, TimedWord, with_punctuation
from xttslab.data.text_files import json_reason, read_text
from xttslab.errors import UserError

_LARGEST = 300_000_000  # bytes: a day of speech with words has a tenth of it
_TEXT = ("punctuated_word", "text", "word", "transcript", "content", "body", "value")
_START = ("start", "start_time", "startTime", "begin", "from", "start_offset")
_END = ("end", "end_time", "endTime", "to", "end_offset", "stop")
_SPEAKER = ("speaker", "speaker_id", "speaker_name", "speaker_label", "speakerLabel", "speakerTag")
_LISTS = ("segments", "utterances", "chunks", "monologues", "paragraphs", "sentences", "captions")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:[.,]\d+)?)")
_SPECIAL = re.compile(r"\[_[A-Z]+_?\d*\]|<\|[^|]*\|>")  # marks among whisper's tokens
Entry = Mapping[str, Any]


def json_utterances(path: Path) -> list[TimedSegment]:
    """The segments of a JSON transcript, in the order of the file.

    Raises UserError for a file that is no JSON, is cut off, nests too deeply, or holds no text
    with times.
    """
    data = _load(path)
    try:
        found = _utterances(data)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as fault:
        kind = f"{type(fault).__name__}: {fault}"
        raise UserError(
            f"{path.name}: its entries are not those of a transcript ({kind})"
        ) from fault
    if not found:
        known = "a list of segments or words, each with text, start and end"
        raise UserError(f"{path.name}: no text with times in it; a transcript has {known}")
    return found


def _load(path: Path) -> Any:
    size = path.stat().st_size if path.is_file() else 0  # a link to nowhere is told by read_text
    if size > _LARGEST:
        raise UserError(f"{path.name}: {size / 1e6:.0f} MB is no transcript")
    text = read_text(path)
    try:
        return json.loads(text)
    except json.JSONDecodeError as fault:
        raise UserError(f"{path.name}: {json_reason(fault, text)}") from fault
    except RecursionError as fault:
        raise UserError(
            f"{path.name}: nests deeper than any transcript; export it again"
        ) from fault
    except ValueError as fault:  # a number of thousands of digits
        raise UserError(f"{path.name}: cannot be read ({str(fault)[:60]})") from fault


def _utterances(data: Any) -> list[TimedSegment]:
    if isinstance(data, list):
        return _generic(data, {})
    if not isinstance(data, Mapping):
        return []
    if isinstance(data.get("transcription"), list):
        return [_whisper_cpp(entry) for entry in data["transcription"]]
    results = data.get("results")
    if isinstance(results, Mapping):
        return _aws(results) if "items" in results else _deepgram(results)
    if isinstance(data.get("transcripts"), list):  # ElevenLabs, a transcript for every channel
        return [one for part in data["transcripts"] for one in _of_channel(part)]
    scale = 0.001 if "audio_duration" in data else 1.0  # AssemblyAI counts milliseconds
    for name in _LISTS:
        if isinstance(data.get(name), list) and data[name]:
            found = _generic(data[name], data, scale)
            if found:
                return found
    return _generic(data.get("words") or [], {}, scale)


def _generic(entries: Sequence[Entry], whole: Entry, scale: float = 1.0) -> list[TimedSegment]:
    """Segments, or words alone; words beside segments are shared out among them by time."""
    usual = [entry for entry in entries if isinstance(entry, Mapping) and _text(entry) is not None]
    if not usual:
        return []
    if all(len(_text(entry).split()) < 2 and "words" not in entry for entry in usual):
        return _from_words([_word(entry, scale) for entry in usual if _is_spoken(entry)])
    spare = [_word(e, scale) for e in whole.get("words") or () if _is_spoken(e)]
    found = []
    for entry in usual:
        start, end = (scale * time for time in _times(entry))
        name = _speaker(entry)
        own = [_word(e, scale, name) for e in entry.get("words") or () if _is_spoken(e)]
        if not own and spare:
            own = [w for w in spare if start <= (w.start + w.end) / 2 < end]
        text = _text(entry).strip()
        words = with_punctuation(text, _whole_words(own))
        start, end = _at_words(start, end, words)
        found.append(TimedSegment(text, start, end, name, words))
    return found


def _at_words(start: float, end: float, words: Sequence[TimedWord]) -> tuple[float, float]:
    """The times of a segment, from its words where it has none of its own."""
    if math.isfinite(start) and math.isfinite(end):
        return start, end
    known = [word for word in words if not math.isnan(word.start + word.end)]
    return (known[0].start, known[-1].end) if known else (start, end)


def _from_words(words: Sequence[TimedWord]) -> list[TimedSegment]:
    """Segments of words alone: one for every turn of a speaker."""
    found = []
    for name, group in groupby(_whole_words(words), key=lambda word: word.speaker):
        part = tuple(group)
        text = " ".join(word.text for word in part)
        start, end = _at_words(UNKNOWN, UNKNOWN, part)
        found.append(TimedSegment(text, start, end, name, part))
    return found


def _whole_words(words: Sequence[TimedWord]) -> list[TimedWord]:
    """Join parts of words and strip spaces: Whisper writes a space before every word but not
    before the rest of one."""
    spaced = any(word.text[:1].isspace() for word in words)
    found: list[TimedWord] = []
    for word in words:
        text = word.text.strip()
        glued = spaced and found and not word.text[:1].isspace()
        if found and (glued or not any(map(str.isalnum, text))):
            before = found[-1]
            end = before.end if math.isnan(word.end) or not glued else word.end
            found[-1] = before._replace(text=before.text + text, end=end)
        elif text:
            found.append(word._replace(text=text))
    return found


def _is_spoken(entry: object) -> bool:
    """Whether an entry is a word, no space and no sound such as laughter."""
    if not isinstance(entry, Mapping) or entry.get("type") in ("spacing", "audio_event"):
        return False
    return bool((_text(entry) or "").strip())


def _word(entry: Entry, scale: float = 1.0, speaker: str = "") -> TimedWord:
    start, end = (scale * time for time in _times(entry))
    return TimedWord(_text(entry), start, end, _speaker(entry) or speaker)


def _text(entry: Entry) -> str | None:
    return next((entry[key] for key in _TEXT if isinstance(entry.get(key), str)), None)


def _times(entry: Entry) -> tuple[float, float]:
    pair = entry.get("timestamp")
    if isinstance(pair, Sequence) and len(pair) == 2 and not isinstance(pair, str):
        return _seconds(pair[0]), _seconds(pair[1])
    found = [next((entry[k] for k in keys if k in entry), None) for keys in (_START, _END)]
    return _seconds(found[0]), _seconds(found[1])


def _seconds(value: object) -> float:
    """Seconds of a number, "1.5", "1.5s" or "00:00:01,500"; NaN where there is none."""
    if isinstance(value, Mapping):  # Google writes {"seconds": "1", "nanos": 500000000}
        return float(value.get("seconds", 0)) + float(value.get("nanos", 0)) / 1e9
    if isinstance(value, str):
        clock = _CLOCK.fullmatch(value.strip())
        if clock:
            hours, minutes, seconds = clock.groups()
            part = float(seconds.replace(",", "."))
            return 3600 * int(hours or 0) + 60 * int(minutes) + part
        return float(value.strip().rstrip("s") or "nan")
    return UNKNOWN if value is None else float(value)  # type: ignore[arg-type]


def _speaker(entry: Entry) -> str:
    value = next((entry[key] for key in _SPEAKER if entry.get(key) is not None), "")
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("label") or value.get("id") or ""
    return f"Speaker {value}" if isinstance(value, int) else " ".join(str(value).split())


def _of_channel(part: Entry) -> list[TimedSegment]:
    name = f"Channel {part['channel_index']}" if "channel_index" in part else ""
    return [
        one if one.speaker else one._replace(speaker=name, words=_named(one.words, name))
        for one in _generic(part.get("words") or [], {})
    ]


def _named(words: Iterable[TimedWord], name: str) -> tuple[TimedWord, ...]:
    return tuple(word._replace(speaker=name) for word in words)


def _whisper_cpp(entry: Entry) -> TimedSegment:
    """A segment of whisper.cpp: offsets are milliseconds; with `-ojf` it has tokens, too, parts of
    words whose accents may be torn apart."""
    text, offsets = entry["text"].strip(), entry["offsets"]
    start, end = (offsets[side] / 1000 for side in ("from", "to"))
    name = f"Speaker {entry['speaker']}" if entry.get("speaker") else ""
    tokens = [
        TimedWord(t["text"], t["offsets"]["from"] / 1000, t["offsets"]["to"] / 1000, name)
        for t in entry.get("tokens") or ()
        if "offsets" in t and not _SPECIAL.fullmatch(t["text"].strip())
    ]
    words = _whole_words(tokens)
    whole = " ".join(word.text for word in words) == " ".join(text.split())
    return TimedSegment(text, start, end, name, tuple(words) if whole else ())


def _deepgram(results: Entry) -> list[TimedSegment]:
    if results.get("utterances"):
        return _generic(results["utterances"], {})
    found, channels = [], results.get("channels") or []
    for number, channel in enumerate(channels):
        words = channel["alternatives"][0].get("words") or []
        for one in _generic(words, {}):
            name = one.speaker or (f"Channel {number}" if len(channels) > 1 else "")
            found.append(one._replace(speaker=name, words=_named(one.words, name)))
    return found


def _aws(results: Entry) -> list[TimedSegment]:
    """AWS lists words and marks; where the words carry no speaker, a list of the speakers' turns
    gives it by the words' start."""
    turns = {
        item["start_time"]: turn.get("speaker_label", "")
        for turn in (results.get("speaker_labels") or {}).get("segments") or ()
        for item in turn.get("items") or ()
    }
    words: list[TimedWord] = []
    for item in results["items"]:
        content = item["alternatives"][0]["content"]
        if item.get("type") == "punctuation":
            if words:
                words[-1] = words[-1]._replace(text=words[-1].text + content)
            continue
        name = item.get("speaker_label") or turns.get(item["start_time"], "")
        start, end = _times(item)
        words.append(TimedWord(content, start, end, name))
    return _from_words(words)
