"""Reads transcripts with times of every kind: JSON, subtitles, Praat TextGrids, label tracks, text.

Subtitles go through pysubs2, TextGrids through praatio.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from xttslab.data.preparing.timed_texts import (
    TimedSegment,
    TimedText,
    TimedWord,
    timed_text,
    with_punctuation,
)
from xttslab.data.preparing.transcript_json import json_utterances
from xttslab.data.text_files import read_text
from xttslab.errors import UserError

_CLOCK = r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2}(?:[.,]\d+)?)"
_SPAN = re.compile(rf"^\W*?(-?){_CLOCK}\s*-->\s*(-?){_CLOCK}\]?(.*)$")
_ALONE = re.compile(rf"^[\[(]?{_CLOCK}[\])]?\s*[-–—]?\s*(.*)$")
_LABEL = re.compile(r"^(-?\d+(?:[.,]\d+)?)\t(-?\d+(?:[.,]\d+)?)(?:\t(.*))?$")
_NEGATIVE = re.compile(r"(?:^|-->)\s*-\d")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
_WORD_TIME = re.compile(rf"<{_CLOCK}>")
_TAG = re.compile(r"</?[a-zA-Z][^>]*>|\{\\[^}]*\}")
# "[Speaker 0] text", "SPEAKER_00: text", "[Anna]: text"
_KIND = r"(?:speaker|spk|sprecher|besz[eé]l[oő])[ _-]?\w{1,3}"
_PREFIX = re.compile(
    rf"^\s*(?:\[(?P<a>{_KIND})\]:?|(?P<b>{_KIND}):|\[(?P<c>[^\]:]{{1,40}})\]:)\s*", re.IGNORECASE
)
_BRACKETS = re.compile(r"^\s*\[([^\]]{1,40})\]\s*$")  # alone behind the times: who speaks
_LETTERS_A_SECOND = 14.0
_PHONES = ("phone", "phon", "mau", "syll", "szótag", "hang")
_WORDS = ("word", "szó", "szav", "ort", "kan")
_WHOLE = (
    "sentence",
    "utter",
    "text",
    "transcript",
    "mondat",
    "szöveg",
    "segment",
    "trans",
    "label",
)


def read_transcript(path: Path) -> TimedText | None:
    """The words of a transcript with times; None for a text without any.

    Raises UserError, in one line, for a file that cannot be read as what its name promises.
    """
    suffix = path.suffix.lower()
    reader = _READERS[suffix] if suffix in _READERS else _lines_reader(path)
    return None if reader is None else timed_text(path, reader(path))


def _subtitles(path: Path) -> list[TimedSegment]:
    """SRT, WebVTT and ASS subtitles; words of WebVTT may have times, as YouTube writes them."""
    import pysubs2

    text = read_text(path)
    kind = path.suffix.lower().removeprefix(".")
    if kind == "vtt":
        text = _cues(text)
    try:
        tags = {} if kind == "ass" else {"keep_html_tags": True}
        read = pysubs2.SSAFile.from_string(text, format_=kind, **tags)
    except (pysubs2.exceptions.Pysubs2Error, ValueError, IndexError) as fault:
        raise UserError(f"{path.name}: is no {kind.upper()} ({str(fault)[:60]})") from fault
    found: list[TimedSegment] = []
    shown: list[str] = []
    for event in read:
        start, end = event.start / 1000, event.end / 1000
        lines = [line.strip() for line in re.split(r"\\N|\n", event.text) if line.strip()]
        bare = [_TAG.sub("", _WORD_TIME.sub("", line)).strip() for line in lines]
        repeats = shown and bare[:1] == shown[-1:]  # captions that roll repeat the line before
        fresh = lines[1:] if repeats else lines
        shown = bare or shown
        if fresh:
            found.append(_subtitle(" ".join(fresh), start, end, event.name))
    return found + _negative(text)


def _cues(text: str) -> str:
    """A WebVTT file without its notes, styles and the names of its cues."""
    kept = ["WEBVTT"]
    for block in re.split(r"\n\s*\n", text):
        lines = block.split("\n")
        first = next((i for i, line in enumerate(lines) if "-->" in line), None)
        if first is not None:
            kept.append("\n".join(lines[first:]))
    return "\n\n".join(kept)


def _subtitle(text: str, start: float, end: float, speaker: str = "") -> TimedSegment:
    voice = _VOICE.search(text)
    speaker = speaker or (voice.group(1).strip() if voice else "")
    if not _WORD_TIME.search(text):
        return _spoken(_TAG.sub("", text), start, end, speaker)
    words, since = [], start
    bounds = [*_WORD_TIME.finditer(text)]
    for place, time in enumerate([None, *bounds]):
        since = start if time is None else _seconds(*time.groups())
        until = _seconds(*bounds[place].groups()) if place < len(bounds) else end
        first = 0 if time is None else time.end()
        last = bounds[place].start() if place < len(bounds) else len(text)
        said = _TAG.sub("", text[first:last]).split()
        step = (until - since) / max(len(said), 1)
        words += [
            TimedWord(word, since + i * step, since + (i + 1) * step, speaker)
            for i, word in enumerate(said)
        ]
    whole = " ".join(word.text for word in words)
    return TimedSegment(whole, start, end, speaker, tuple(words))


def _negative(text: str) -> list[TimedSegment]:
    """Subtitles whose times are below zero, which pysubs2 reads without their sign."""
    wrong = (line for line in text.split("\n") if "-->" in line and _NEGATIVE.search(line))
    return [TimedSegment(line.strip(), -1.0, -1.0) for line in wrong]


def _spoken(text: str, start: float, end: float, speaker: str = "") -> TimedSegment:
    """A segment, with the speaker that its text begins with, if any."""
    prefix = None if speaker else _PREFIX.match(text)
    if prefix:
        speaker = next(name for name in prefix.group("a", "b", "c") if name)
        text = text[prefix.end() :]
    return TimedSegment(" ".join(text.split()), start, end, " ".join(speaker.split()))


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds.replace(",", "."))


def _lines_reader(path: Path) -> Callable[[Path], list[TimedSegment]] | None:
    """How a plain text with times is written: as subtitles without numbers, as a label track, or
    with the time before every paragraph; None for one without times."""
    lines = [line for line in read_text(path).split("\n") if line.strip()]
    if any(map(_SPAN.match, lines)):
        return _blocks
    for pattern, reader in ((_LABEL, _labels), (_ALONE, _paragraphs)):
        fitting = sum(bool(pattern.match(line)) for line in lines)
        # "12:30-kor ebédelünk." alone is a text that begins with a time of day.
        if fitting >= max(len(lines) / 2, 1 if reader is _labels else 2):
            return reader
    return None


def _blocks(path: Path) -> list[TimedSegment]:
    """`START --> END [Speaker 0]`, then what is said; or all in one line."""
    found: list[TimedSegment] = []
    for line in read_text(path).split("\n"):
        span = _SPAN.match(line)
        if span is None:
            if found and line.strip() and not line.strip().isdigit():
                found[-1] = found[-1]._replace(text=f"{found[-1].text} {line}")
            continue
        groups = span.groups()
        start, end = (
            -_seconds(*part[1:]) if part[0] else _seconds(*part[1:])
            for part in (groups[:4], groups[4:8])
        )
        name = _BRACKETS.match(groups[8])
        found.append(
            TimedSegment("" if name else groups[8], start, end, name.group(1) if name else "")
        )
    return [_spoken(*one[:4]) for one in found]


def _labels(path: Path) -> list[TimedSegment]:
    """Audacity's label track: start and end in seconds and the label, between tabs."""
    matches = filter(None, map(_LABEL.match, read_text(path).split("\n")))
    return [
        _spoken(label or "", *(float(time.replace(",", ".")) for time in times))
        for *times, label in (match.groups() for match in matches)
    ]


def _paragraphs(path: Path) -> list[TimedSegment]:
    """A time before each paragraph: it lasts to the next, the last one as long as its letters."""
    starts: list[tuple[float, str]] = []
    for line in read_text(path).split("\n"):
        match = _ALONE.match(line)
        if match:
            *clock, said = match.groups()
            starts.append((_seconds(*clock), said))
        elif starts and line.strip():
            starts[-1] = (starts[-1][0], f"{starts[-1][1]} {line}")
    found = []
    for place, (start, said) in enumerate(starts):
        following = starts[place + 1][0] if place + 1 < len(starts) else None
        end = start + len(said) / _LETTERS_A_SECOND if following is None else following
        found.append(_spoken(said, start, end))
    return found


def _text_grid(path: Path) -> list[TimedSegment]:
    """The tiers of a TextGrid: words, sentences, or both, one pair for every speaker."""
    from praatio import textgrid

    try:
        grid = textgrid.openTextgrid(str(path), False, "silence", "rename")
    except Exception as fault:  # praatio fails in as many ways as a file can be broken
        problem = f"{path.name}: is no TextGrid that Praat could read ({str(fault)[:60]})"
        raise UserError(f"{problem}; save it again") from fault
    tiers = [(name, grid.getTier(name)) for name in grid.tierNames]
    spans = {name: tier.entries for name, tier in tiers if hasattr(tier, "insertSpace")}
    named = [(n, e) for n, e in spans.items() if e and len(e[0]) == 3 and not _is(n, _PHONES)]
    words = {_owner(n, _WORDS): e for n, e in named if _is(n, _WORDS)}
    whole = {_owner(n, _WHOLE): e for n, e in named if not _is(n, _WORDS)}
    found = [one for name, tier in whole.items() for one in _tier(name, tier, words.get(name, ()))]
    lone = {name: tier for name, tier in words.items() if name not in whole}
    found += [one for name, tier in lone.items() for one in _word_tier(name, tier)]
    return sorted(found, key=lambda one: one.start)


def _is(name: str, kinds: Sequence[str]) -> bool:
    return any(kind in name.lower() for kind in kinds)


def _owner(name: str, kinds: Sequence[str]) -> str:
    """`Anna - words` → `Anna`; the name of a tier that only says what it holds → nobody."""
    parts = [part.strip() for part in re.split(r"\s+-\s+|[/_:]", name)]
    return " ".join(part for part in parts if part and not _is(part, kinds))


def _tier(name: str, tier: Sequence, words: Sequence) -> Iterator[TimedSegment]:
    for start, end, label in tier:
        inside = [TimedWord(w, a, b, name) for a, b, w in words if start <= (a + b) / 2 < end]
        yield TimedSegment(label, start, end, name, with_punctuation(label, inside))


def _word_tier(name: str, tier: Sequence) -> Iterator[TimedSegment]:
    words = tuple(TimedWord(label, start, end, name) for start, end, label in tier)
    text = " ".join(word.text for word in words)
    yield TimedSegment(text, words[0].start, words[-1].end, name, words)


_READERS: dict[str, Callable[[Path], list[TimedSegment]]] = {
    ".json": json_utterances,
    ".srt": _subtitles,
    ".vtt": _subtitles,
    ".ass": _subtitles,
    ".textgrid": _text_grid,
}
ENDINGS = (*_READERS, ".txt", ".lab")
