"""Finds a run's spoken samples, and real recordings to hear beside them, for its pages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from xttslab.data.manifest import EVAL
from xttslab.evaluation.scorecard import ClipScore
from xttslab.reporting.html import data_uri
from xttslab.reporting.run_data import ManifestClip, RunData
from xttslab.reporting.scores import Scores, nearest
from xttslab.tracking.gallery import numbered_sentences

_SAMPLE = re.compile(r"samples/epoch_(\d+)/(\d+_([a-z0-9_-]+))\.wav")


@dataclass(frozen=True)
class Sample:
    """A clip to hear: `audio` is a data URI, empty where the file is gone."""

    name: str
    category: str
    text: str
    reason: str
    audio: str


def sample_groups(
    run: RunData, scores: Scores, epoch: int | None
) -> list[tuple[str, list[Sample]]]:
    """Best and worst scored clips; without scores the samples nearest to the best epoch."""
    if scores.best:
        best = [_scored(run, clip, clip.good) for clip in scores.best]
        worst = [_scored(run, clip, clip.bad) for clip in scores.worst]
        return [("Best", best), ("Worst", worst)]
    spoken = spoken_samples(run)
    if not spoken:
        return []
    shown = nearest(spoken, epoch)
    texts = sentence_texts(run)
    clips = [
        Sample(name, category, texts.get(name, ""), "", data_uri(path))
        for name, category, path in spoken[shown]
    ]
    return [(f"Epoch {shown}, not scored", clips)]


def spoken_samples(run: RunData) -> dict[int, list[tuple[str, str, Path]]]:
    """Epoch → (name, category, file) of the samples spoken in training."""
    found: dict[int, list[tuple[str, str, Path]]] = {}
    for artifact, path in sorted(run.files.items()):
        if match := _SAMPLE.fullmatch(artifact):
            found.setdefault(int(match[1]), []).append((match[2], match[3], path))
    return found


def real_recording(run: RunData, category: str, text: str) -> Sample | None:
    """A held-out recording of the speaker to hear beside a sample: of its category if there is one,
    and about as long; None where none is on this disk."""
    held = [
        (clip, audio)
        for clip, audio in real_recordings(run)
        if audio.is_file() and clip.text.strip()
    ]
    alike = [pair for pair in held if pair[0].category == category] or held
    for clip, audio in sorted(alike, key=lambda pair: abs(len(pair[0].text) - len(text))):
        if uri := data_uri(audio):
            return Sample(clip.audio_file, clip.category, clip.text, "", uri)
    return None


def real_recordings(run: RunData) -> list[tuple[ManifestClip, Path]]:
    """The held-out clips of a run's data and where its configuration says that they lie."""
    sources = (run.config.get("dataset") or {}).get("sources") or {}
    return [
        (clip, Path(sources[clip.source]) / clip.audio_file)
        for clip in run.clips
        if clip.split == EVAL and clip.source in sources
    ]


def sentence_texts(run: RunData) -> dict[str, str]:
    """Sample name (`03_greeting`) → what it says, from the run's configuration."""
    entries = (run.config.get("samples") or {}).get("sentences") or []
    return {sentence.name: sentence.text for sentence in numbered_sentences(entries)}


def clip_file(run: RunData, name: str) -> Path | None:
    """The recording of a scored clip: an artifact whose path ends with its name."""
    wanted = tuple(f"{name}{ending}" for ending in ("", ".wav", ".flac"))
    for artifact, path in run.files.items():
        if any(artifact == one or artifact.endswith(f"/{one}") for one in wanted):
            return path
    return None


def _scored(run: RunData, clip: ClipScore, reason: str) -> Sample:
    score = f"{clip.score:.1f} of 10" if clip.score is not None else ""
    audio = data_uri(clip_file(run, clip.name))
    return Sample(
        clip.name, clip.category, clip.text, ": ".join(filter(None, (score, reason))), audio
    )
