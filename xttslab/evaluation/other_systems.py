"""Reads what other systems said of the evaluated sentences, to be scored beside a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xttslab.errors import UserError
from xttslab.evaluation.folder_scores import read_clips
from xttslab.evaluation.pronunciation import normalise
from xttslab.evaluation.scorecard import CODEC, REAL, RUN, ZERO_SHOT
from xttslab.evaluation.spoken_clips import SpokenClip
from xttslab.evaluation.utterances import Utterance, renamed
from xttslab.files import require_folder

log = logging.getLogger(__name__)

_TAKEN = (RUN, ZERO_SHOT, CODEC, REAL)


def require_systems(folders: Sequence[str]) -> dict[str, Path]:
    """Name of each system → its folder, the name being the folder's own.

    Raises UserError for what is no folder, and for a name that comes twice or is a row's already.
    """
    found: dict[str, Path] = {}
    for given in folders:
        folder = Path(given)
        require_folder(folder, "others")
        name = folder.resolve().name
        if name in found or name in _TAKEN:
            raise UserError(
                f"others={given}: there is a row named {name!r} already; rename the folder"
            )
        found[name] = folder
    return found


def read_systems(
    folders: Mapping[str, Path], utterances: Sequence[Utterance], language: str
) -> dict[str, list[SpokenClip]]:
    """System → its recordings of the evaluated sentences, under names that no other row has.

    A recording says the sentence that the folder's own table (`audio_file`, `text`) gives it, else
    the one that it is named after: `greeting_01.wav`, or `greeting_01_s8.wav` for one seed. What
    says none of them is left out, and which sentences are missing is said: they are compared with
    nobody's. Raises UserError for a folder in which no recording says any of them.
    """
    return {
        name: renamed(_matched(name, folder, utterances, language), name)
        for name, folder in folders.items()
    }


def _matched(
    name: str, folder: Path, utterances: Sequence[Utterance], language: str
) -> list[SpokenClip]:
    clips = read_clips(folder)
    waiting = list(utterances)
    found = []
    for clip in clips:
        said = _said_by(clip, waiting, language)
        if said is None:
            continue
        waiting.remove(said)
        found.append(
            replace(
                clip,
                text=said.text,
                category=said.category,
                seed=said.seed,
                sentence_set=said.sentence_set,
            )
        )
    if not found:
        raise UserError(
            f"others={folder}: none of its {len(clips)} recordings is of an evaluated sentence; "
            f"name them as {utterances[0].name.rpartition('_s')[0]}.wav …, or put a table "
            "audio_file|text (metadata.csv) beside them with the texts of evaluation/scores.csv"
        )
    _tell(name, len(clips) - len(found), utterances, found)
    return found


def _said_by(clip: SpokenClip, waiting: Sequence[Utterance], language: str) -> Utterance | None:
    """The first utterance, of those that no other recording was found for, that a clip says."""
    if clip.text:
        text = normalise(clip.text, language)
        return next((one for one in waiting if normalise(one.text, language) == text), None)
    stem = Path(clip.name).stem
    return next((one for one in waiting if stem in (one.name, one.name.rpartition("_s")[0])), None)


def _tell(
    name: str, other: int, utterances: Sequence[Utterance], found: Sequence[SpokenClip]
) -> None:
    texts = {one.text: None for one in utterances}
    missing = [text for text in texts if text not in {clip.text for clip in found}]
    if other:
        log.warning("%s: %d recordings say none of the evaluated sentences: left out", name, other)
    if missing:
        log.warning(
            "%s: %d of %d sentences are missing, %r first: compared on the others alone",
            *(name, len(missing), len(texts), missing[0]),
        )
