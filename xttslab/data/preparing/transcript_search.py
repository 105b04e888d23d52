"""Finds the transcript that belongs to each recording, and keeps one speaker of several by name."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xttslab.data.audio_names import AUDIO_SUFFIXES, folded
from xttslab.data.columns import LANGUAGES
from xttslab.data.manifest import Rejection
from xttslab.data.preparing.timed_texts import TimedText, same_speaker, sentences
from xttslab.data.preparing.transcript_files import ENDINGS, read_transcript
from xttslab.data.text_files import read_text
from xttslab.errors import UserError

# What people and programs add to a recording's name: `show_transcript.json`, `show.hu.srt`.
_ADDED = re.compile(
    r"[ ._\-(\[]+(?:transcript(?:ion)?s?|transkript|átirat|leirat|felirat|szöveg|texts?|subtitles?"
    r"|subs?|captions?|labels?|words?|segments?|times|timestamps?|diari[sz](?:ed|ation)|aligned"
    r"|alignment|whisperx?|elevenlabs|deepgram|aws|scribe|asr|hun|eng|"
    + "|".join(sorted(LANGUAGES))
    + r")[)\]]*$"
)
_LABELS = re.compile(r"(\s*\d+\s+\d+\s+\S+\s*)+")  # begin, end and phone, as HTK writes them


@dataclass
class Beside:
    """What lies beside recordings: by recording its text, with times or without; the files that
    were `read`, and those that cannot be, with the reason."""

    timed: dict[Path, TimedText] = field(default_factory=dict)
    plain: dict[Path, str] = field(default_factory=dict)
    read: list[Path] = field(default_factory=list)
    faults: list[Rejection] = field(default_factory=list)


def find_beside(recordings: Sequence[Path], files: Iterable[Path], root: Path) -> Beside:
    """The text of every recording among `files`: the one of its name in its folder, else the only
    one of its name elsewhere under `root`.

    `NAME.wav` goes with `NAME.json`, `NAME.wav.json`, `NAME_transcript.json`, `NAME.hu.srt` and the
    like. Of several, one with times of words comes first, then one with times, then one with
    speakers.
    """
    found = Beside()
    spare: list[tuple[Path, Path]] = []
    for recording, paths in _candidates(recordings, files).items():
        readings = [one for path in paths if (one := _read(path, root, found)) is not None]
        if not readings:
            continue
        readings.sort(key=_rank)
        path, best = readings[0]
        if isinstance(best, TimedText):
            found.timed[recording] = best
            notes = [(what, value) for what, value in best.notes]
            found.faults += [Rejection(_name(path, root), *note) for note in notes]
        else:
            found.plain[recording] = best
        found.read.append(path)
        spare += [(other, path) for other, _ in readings[1:]]
    if spare:
        other, used = spare[0]
        others = f"and {len(spare) - 1} more" if len(spare) > 1 else ""
        reason = f"not read: {used.name} tells more of the same recording"
        found.faults.append(Rejection(_name(other, root), reason, others))
        found.read += [path for path, _ in spare]
    return found


def _candidates(recordings: Sequence[Path], files: Iterable[Path]) -> dict[Path, list[Path]]:
    """The texts of each recording by name; a text goes to one folder's recording only, and to that
    of exactly its name first."""
    by_name: dict[str, list[Path]] = defaultdict(list)
    for path in recordings:
        by_name[folded(path.stem.removesuffix("_mic1"))].append(path)  # VCTK's first microphone
    found: dict[Path, list[Path]] = defaultdict(list)
    for file in files:
        if file.suffix.lower() not in ENDINGS:
            continue
        for name in _names(file):
            here = [path for path in by_name.get(name, ()) if path.parent == file.parent]
            owners = here or by_name.get(name, [])
            if len(owners) == 1:
                found[owners[0]].append(file)
            elif here:  # `show.wav` and `show.mp3` side by side: both have the text
                for path in here:
                    found[path].append(file)
            if owners:
                break
    return found


def _names(file: Path) -> Iterator[str]:
    """The names of recordings that a text may belong to, the likeliest first."""
    name = folded(file.stem)
    ending = next((e for e in AUDIO_SUFFIXES if name.endswith(e)), "")
    if ending:
        yield name.removesuffix(ending)
    yield name
    while _ADDED.search(name):
        name = _ADDED.sub("", name)
        yield name


def _read(path: Path, root: Path, found: Beside) -> tuple[Path, TimedText | str] | None:
    name = _name(path, root)
    try:
        timed = read_transcript(path)
        if timed is not None:
            return path, timed
        text = read_text(path)
    except UserError as fault:
        found.read.append(path)
        reason = "the text beside a recording cannot be read"
        found.faults.append(Rejection(name, reason, str(fault)))
        return None
    if path.suffix.lower() == ".lab" and _LABELS.fullmatch(text):
        found.read.append(path)
        reason = "labels of phones beside a recording are not read; leave the words alone in it"
        found.faults.append(Rejection(name, reason, text.split("\n")[0][:40]))
        return None
    return path, " ".join(unicodedata.normalize("NFC", text).split())


def _rank(reading: tuple[Path, TimedText | str]) -> tuple[int, bool, int]:
    path, text = reading
    if not isinstance(text, TimedText):
        return 2, False, 0
    unnamed = not any(text.speakers())
    return 0 if text.exact else 1, unnamed, ENDINGS.index(path.suffix.lower())


def _name(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def named_speaker(wanted: str, heard: dict[str, float], unit: str) -> str:
    """The name among `heard` (name → seconds or clips, as `unit` says) that `wanted` means.

    Raises UserError with the names that there are.
    """
    exact = [name for name in heard if name == wanted]
    matches = exact or [name for name in heard if name and same_speaker(wanted, name)]
    if len(matches) == 1:
        return matches[0]
    named = {name: amount for name, amount in heard.items() if name}
    if not named:
        remedy = "leave keep_speaker out, or give a transcript that names speakers"
        raise UserError(f"keep_speaker={wanted}: nothing in the source names speakers; {remedy}")
    listed = ", ".join(f'"{name}" ({amount:.0f} {unit})' for name, amount in named.items())
    raise UserError(f'keep_speaker="{wanted}": no such speaker; there are {listed}')


def describe(transcripts: Sequence[tuple[str, TimedText]], shown: int = 5) -> Iterator[str]:
    """One line for each recording and its transcript: what was understood."""
    for origin, timed in transcripts[:shown]:
        heard = timed.speakers()
        who = ", ".join(f"{name or 'no name'} {seconds:.1f} s" for name, seconds in heard.items())
        kind = "times of words" if timed.exact else "times of segments"
        what = f"{len(sentences(timed.words, timed.stray))} sentences: {who}"
        yield f"{origin}: cut by {timed.path.name} ({kind}, {what})"
    if len(transcripts) > shown:
        yield f"… and {len(transcripts) - shown} more recordings with a transcript"
    if any(not timed.exact for _, timed in transcripts):
        yield "times of words are looked for in the sound; a transcript that has them cuts faster"
    several = next((t for _, t in transcripts if len(t.speakers()) > 1 and not t.keep), None)
    if several is not None:
        first = next(iter(several.speakers()))
        yield f'several people speak: keep_speaker="{first}" keeps one of them'
