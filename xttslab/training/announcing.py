"""A run about to begin in, its tracked identity out: parameters, tags, data and consent."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.utilities.rank_zero import rank_zero_only

from xttslab.data.corpus import Corpus
from xttslab.data.datasheet import read_sheet
from xttslab.errors import UserError
from xttslab.files import write_atomically
from xttslab.tracking.protocol import NullTracker, Tracker
from xttslab.tracking.store import RunTracker
from xttslab.training.quiet import quiet_libraries
from xttslab.training.starting import Start

DATA_FILES = (
    "metadata.csv", "clips.csv", "rejected.csv", "changed.csv", "review.csv", "dataset.yaml",
)  # fmt: skip


def find_rank(trainer: DictConfig) -> bool:
    """Let Lightning find this process's rank, whatever started it (torchrun, Slurm's srun, MPI,
    LSF, Lightning itself), before anything is written; `is_rank_zero` tells it from then on.

    Returns whether this is one of several processes that this one did not start itself. Raises
    UserError for settings that Lightning refuses.
    """
    quiet_libraries()
    try:
        made = instantiate(
            trainer,
            _convert_="all",
            precision="32-true",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
    except InstantiationException as fault:
        raise UserError(f"trainer: {' '.join(str(fault.__cause__).split())}") from fault
    rank_zero_only.rank = made.global_rank  # which Lightning does for several processes alone
    if made.world_size == 1:
        return False
    environment = made.strategy.cluster_environment
    return environment.creates_processes_externally or made.num_nodes > 1


def is_rank_zero() -> bool:
    """Whether this is the first, or the only, process of the run (see `find_rank`)."""
    return rank_zero_only.rank == 0


def start_tracking(
    config: DictConfig, run_dir: Path, corpus: Corpus, start: Start, tags: Mapping[str, str]
) -> Tracker:
    """Begin the run in the store, with `tags` beside its own, or go on with it; only the first
    process tracks."""
    if not is_rank_zero():
        return NullTracker()
    tracker = RunTracker.start(
        run_dir,
        run_dir.name,
        config.tracking.experiment,
        config.tracking.uri,
        tags={**_tags(config, corpus, start, run_dir), **tags},
        resume=config.resume,
    )
    written = OmegaConf.to_yaml(config, resolve=True)
    write_atomically(run_dir / "config.yaml", written)
    tracker.log_text(written, "config/config.yaml")
    tracker.log_params(flat(plain(config)))
    _log_data(config, corpus, tracker)
    return tracker


def plain(node: DictConfig) -> dict[str, Any]:
    """A configuration node as plain dictionaries and lists, resolved."""
    return OmegaConf.to_container(node, resolve=True)


def flat(node: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested dictionaries as one with dotted names; lists stay values."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return found


def _log_data(config: DictConfig, corpus: Corpus, tracker: Tracker) -> None:
    profile = {"clips": len(corpus.clips), "minutes": round(sum(corpus.seconds) / 60, 2)}
    folders = [Path(folder) for folder in config.dataset.sources.values()]
    places = ", ".join(folder.as_posix() for folder in folders)
    tracker.log_dataset(corpus.name, corpus.fingerprint, places, profile=profile)
    for folder in folders:
        for name in DATA_FILES:
            if (folder / name).is_file():
                tracker.log_artifact(folder / name, f"data/{folder.name}")
        sheet = read_sheet(folder)
        tracker.set_tags({f"licence.{folder.name}": sheet.licence or "unknown"})
        if warning := sheet.warning():
            _warn(warning)
    if corpus.rejected:
        _warn(f"{len(corpus.rejected)} clips are not used; the first: {_told(corpus)}")
        lines = [f"{r.audio_file}|{r.reason}|{r.value}" for r in corpus.rejected]
        table = "\n".join(["audio_file|reason|value", *lines, ""])
        tracker.log_text(table, "data/rejected_at_training.csv")


def _told(corpus: Corpus) -> str:
    first = corpus.rejected[0]
    return f"{first.audio_file}: {first.reason} ({first.value})"


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


def _tags(config: DictConfig, corpus: Corpus, start: Start, run_dir: Path) -> dict[str, object]:
    tags: dict[str, object] = {
        "dataset": corpus.name,
        "model": config.model.name,
        "stage": config.stage.name,
        "dataset_fingerprint": corpus.fingerprint,
        "monitor": config.checkpoint.monitor,
        "run_dir": run_dir,
    }
    if start.run_name:
        tags["init_from_name"] = start.run_name
    if start.run_id:
        tags["init_from_run"] = start.run_id
    if start.epochs:
        tags["epochs_before"] = start.epochs
    return tags
