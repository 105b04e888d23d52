"""Loads the voice to be evaluated and its speaker's recordings."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xttslab.data.corpus import reference_clips
from xttslab.data.manifest import EVAL, Clip, read_folder, require_folders
from xttslab.errors import UserError
from xttslab.model.base import build_base, codec_of, load_codec
from xttslab.speaking.loading import load_export, load_run, run_config, speaker_of
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.texts import is_exported

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Subject:
    """A voice to be evaluated. `clips` are the data set's; `sources` its prepared folders;
    `run_dir` and `checkpoint` are None where no run is behind it; `config` is the run's."""

    name: str
    speaker: Speaker
    clips: tuple[Clip, ...]
    sources: Mapping[str, str]
    run_dir: Path | None = None
    checkpoint: Path | None = None
    config: Mapping[str, Any] | None = None

    def usual_references(self) -> dict[str, Path]:
        """Category → the recording that it is spoken after when nobody searched."""
        limits = self.speaker.voice.gpt.clip_limits
        usual = reference_clips(self.clips, self.speaker.tokenizer, limits)
        return {category: first[0].audio for category, first in usual.items()}

    def zero_shot(self) -> Speaker | None:
        """The base that the run started from, untouched, with the run's codec and references;
        None for a subject that is no run, and for an imported one whose base is not on this disk
        (which is said)."""
        if self.config is None or self.checkpoint is None:
            return None
        config = self.config
        try:
            base = build_base(**config["model"], weights=config["weights"], seed=config["seed"])
        except UserError as fault:
            if "imported" not in config:
                raise
            log.warning("zero_shot left out, %s was imported without a base: %s", self.name, fault)
            return None
        if codec := codec_of(self.checkpoint):
            load_codec(base.codec, codec, codec)
        speaker = speaker_of(base, self.speaker.language, self.sources, self.run_dir)
        return speaker.to(str(self.speaker.voice.codec.device))


def subject_of_run(run: str, uri: str, dataset: Mapping[str, Any] | None) -> Subject:
    """A run, a checkpoint in a run's folder, or an exported folder; `dataset` (a resolved
    `conf/dataset`) replaces the data that the run was trained on.

    Raises UserError for a run that does not exist, and for data that is missing or holds nothing
    out.
    """
    if is_exported(run):
        if dataset is None:
            raise UserError(f"{run}: an exported voice names no data; give dataset=NAME")
        speaker = load_export(Path(run))
        return Subject(Path(run).name, speaker, *_data(dataset, speaker.language))
    base, record = load_run(run, uri)
    folder = record.run_dir
    config = run_config(folder)
    data = dataset or config["dataset"]
    language = data["language"]
    clips, sources = _data(data, language)
    speaker = speaker_of(base, language, sources, folder)
    return Subject(folder.name, speaker, clips, sources, folder, record.checkpoint, config)


def subject_of_base(
    model: Mapping[str, Any], weights: str, dataset: Mapping[str, Any] | None
) -> Subject:
    """A base model as it is, beside a data set's recordings; raises UserError without one."""
    if dataset is None:
        raise UserError("evaluate what? give run=RUN, or clips=DIR, or a base's dataset=NAME")
    clips, sources = _data(dataset, dataset["language"])
    base = build_base(**model, weights=weights)
    speaker = speaker_of(base, dataset["language"], sources)
    return Subject(f"{base.name}_{dataset['name']}", speaker, clips, sources)


def _data(dataset: Mapping[str, Any], language: str) -> tuple[tuple[Clip, ...], Mapping[str, str]]:
    sources = dict(dataset["sources"])
    require_folders(dataset["name"], sources)
    clips: Sequence[Clip] = [
        clip
        for name, folder in sources.items()
        for clip in read_folder(Path(folder), name, language)[0]
    ]
    if not any(clip.split == EVAL for clip in clips):
        raise UserError(
            f"data set {dataset['name']!r}: no clip is held out (split eval) to score against; "
            f"run `python -m xttslab.prepare dataset={dataset['name']} source=PATH`"
        )
    return tuple(clips), sources
