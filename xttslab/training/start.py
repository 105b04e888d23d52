"""The start of a run (weights, rank, tracking), and its summary at the end."""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities.rank_zero import rank_zero_only
from rich.console import Console
from rich.table import Table

from xttslab.data.corpus import Corpus
from xttslab.data.datasheet import read_sheet
from xttslab.data.lexicons import FILE as LEXICON
from xttslab.data.lexicons import keep_lexicon
from xttslab.errors import UserError
from xttslab.files import write_atomically
from xttslab.model.base import BEST
from xttslab.tracking.records import NullTracker, Tracker, read_metrics
from xttslab.tracking.run_tracker import RunTracker
from xttslab.training.checkpointing import RunCheckpoints

if TYPE_CHECKING:
    from xttslab.tracking.runs import RunRecord

DATA_FILES = (
    "metadata.csv", "clips.csv", "rejected.csv", "changed.csv", "review.csv", "dataset.yaml",
)  # fmt: skip
Made = TypeVar("Made")
_LOSSES = ("text_ce", "mel_ce", "total")
_SHOWN = (
    *(f"{part}/{loss}" for part in ("train", "eval", "gap") for loss in _LOSSES),
    "eval/text_gain",
    *(f"{part}/{loss}" for part in ("train", "eval") for loss in ("mel_l1", "mel", "convergence")),
    "eval/codes_used",
    "eval/perplexity",
)


@dataclass(frozen=True)
class Start:
    """Where weights come from: a checkpoint file, and what is known of the run that made it."""

    checkpoint: Path | None = None
    run_id: str = ""
    run_name: str = ""
    epochs: int = 0  # trained before, over the whole chain of runs

    @property
    def origin(self) -> str:
        """The checkpoint as a later run's record names it, "" for none."""
        return str(self.checkpoint or "")


def resolve_start(init_from: str | None, uri: str, model: Mapping[str, str] | None = None) -> Start:
    """Find what `init_from` names: a file, a run folder, or a run in the tracking store; a file in
    a run's folder is that run's. `model` (name and sizes) is what `best:DATASET` must be of."""
    if not init_from:
        return Start()
    path = Path(init_from).expanduser()
    if path.suffix in (".pth", ".pt", ".ckpt", ".safetensors") and not path.is_file():
        raise UserError(f"init_from={init_from}: no such checkpoint")
    from xttslab.tracking.runs import find_run

    kept = path / "checkpoints" / BEST
    run = find_run(str(kept) if kept.is_file() else init_from, uri, model)
    if run.checkpoint is None or not run.checkpoint.is_file():
        raise UserError(f"init_from={init_from}: run {run.name} has no checkpoint on this disk")
    name = run.name if run.tags else ""  # a file that lies in no run's folder is no run
    return Start(run.checkpoint.resolve(), run.run_id, name, _epochs(run))


def _epochs(run: RunRecord) -> int:
    """Epochs that a run's weights have been trained, with those of the runs before it; a run that
    was stopped has noted only those before."""
    if "epochs_total" in run.tags:
        return int(run.tags["epochs_total"])
    own = max(run.history("lr"), default=0)
    return int(run.tags.get("epochs_before", 0)) + own


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


def quiet_libraries() -> None:
    """Lower Lightning's and transformers' chatter to what matters."""
    for name in ("pytorch_lightning", "lightning.pytorch", "transformers"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Ours on purpose: batches know how to move themselves, loaders are quick without workers, and
    # frozen parts stay in evaluation mode.
    for message in (
        ".*overridden `transfer_batch_to_device`.*",
        ".*does not have many workers.*",
        ".*module\\(s\\) in eval mode at the start of training.*",
        ".*`isinstance\\(treespec, LeafSpec\\)` is deprecated.*",
        ".*The number of training batches .* is smaller than the logging interval.*",
    ):
        warnings.filterwarnings("ignore", message)


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
        others=instances("logger", plain(config.logger), Logger),
    )
    written = OmegaConf.to_yaml(config, resolve=True)
    write_atomically(run_dir / "config.yaml", written)
    tracker.log_text(written, "config/config.yaml")
    keep_lexicon(corpus.lexicon, run_dir)
    if corpus.lexicon:
        tracker.log_text(corpus.lexicon.written(), f"data/{LEXICON}")
    tracker.log_params(flat(plain(config)))
    _log_data(config, corpus, tracker)
    return tracker


def instances(group: str, entries: Mapping[str, Any], kind: type[Made]) -> list[Made]:
    """What the entries of a group of conf/ name, made; null leaves one out. Raises UserError for
    one that cannot be made or is no `kind`, one of Lightning's classes."""
    made = []
    for name, entry in entries.items():
        try:
            found = instantiate(entry, _convert_="all") if entry else None
        except InstantiationException as fault:
            raise UserError(f"{group}.{name}: {' '.join(str(fault).split())}") from fault
        if entry and not isinstance(found, kind):
            raise UserError(
                f"{group}.{name}: is no {kind.__name__} of Lightning's; give the _target_ of its "
                "class"
            )
        made += [found] if entry else []
    return made


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
        _warn(f"{len(corpus.rejected)} clips are not used; the first: {corpus.rejected[0]}")
        lines = [f"{r.audio_file}|{r.reason}|{r.value}" for r in corpus.rejected]
        table = "\n".join(["audio_file|reason|value", *lines, ""])
        tracker.log_text(table, "data/rejected_at_training.csv")


def _warn(message: str) -> None:
    print(f"warning: {message}", file=sys.stderr)


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


def print_summary(run_dir: Path, checkpoints: RunCheckpoints) -> int:
    """Print start, best and last epoch of a run and what to do next; returns its last epoch."""
    rows = read_metrics(run_dir)
    last = max(rows)
    chosen = {"zero-shot": 0, "last": last}
    if checkpoints.best:
        chosen = {"zero-shot": 0, "best": checkpoints.best[1], "last": last}
    table = Table(title=run_dir.name, title_justify="left")
    table.add_column("")
    for name, epoch in chosen.items():
        table.add_column(f"{name}\nepoch {epoch}", justify="right")
    picked = [rows.get(epoch, {}) for epoch in chosen.values()]
    for name in _SHOWN:
        if any(name in row for row in picked):
            table.add_row(name, *(_shown(row.get(name)) for row in picked))
    console = Console(quiet=not is_rank_zero())
    console.print(table)
    guess = rows[0].get("codes/unigram_entropy")
    if guess:
        used = round(rows[0]["codes/in_use"])
        console.print(f"{used} audio codes in use; guessing by their frequency costs {guess:.4f}")
    if not checkpoints.best:
        console.print(f"{checkpoints.monitor} was never a number: no checkpoint was kept")
    for label, what in _next_steps(run_dir, checkpoints):
        console.print(f"{label:<10} {what}", highlight=False, soft_wrap=True)
    return last


def _next_steps(run_dir: Path, checkpoints: RunCheckpoints) -> list[tuple[str, str]]:
    steps = [
        ("listen", str(run_dir / "samples" / "index.html")),
        ("compare", "python -m xttslab.tracking.ui"),
    ]
    if checkpoints.best:
        steps.insert(0, ("model", str(checkpoints.best_path)))
    if not (run_dir / "samples" / "index.html").is_file():
        steps = [step for step in steps if step[0] != "listen"]
    return steps


def _shown(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.4f}"
