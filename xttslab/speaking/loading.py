"""Loads the voice of a run, a base or an exported folder, with a reference for each category.

References that `python -m xttslab.evaluate run=RUN search=references` chose go before those that
samples in training are spoken after.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import yaml

from xttslab.data.corpus import reference_clips
from xttslab.data.manifest import read_folder
from xttslab.errors import UserError
from xttslab.files import found_path, stored_path, write_atomically
from xttslab.model.base import (
    VOCABULARY,
    Base,
    build_base,
    build_decoder,
    load_gpt,
    load_trained,
    require_voice,
)
from xttslab.model.checkpoints import read_tensors
from xttslab.model.sampling import Sampling
from xttslab.model.voice import Speaking
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.texts import OURS, is_exported
from xttslab.tracking.client import DEFAULT_URI

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from xttslab.tracking.runs import RunRecord

log = logging.getLogger(__name__)
FILE = "references.yaml"
# Coqui's names of an inference folder's files.
MODEL, CONFIG, COQUI_VOCABULARY = "model.pth", "config.json", "vocab.json"
VOICES = "speakers_xtts.pth"


def load(run: str, uri: str = DEFAULT_URI, settings: Speaking | None = None) -> Speaker:
    """The voice of a run: an MLflow id, a name, `best:DATASET`, a run folder or a checkpoint.

    Its categories are those of the data that it was trained on, where that is on this disk.
    `settings` are its own from then on; an exported folder brings those that it was exported with.
    """
    if is_exported(run):
        speaker = load_export(Path(run))
        speaker.settings = speaker.settings or settings
        return speaker
    base, record = load_run(run, uri)
    dataset = run_config(record.run_dir)["dataset"]
    speaker = speaker_of(base, dataset["language"], dataset["sources"], record.run_dir)
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
        raise UserError(
            f"{record.checkpoint}: lies in no run's folder (no config.yaml); make it a run with "
            "`python -m xttslab.import_run`"
        )
    config = run_config(record.run_dir)
    if whole := (record.run_dir / VOCABULARY).is_file():  # an imported run has all parts
        files = {**config["model"]["files"], "vocabulary": VOCABULARY}
        config["model"] |= {"files": files, "folder": str(record.run_dir.resolve())}
    weights = "random" if whole else config["weights"]
    base = build_base(**config["model"], weights=weights, seed=config["seed"])
    require_voice(record.checkpoint)
    base = load_trained(base, record.checkpoint)
    base.gpt.eval()
    return base, record


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
    return Speaker(base.voice(), base.tokenizer, language, {}, voices, temperatures, settings)


def speaking_of(stored: Mapping[str, Any]) -> Speaking:
    """The settings that a folder was exported with."""
    return Speaking(**{**stored, "sampling": Sampling(**stored["sampling"])})


def load_base(
    model: DictConfig, weights: str, language: str, dataset: DictConfig | None = None
) -> Speaker:
    """A base model as configured in `conf/model/`, with a data set's categories if one is given."""
    from omegaconf import OmegaConf

    base = build_base(**OmegaConf.to_container(model, resolve=True), weights=weights)
    sources = dict(dataset.sources) if dataset else {}
    return speaker_of(base, language, sources)


def speaker_of(
    base: Base,
    language: str,
    sources: Mapping[str, Any] | None = None,
    run_dir: Path | None = None,
) -> Speaker:
    """A base that speaks; `sources` are prepared folders whose categories serve as references,
    and `run_dir` may name the best of them (see `read_chosen`)."""
    base.gpt.eval()
    references, temperatures = best_references(base, sources or {}, language, run_dir)
    return Speaker(base.voice(), base.tokenizer, language, references, temperatures=temperatures)


def best_references(
    base: Base, sources: Mapping[str, Any], language: str, run_dir: Path | None
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
    usual = reference_clips(clips, base.tokenizer, base.gpt.max_text_tokens - 2)
    chosen = read_chosen(run_dir) if run_dir else {}
    references = {category: [clip.audio] for category, clip in usual.items()}
    references |= {category: list(one.recordings) for category, one in chosen.items()}
    return references, {category: one.temperature for category, one in chosen.items()}


@dataclass(frozen=True)
class Chosen:
    """What one category is spoken with: its reference recordings and the sampling temperature.
    `score` (out of 10) is what the search measured with them."""

    recordings: tuple[Path, ...]
    temperature: float
    score: float


def write_chosen(run_dir: Path, chosen: Mapping[str, Chosen]) -> Path:
    """Keep the choice of every category in the run's folder; returns the file."""
    content = {
        category: {
            "recordings": [stored_path(path, run_dir, Path()) for path in one.recordings],
            "temperature": one.temperature,
            "score": round(one.score, 2),
        }
        for category, one in chosen.items()
    }
    write_atomically(run_dir / FILE, yaml.safe_dump(content, allow_unicode=True).encode())
    return run_dir / FILE


def read_chosen(run_dir: Path) -> dict[str, Chosen]:
    """The choices kept in a run's folder, none where nobody searched.

    A category whose recordings are gone is left out with a warning. Raises UserError for a file
    that `write_chosen` did not write.
    """
    path = run_dir / FILE
    if not path.is_file():
        return {}
    try:
        chosen = {
            category: Chosen(
                tuple(_found(str(name), run_dir) for name in one["recordings"]),
                float(one["temperature"]),
                float(one["score"] if "score" in one else one["mark"]),
            )
            for category, one in yaml.safe_load(path.read_text("utf-8")).items()
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as fault:
        reason = str(fault).splitlines()[0]
        raise UserError(
            f"{path}: is damaged ({reason}); remove it, or search again with search=references"
        ) from fault
    for category, one in list(chosen.items()):
        gone = [name for name in one.recordings if not name.is_file()]
        if gone:
            log.warning("%s: %s speaks after another clip, %s is gone", path, category, gone[0])
            del chosen[category]
    return chosen


def _found(stored: str, run_dir: Path) -> Path:
    """A recording, wherever its project is today; as it was stored where it is gone."""
    return found_path(stored, run_dir, Path.is_file) or Path(stored)


def default_settings(conf: Path) -> Speaking:
    """How `say` speaks when nothing else is asked for: what the folder `conf` says."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    speaking = OmegaConf.load(conf / "speaking" / "default.yaml")
    rules = OmegaConf.load(conf / "sampling" / "default.yaml")
    del speaking["defaults"]
    return instantiate(OmegaConf.merge(speaking, {"sampling": rules}))
