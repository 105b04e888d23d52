"""Loads the voice of a run, a base or an exported folder, with a reference for each category.

References that `python -m xttslab.evaluate run=RUN search=references` chose go before those that
samples in training are spoken after.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from xttslab.data.corpus import reference_clips
from xttslab.data.datasheet import read_sheet
from xttslab.data.lexicons import data_lexicon, lexicon_beside
from xttslab.data.manifest import ASSUMED, TRAIN, read_folder
from xttslab.errors import UserError
from xttslab.model.base import (
    ASSETS,
    RECORD,
    VOCABULARY,
    Base,
    build_base,
    build_decoder,
    load_gpt,
    load_trained,
    require_gpt,
)
from xttslab.model.checkpoints import read_tensors
from xttslab.model.sampling import Sampling
from xttslab.model.voice import Speaking
from xttslab.model.weights import LICENCES
from xttslab.speaking.chosen import read_chosen
from xttslab.speaking.lines import Origin
from xttslab.speaking.references import References
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.texts import OURS, is_exported
from xttslab.text.lexicon import Lexicon
from xttslab.tracking.client import DEFAULT_URI
from xttslab.tracking.journal import Journal

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from xttslab.tracking.runs import RunRecord

DEMO = ASSETS / "demo" / "demo_milliomos"  # whose voice a base has that is given none
# Coqui's names of an inference folder's files.
MODEL, CONFIG, COQUI_VOCABULARY = "model.pth", "config.json", "vocab.json"
VOICES = "speakers_xtts.pth"


def load(
    run: str, uri: str = DEFAULT_URI, settings: Speaking | None = None, clips: int = 1
) -> Speaker:
    """The voice of a run: an MLflow id, a name, `best:DATASET`, a run folder or a checkpoint.

    Its categories are those of the data that it was trained on, where that is on this disk.
    Each is spoken after `clips` of its recordings. `settings` are its own from then on; an exported
    folder brings those that it was exported with, and one voice a category.
    """
    if is_exported(run):
        speaker = load_export(Path(run))
        speaker.settings = speaker.settings or settings
        return speaker
    base, record = load_run(run, uri)
    dataset = run_config(record.run_dir)["dataset"]
    speaker = speaker_of(base, dataset["language"], dataset["sources"], record.run_dir, clips)
    speaker.settings = settings
    return speaker


def load_run(run: str, uri: str = DEFAULT_URI) -> tuple[Base, RunRecord]:
    """A run's model, with the weights of its best epoch or of the checkpoint that `run` names, and
    its record, whose `run_dir` and `checkpoint` are known."""
    from xttslab.tracking.runs import find_run

    record = find_run(run, uri)
    if record.checkpoint is None or record.run_dir is None:
        raise UserError(f"run {record.name}: its checkpoint is not on this disk")
    written = record.run_dir / "config.yaml"
    if not written.is_file():
        raise _without_config(record.run_dir, record.checkpoint)
    config = run_config(record.run_dir)
    if whole := (record.run_dir / VOCABULARY).is_file():  # an imported run has all parts
        files = {**config["model"]["files"], "vocabulary": VOCABULARY}
        config["model"] |= {"files": files, "folder": str(record.run_dir.resolve())}
    weights = "random" if whole else config["weights"]
    base = build_base(**config["model"], weights=weights, seed=config["seed"])
    require_gpt(record.checkpoint)
    base = load_trained(base, record.checkpoint)
    base.gpt.eval()
    return base, record


def _without_config(folder: Path, checkpoint: Path) -> UserError:
    """The error for a checkpoint in a folder that has no configuration."""
    if Journal(folder).exists() or (checkpoint.parent / RECORD).is_file():
        run = folder if folder != checkpoint.parent else folder.parent
        return UserError(
            f"{run / 'config.yaml'}: is missing, though {run} holds other files of a run; it may "
            "have been deleted in part: put back config/config.yaml of the run's files in MLflow"
        )
    return UserError(
        f"{checkpoint}: lies in no run's folder (no config.yaml); make it a run with "
        "`python -m xttslab.import_run`"
    )


def run_config(folder: Path) -> dict[str, Any]:
    """The configuration with which a run was started.

    Raises UserError for one that an earlier version imported, without what speaking needs.
    """
    from omegaconf import OmegaConf

    config = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"), resolve=True)
    if "imported" in config and "weights" not in config:
        source = config["imported"]["source"]
        raise UserError(
            f"{folder}: was imported by an earlier version and cannot speak; import it again: "
            f"python -m xttslab.import_run source={source} run_name={folder.name}_2"
        )
    return config


def load_export(folder: Path) -> Speaker:
    """The exported model, its categories as ready voices; recordings serve as references too."""
    described = yaml.safe_load((folder / OURS).read_text("utf-8"))
    model, weights = described["model"], folder / MODEL
    # An export has no DVAE, for speaking needs none: the codec only makes conditioning mels.
    small = {"hidden": 8, "codebook_dim": 8, "codes": 8, "blocks": 1}
    files = {**model["files"], "vocabulary": COQUI_VOCABULARY}
    sizes = {**model, "codec": small, "files": files, "folder": str(folder.resolve())}
    base = build_base(**sizes, weights="random")
    load_gpt(base.gpt, weights)
    base.codec.mel_stats.copy_(read_tensors(weights)["mel_stats"])
    decoder = partial(build_decoder, **model["decoder"], weights=weights, seed=0)
    base = replace(base, make_decoder=decoder)
    base.gpt.eval()
    stored = torch.load(folder / VOICES, map_location="cpu", weights_only=True)
    voices = {
        category: (voice["gpt_cond_latent"][0].float(), voice["speaker_embedding"][0].float())
        for category, voice in stored.items()
    }
    temperatures = described.get("temperatures")  # older exports have neither these …
    settings = speaking_of(described["speaking"]) if "speaking" in described else None  # … nor this
    language = described["language"]
    made_by = Origin(**described.get("origin", {"model": base.name}))
    speaker = Speaker(base.voice(), base.tokenizer, language, {}, voices, temperatures, settings)
    speaker.lexicon, speaker.origin = lexicon_beside(folder), made_by
    return speaker


def run_lexicon(run_dir: Path | None, sources: Mapping[str, Any]) -> Lexicon:
    """How a voice's words are said: as the run was trained, and words that its data sets' lexicons
    got since, where those are on this disk; of the data sets alone for a base."""
    folders = [Path(folder) for folder in sources.values() if Path(folder).is_dir()]
    said = data_lexicon(folders)
    return said.overridden_by(lexicon_beside(run_dir)) if run_dir else said


def origin_of(model: str, run: str, sources: Mapping[str, Any]) -> Origin:
    """What is written into recordings: the model, the run, the base's licence, and the ids of the
    consents in its data sets' sheets."""
    sheets = [read_sheet(Path(folder)) for folder in sources.values() if Path(folder).is_dir()]
    consents = ", ".join(filter(None, (sheet.consent_id for sheet in sheets)))
    return Origin(model, run, LICENCES.get(model, ""), consents)


def words_of(
    run: str, uri: str, language: str, sources: Mapping[str, Any] | None = None
) -> tuple[str, Lexicon]:
    """The language that a run or an exported folder speaks (`language` without one), and how its
    words are said; `sources` are the data sets that a base speaks after. No weights are read."""
    if not run:
        return language, run_lexicon(None, sources or {})
    if is_exported(run):
        described = yaml.safe_load((Path(run) / OURS).read_text("utf-8"))
        return described["language"], lexicon_beside(Path(run))
    from xttslab.tracking.runs import find_run

    record = find_run(run, uri)
    if record.run_dir is None:
        raise UserError(f"run {record.name}: its folder is not on this disk")
    dataset = run_config(record.run_dir)["dataset"]
    return dataset["language"], run_lexicon(record.run_dir, dataset["sources"])


def demo_references(base: Base, language: str) -> dict[str, list[Path]]:
    """The packaged demo voice's recordings, one a category, its neutral one first."""
    clips, _ = read_folder(DEMO, DEMO.name, language)
    clips = [replace(clip, split=TRAIN) for clip in clips]
    usual = reference_clips(clips, base.tokenizer, base.gpt.clip_limits)
    first_neutral = sorted(usual, key=lambda category: category != ASSUMED)
    return {category: [usual[category][0].audio] for category in first_neutral}


def speaking_of(stored: Mapping[str, Any]) -> Speaking:
    """The settings that a folder was exported with."""
    return Speaking(**{**stored, "sampling": Sampling(**stored["sampling"])})


def load_base(
    model: DictConfig,
    weights: str,
    language: str,
    dataset: DictConfig | None = None,
    clips: int = 1,
) -> Speaker:
    """A base model as configured in `conf/model/`, with a data set's categories if one is given,
    else with those of the packaged demo voice."""
    from omegaconf import OmegaConf

    base = build_base(**OmegaConf.to_container(model, resolve=True), weights=weights)
    sources = dict(dataset.sources) if dataset else {}
    speaker = speaker_of(base, language, sources, clips=clips)
    if not speaker.categories:
        speaker.references = References(speaker.voice, demo_references(base, language))
    return speaker


def speaker_of(
    base: Base,
    language: str,
    sources: Mapping[str, Any] | None = None,
    run_dir: Path | None = None,
    clips: int = 1,
) -> Speaker:
    """A base that speaks; `sources` are prepared folders whose categories serve as references,
    `clips` of each, and `run_dir` may name the best of them (see `read_chosen`). Words are said as
    the run's lexicon and theirs say."""
    base.gpt.eval()
    sources = sources or {}
    references, temperatures = best_references(base, sources, language, run_dir, clips)
    return Speaker(
        base.voice(),
        base.tokenizer,
        language,
        references,
        temperatures=temperatures,
        lexicon=run_lexicon(run_dir, sources),
        origin=origin_of(base.name, run_dir.name if run_dir else "", sources),
    )


def best_references(
    base: Base, sources: Mapping[str, Any], language: str, run_dir: Path | None, count: int = 1
) -> tuple[dict[str, list[Path]], dict[str, float]]:
    """Category → its reference recordings, and category → its temperature: those chosen for the
    run, where somebody searched, else the clip that samples in training are spoken after and no
    temperature. `sources` whose folder is gone are passed over."""
    clips = [
        clip
        for source, folder in sources.items()
        if Path(folder).is_dir()
        for clip in read_folder(Path(folder), source, language)[0]
    ]
    usual = reference_clips(clips, base.tokenizer, base.gpt.clip_limits, count)
    chosen = read_chosen(run_dir) if run_dir else {}
    references = {category: [clip.audio for clip in first] for category, first in usual.items()}
    for category, one in chosen.items():
        others = [path for path in references.get(category, []) if path not in one.recordings]
        spare = max(0, count - len(one.recordings))
        references[category] = [*one.recordings, *others[:spare]]
    return references, {category: one.temperature for category, one in chosen.items()}


def default_settings(conf: Path) -> Speaking:
    """How `say` speaks when nothing else is asked for: what the folder `conf` says."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    speaking = OmegaConf.load(conf / "speaking" / "default.yaml")
    rules = OmegaConf.load(conf / "sampling" / "default.yaml")
    del speaking["defaults"]
    return instantiate(OmegaConf.merge(speaking, {"sampling": rules}))
