"""Keeps what a base spoke and its scores, so that all runs of one base pay for them once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xttslab.data.audio import content_hash, read_audio, write_audio
from xttslab.data.manifest import Clip
from xttslab.errors import UserError
from xttslab.evaluation.card_output import write_card
from xttslab.evaluation.scorecard import VERSION, ClipScore, Scorecard
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.evaluation.subject import Subject
from xttslab.evaluation.utterances import Utterance
from xttslab.files import replacing
from xttslab.model.base import codec_of
from xttslab.model.decoder import SPEECH_RATE
from xttslab.model.voice import Speaking

log = logging.getLogger(__name__)

CARD, AUDIO = "scorecard.json", "audio"
BaseRow = tuple[Scorecard, Sequence[SpokenClip]]


@dataclass(frozen=True)
class BaseScores:
    """One base's place among those kept: a folder with its scorecard and what it said."""

    place: Path

    def read(self, beside: Scorecard) -> BaseRow | None:
        """The card and the clips; None where nothing is kept, where it is damaged, and where it
        was measured with another recogniser than the card that it is to stand `beside`."""
        path = self.place / CARD
        if not path.is_file():
            return None
        try:
            card = Scorecard.from_dict(json.loads(path.read_text(encoding="utf-8")))
            clips = [_clip(one, self.place / AUDIO) for one in card.clips]
        except (UserError, OSError, ValueError, KeyError, TypeError) as fault:
            log.warning("%s: the base is spoken and scored anew (%s)", self.place, fault)
            return None
        return (card, clips) if card.measured_with == beside.measured_with else None

    def keep(self, row: BaseRow) -> None:
        """Write the card and the clips, in a folder that appears whole.

        Raises UserError when the disk is full or the folder cannot be written.
        """
        card, clips = row
        with replacing(self.place, shared=True) as partial:
            for clip in clips:
                write_audio(partial / AUDIO / clip.name, clip.audio, clip.rate)
            write_card(partial / CARD, card)


def base_scores(
    folder: Path,
    subject: Subject,
    utterances: Sequence[Utterance],
    settings: Speaking,
    scoring: Mapping[str, Any],
    other_speakers: Sequence[SpokenClip] = (),
) -> BaseScores | None:
    """Where below `folder` the base of a run is kept: a place for every set of base files, codec,
    references, utterances, settings, scoring and real recordings. None for what is no run.

    `scoring` is `conf/evaluation/` as plain data.
    """
    if subject.config is None or subject.checkpoint is None:
        return None
    codec = codec_of(subject.checkpoint)
    speaker = subject.speaker
    made_of = {
        "version": VERSION,
        "base": _base(subject.config),
        "codec": content_hash(codec) if codec else "",
        "language": speaker.language,
        "references": {
            category: [content_hash(path) for path in paths]
            for category, paths in sorted(speaker.references.by_category.items())
        },
        "temperatures": dict(sorted(speaker.temperatures.items())),
        "utterances": [asdict(utterance) for utterance in utterances],
        "settings": asdict(settings),
        "scoring": scoring,
        "real": sorted(_identity(clip) for clip in subject.clips),
        "others": [(clip.name, len(clip.audio)) for clip in other_speakers],
    }
    told = json.dumps(made_of, sort_keys=True, ensure_ascii=False, default=str)
    key = hashlib.sha256(told.encode()).hexdigest()[:16]
    return BaseScores(folder / f"{subject.config['model']['name']}_{key}")


def _base(config: Mapping[str, Any]) -> list[Any]:
    """The base's sizes and files; of a file its length and time, for it may have gigabytes."""
    model = config["model"]
    folder = Path(model["folder"])
    return [
        {name: value for name, value in model.items() if name != "accept_licence"},
        config["weights"],
        config["seed"],
        list(_stamps(folder / name for name in sorted(set(model["files"].values())))),
    ]


def _stamps(paths: Iterable[Path]) -> Iterable[tuple[str, int, int]]:
    for path in paths:
        if path.is_file():
            known = path.stat()
            yield path.name, known.st_size, known.st_mtime_ns


def _identity(clip: Clip) -> tuple[str, str, str, str, int]:
    return clip.id, clip.text, clip.category, clip.split, clip.audio.stat().st_size


def _clip(score: ClipScore, folder: Path) -> SpokenClip:
    return SpokenClip(
        score.name, read_audio(folder / score.name, SPEECH_RATE), SPEECH_RATE, score.text,
        score.category, score.seed, score.sentence_set,
    )  # fmt: skip
