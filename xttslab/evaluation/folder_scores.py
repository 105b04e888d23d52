"""Scores the recordings of any system in a folder, with the texts of a table."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from xttslab.data.audio import read_audio
from xttslab.data.audio_names import AUDIO_SUFFIXES, audio_files, locate_audio
from xttslab.data.manifest import find_metadata, has_metadata
from xttslab.data.metadata import MetadataRow, read_rows
from xttslab.errors import UserError
from xttslab.evaluation.card_output import write_card, write_clips
from xttslab.evaluation.real_speech import RealSpeech
from xttslab.evaluation.scorecard import Scorecard
from xttslab.evaluation.scoring import Scorer
from xttslab.evaluation.settings import Scoring
from xttslab.evaluation.spoken_clips import RATE, SpokenClip
from xttslab.evaluation.stage_runner import Stopwatch

log = logging.getLogger(__name__)


def read_clips(folder: Path, texts: Path | None = None) -> list[SpokenClip]:
    """Every recording below `folder` that is not hidden, in the order of the names, named by its
    path within it.

    `texts` is a table with the columns `audio_file` and `text`, if wanted also `category` and
    `seed`, separated by any of `|`, `;`, tab and comma; None: the folder's own metadata, if it has
    one. A row finds its recording as one of a data set does (`locate_audio`); a recording without a
    row has no text and so no character error rate. Raises UserError for a folder without
    recordings, a recording that cannot be read, and a table without rows, with a missing column
    or of another folder.
    """
    folder = Path(os.path.normpath(folder))
    paths = _recordings(folder)
    rows = _rows(folder, texts, set(paths))
    bare = sum(path not in rows for path in paths)
    if rows and bare:
        log.warning("%s: %d of %d recordings have no text", folder, bare, len(paths))
    return [_clip(folder, path, rows.get(path)) for path in paths]


def _recordings(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; give one that holds recordings")
    paths = sorted(audio_files(folder))
    if not paths:
        endings = ", ".join(AUDIO_SUFFIXES[:5])
        raise UserError(f"{folder}: no recording in it; put {endings} … files there")
    return paths


def _rows(folder: Path, texts: Path | None, paths: set[Path]) -> dict[Path, MetadataRow]:
    """Recording → its row."""
    if texts is None and not has_metadata(folder):
        return {}
    tables = [texts] if texts else find_metadata(folder)
    rows = [row for table in tables for row in read_rows(table).rows]
    if not rows:
        raise UserError(f"{tables[0]}: a header but no row; write one row a recording")
    places = locate_audio(folder, [row.values.get("audio_file", "") for row in rows])
    found: dict[Path, MetadataRow] = {}
    missing: list[tuple[MetadataRow, str]] = []
    for row, place in zip(rows, places, strict=True):
        fault = row.fault or place.fault or ("" if place.path in paths else "is not scored")
        if fault:
            missing.append((row, fault))
        else:
            found[place.path] = row
    _report(tables[0], folder, rows, missing)
    return found


def _report(
    table: Path, folder: Path, rows: list[MetadataRow], missing: list[tuple[MetadataRow, str]]
) -> None:
    """Warn of rows without a recording; raises UserError where no row has one."""
    if not missing:
        return
    first, fault = missing[0]
    named = first.values.get("audio_file", "")
    if len(missing) == len(rows):
        raise UserError(
            f"{table}: none of its {len(rows)} rows names a recording in {folder}, the first "
            f"one, {first.place}, names {named!r}: {fault}; give the table of that folder"
        )
    log.warning(
        "%s: %d of %d rows name no recording in %s, %s first: %r, %s",
        *(table, len(missing), len(rows), folder, first.place, named, fault),
    )


def _clip(folder: Path, path: Path, row: MetadataRow | None) -> SpokenClip:
    values = row.values if row else {}
    seed = values.get("seed", "")
    return SpokenClip(
        path.relative_to(folder).as_posix(),
        read_audio(path, RATE),
        RATE,
        " ".join(values.get("text", "").split()),
        values.get("category", "").removesuffix("?"),
        int(seed) if seed.isdecimal() else 0,
        values.get("sentence_set", ""),
    )


def score_folder(
    clips: Path,
    references: Path,
    texts: Path | None,
    other_speakers: Path | None,
    out: Path,
    scoring: Scoring,
    watch: Stopwatch,
) -> Scorecard:
    """Score the recordings of `clips` and write the table `out` (CSV) with the card beside it.

    Args:
        clips, texts: recordings and their texts, see `read_clips`.
        references: real recordings of the speaker, with metadata where their texts are known.
        other_speakers: recordings of other people, the floor of voice similarity; None: the fixed
            one.
        out: the table; in a folder that exists, `scores.csv` there.
        watch: times the stages.

    Raises UserError as `read_clips` does, and for references of more than one person.
    """
    with watch.stage("read"):
        spoken = read_clips(clips, texts)
        real = read_clips(references)
        foreign = read_clips(other_speakers) if other_speakers else []
    scorer = Scorer(real, scoring, foreign, watch=watch)
    _require_one_voice(references, scorer.real)
    card = scorer.score(spoken)
    table = out / "scores.csv" if out.is_dir() else out
    write_clips(table, {"clips": card})
    write_card(table.with_suffix(".json"), card)
    return card


def _require_one_voice(folder: Path, real: RealSpeech) -> None:
    if real.foreign:
        named = ", ".join(real.foreign[:5]) + (" …" if len(real.foreign) > 5 else "")
        raise UserError(
            f"{folder}: {len(real.foreign)} of {len(real.measured.clips)} recordings are of "
            f"another person than most ({named}); give references of one speaker"
        )
