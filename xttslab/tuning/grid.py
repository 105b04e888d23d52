"""A Hydra sweep (`-m`) in, one parent run over its runs out, whatever launcher runs them.

Hydra calls `SweepParent` where the sweep is started; the runs, on whichever process or machine,
find their parent through a note in the sweep's folder, which all must be able to read.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig

from xttslab.files import write_atomically

NOTE = "sweep.json"
FAILED = "failed"  # in the sweep's folder: an empty file for every run that failed


class SweepFailures(Callback):
    """Remembers where a sweep's runs, on whichever process or machine, note that they failed."""

    folder: ClassVar[Path | None] = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        SweepFailures.folder = folder = Path(config.hydra.sweep.dir) / FAILED
        for earlier in folder.glob("*"):  # of another sweep that was given the same folder
            earlier.unlink()


def note_failure() -> None:
    """Note, in a run of a sweep, that it failed."""
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.cwd) / hydra.sweep.dir / FAILED
    folder.mkdir(parents=True, exist_ok=True)
    (folder / str(hydra.job.num)).touch()


def failed_runs() -> int:
    """How many runs of the sweep that this process started have failed; 0 without a sweep."""
    folder = SweepFailures.folder
    return len(list(folder.iterdir())) if folder and folder.is_dir() else 0


class SweepParent(Callback):
    """Begins the parent run before the first run of a sweep and concludes it after the last."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from xttslab.tuning.parent import SweepRun

        folder = Path(config.hydra.sweep.dir)
        name = f"{config.sweep.name if config.sweep else 'sweep'}_{folder.name}"
        parent = SweepRun(Path(config.output_dir) / name, *_store(config))
        note = {"key": parent.key, "run_dir": str(parent.run_dir)}
        write_atomically(folder / NOTE, json.dumps(note))
        parent.tracker.close()

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from xttslab.tuning.children import children
        from xttslab.tuning.parent import SweepRun

        note = json.loads((Path(config.hydra.sweep.dir) / NOTE).read_text(encoding="utf-8"))
        runs = children(Path(config.output_dir), note["key"])
        best = SweepRun(Path(note["run_dir"]), *_store(config)).conclude(runs)
        whole = [run for run in runs if run.status == "FINISHED"]
        print(f"{len(whole)} of {len(runs)} runs finished; {note['run_dir']} has their table")
        if best:
            print(f"best: {config.checkpoint.monitor} {best.value:.4f} by {best.command}")


def sweep_tags() -> dict[str, str]:
    """The tags of a run that belongs to a Hydra sweep; none for any other."""
    from xttslab.tuning.children import child_tags

    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return {}
    hydra = HydraConfig.get()
    note = Path(hydra.runtime.cwd) / hydra.sweep.dir / NOTE
    if not note.is_file():
        print(f"warning: {note} is missing; this run gets no parent", file=sys.stderr)
        return {}
    key = json.loads(note.read_text(encoding="utf-8"))["key"]
    overrides = [entry for entry in hydra.overrides.task if not entry.startswith("sweep=")]
    return child_tags(key, overrides)


def _store(config: DictConfig) -> tuple[str, str, str]:
    return config.tracking.experiment, config.tracking.uri, config.checkpoint.monitor
