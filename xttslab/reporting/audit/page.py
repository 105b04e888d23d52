"""A prepared data set on disk in, `audit.html` and `audit.md` beside it out."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile as sf

from xttslab.data.audio import SAMPLE_RATE, AudioFault, read_audio
from xttslab.data.datasheet import read_sheet
from xttslab.files import write_atomically
from xttslab.reporting.audit.advice import Rules, advise, reasons
from xttslab.reporting.audit.charts import Chart, counts, histogram
from xttslab.reporting.audit.facts import Facts, read_facts
from xttslab.reporting.html import render

HTML, MARKDOWN = "audit.html", "audit.md"
_PLAYERS = 24  # clips to listen to; each takes about 30 kB
_ROWS = 50  # of the longer tables


@dataclass(frozen=True)
class Listening:
    """A clip that should be heard, why, and its sound as a data address (MP3)."""

    name: str
    why: str
    text: str
    language: str
    sound: str


def write_audit(folder: Path, rules: Rules) -> Path:
    """Write both forms of the audit; returns the HTML page.

    The page holds its sounds and pictures itself: it opens from disk and inside MLflow alike.
    """
    facts = read_facts(folder)
    content = _content(facts, rules)
    for file in (HTML, MARKDOWN):
        write_atomically(folder / file, render(f"{file}.j2", content).encode())
    return folder / HTML


def _content(facts: Facts, rules: Rules) -> Mapping[str, Any]:
    return {
        "title": f"Data audit: {facts.name}",
        "facts": facts,
        "sheet": read_sheet(facts.folder),
        "advice": advise(facts, rules),
        "categories": facts.groups(lambda clip: clip.clip.category),
        "sources": facts.groups(lambda clip: clip.clip.source or facts.name),
        "charts": _charts(facts, rules),
        "reasons": reasons(facts),
        "listening": _listening(facts),
        "cleaned": _cleaned(facts),
        "most_rows": _ROWS,
    }


def _charts(facts: Facts, rules: Rules) -> list[Chart]:
    by_category = {group.name: group.clips for group in facts.groups(lambda c: c.clip.category)}
    rates = [rate for clip in facts.clips if (rate := clip.rate) is not None]
    found = [
        counts("Clips by category", "clips", by_category, rules.least_in_category),
        histogram("Length", "s", [clip.seconds for clip in facts.clips if clip.seconds]),
        histogram("Loudness as recorded", "LUFS", facts.values("lufs")),
        histogram("Speech over pauses", "dB", facts.values("snr_db")),
        histogram("Pitch", "Hz", facts.values("pitch_hz"), 0),
        histogram("Speaking rate", "characters/s", rates),
    ]
    if facts.hungarian and rates:
        least = rules.least_of_sound
        found += [
            counts("Letters of the alphabet", "times", facts.letters(), least),
            counts("Sounds of Hungarian", "times", facts.sounds(), least),
        ]
    return [chart for chart in found if chart is not None]


def _listening(facts: Facts) -> list[Listening]:
    """Outliers of text against length first, then what the checks point at; one player a clip."""
    why: dict[str, list[str]] = {}
    for clip, score in facts.odd_rates():
        speed = "fast" if score > 0 else "slow"
        why.setdefault(_name(facts, clip.clip.audio), []).append(
            f"{clip.rate:.1f} characters/s, far too {speed}: does the text fit?"
        )
    for row in facts.review:
        why.setdefault(row["audio_file"], []).append(f"{row['finding']} ({row['value']})")
    clips = {_name(facts, clip.clip.audio): clip.clip for clip in facts.clips}
    chosen = [(name, clips[name]) for name in why if name in clips][:_PLAYERS]
    return [
        Listening(name, "; ".join(why[name]), clip.text, clip.language, _sound(clip.audio))
        for name, clip in chosen
    ]


def _name(facts: Facts, audio: Path) -> str:
    return audio.relative_to(facts.folder).as_posix()


def _sound(path: Path) -> str:
    try:
        samples = read_audio(path)
    except AudioFault:
        return ""
    buffer = io.BytesIO()
    sf.write(buffer, samples, SAMPLE_RATE, format="MP3", compression_level=0.8)
    return f"data:audio/mpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _cleaned(facts: Facts) -> tuple[float, float] | None:
    """Median speech over pauses before and after noise reduction; None where it was off."""
    before = [clip for clip in facts.clips if "snr_before_db" in clip.measures]
    if not before:
        return None
    middle = len(before) // 2
    return (
        sorted(clip.measures["snr_before_db"] for clip in before)[middle],
        sorted(clip.measures["snr_db"] for clip in before)[middle],
    )
