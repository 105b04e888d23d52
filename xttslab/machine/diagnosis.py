"""Checks of a machine, each with what was found and what to do: Python, torch, card, disk, store.

What is asked of the machine is in `Machine`, so that every fault can be tested without having it.
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from xttslab.errors import UserError
from xttslab.machine.graphics_cards import SETUP, Machine, unusable_card
from xttslab.model.voice import slow_bfloat16
from xttslab.tracking.client import check_writable, tracking_uri
from xttslab.training.memory import PRESETS, smaller_preset

Status = Literal["ok", "warning", "fault"]
OLDEST_PYTHON = (3, 11)
LEAST_DISK_GB, ENOUGH_DISK_GB = 15.0, 40.0  # XTTS-v2's weights, two checkpoints, codes and samples
LONGEST_PATH = 120  # of the project's folder: Windows refuses paths of 260 characters in all
SAMPLE_TEXT = "Győző → ő, ű"


@dataclass(frozen=True)
class Check:
    """One check: its name, its status, what was found, and what to do ("" for nothing)."""

    name: str
    status: Status
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" → {self.remedy}" if self.remedy else ""
        return f"{self.status:8} {self.name:10} {self.found}{remedy}"


def check_python(machine: Machine) -> Check:
    """Whether the interpreter is new enough."""
    shown = "{}.{}".format(*machine.python)
    if machine.python >= OLDEST_PYTHON:
        return Check("python", "ok", f"{shown} on {platform.system()}")
    remedy = f"install Python 3.11 or newer, then {SETUP}"
    return Check("python", "fault", f"{shown} is older than 3.11", remedy)


def check_card(machine: Machine) -> Check:
    """The card, the build of torch, and the memory preset that fits."""
    if problem := unusable_card(machine):
        return Check("card", "fault", *problem)
    if not machine.cards:
        found = f"none; torch {machine.torch} computes on the processor"
        remedy = (
            "XTTS-v2 needs a card of 6 GB; use model=xtts_mini, or hardware=cpu, which takes days"
        )
        return Check("card", "warning", found, remedy)
    card = machine.cards[0]
    found = f"{card.name}, {card.free_gb:.1f} of {card.total_gb:.1f} GB free, torch {machine.torch}"
    preset = smaller_preset(card.free_gb)
    if preset:
        return Check("card", "ok", f"{found}: hardware={preset}")
    least = min(PRESETS.values())
    remedy = f"close other programs: the smallest preset takes {least} GB"
    return Check("card", "fault", found, remedy)


def check_product(machine: Machine) -> Check:
    """One matrix product in bfloat16, where training would use it."""
    import torch

    if not machine.cards:
        slow = slow_bfloat16()
        found = f"{slow}; float32 is used" if slow else "bfloat16 is as fast as float32 here"
        return Check("bfloat16", "ok", found)
    try:
        ones = torch.ones(64, 64, dtype=torch.bfloat16, device="cuda")
        value = (ones @ ones).sum().item()
    except RuntimeError as fault:
        return Check(
            "bfloat16", "fault", f"{str(fault).splitlines()[0]}", f"{SETUP}, or a new driver"
        )
    if value != 64.0**3:
        remedy = "update the NVIDIA driver; if it stays, the card is faulty"
        return Check("bfloat16", "fault", f"a product gave {value}, not {64.0**3}", remedy)
    return Check("bfloat16", "ok", "a matrix product on the card is right")


def check_disk(folder: Path) -> Check:
    """Free space where runs are written."""
    free = shutil.disk_usage(folder).free / 1e9
    found = f"{free:.0f} GB free in {folder}"
    if free < LEAST_DISK_GB:
        remedy = f"free {LEAST_DISK_GB:.0f} GB, or set output_dir= and data_dir= to another disk"
        return Check("disk", "fault", found, remedy)
    if free < ENOUGH_DISK_GB:
        return Check("disk", "warning", found, "checkpoint.half=true halves what is kept")
    return Check("disk", "ok", found)


def check_rights(folder: Path) -> Check:
    """Whether files can be made, replaced and removed where runs are written."""
    trial = folder / ".xttslab_doctor"
    try:
        trial.write_text(SAMPLE_TEXT, encoding="utf-8")
        trial.replace(folder / ".xttslab_doctor_2")
        (folder / ".xttslab_doctor_2").unlink()
    except OSError as fault:
        found = f"{folder} cannot be written ({fault.strerror})"
        return Check("folder", "fault", found, "work in a folder of your own")
    length = len(str(folder.resolve()))
    if platform.system() == "Windows" and length > LONGEST_PATH and not long_paths():
        found = f"the project's path has {length} characters, and Windows refuses 260 in all"
        return Check("folder", "warning", found, "enable long paths, or move it to C:\\xttslab")
    return Check("folder", "ok", f"{folder.resolve()} can be written")


def long_paths() -> bool:
    """Whether Windows takes paths over 260 characters."""
    import winreg  # Windows alone has it

    key = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
        return winreg.QueryValueEx(opened, "LongPathsEnabled")[0] == 1


def check_encoding(encoding: str | None) -> Check:
    """Whether other programs here read the UTF-8 that the commands print."""
    name = encoding or "none"
    try:
        SAMPLE_TEXT.encode(name)
    except (UnicodeEncodeError, LookupError):
        found = f"this system writes {name}, which lacks letters such as ő and →"
        return Check("encoding", "warning", found, "set PYTHONUTF8=1; the commands print UTF-8")
    return Check("encoding", "ok", name)


def check_decoders() -> Check:
    """Which libraries read recordings: soundfile for the usual, PyAV for m4a, mp4 and the rest."""
    if find_spec("av") is None:
        remedy = "pip install av, to read m4a, mp4 and wma"
        return Check("decoders", "warning", "soundfile alone", remedy)
    return Check("decoders", "ok", "soundfile and PyAV")


def check_weights(folder: Path, needed: Sequence[str]) -> Check:
    """Whether XTTS-v2's files are here."""
    missing = [name for name in needed if not (folder / name).is_file()]
    if not missing:
        return Check("weights", "ok", f"XTTS-v2 is in {folder} (Coqui Public Model License)")
    remedy = "train with model.accept_licence=true to download them, or put them there"
    found = f"XTTS-v2 is not in {folder}: {', '.join(missing)} missing"
    return Check("weights", "warning", found, remedy)


def check_store(uri: str) -> Check:
    """Whether MLflow's store can be reached and written."""
    from xttslab.tracking.client import first_line, open_client

    try:
        uri = tracking_uri(uri)
        check_writable(uri)
        open_client(uri).search_experiments(max_results=1)
    except UserError as fault:
        return Check("store", "fault", str(fault))
    except Exception as fault:  # MLflow, SQLAlchemy and drivers raise classes of their own
        remedy = "restore the file from a copy, or name another store with tracking.uri="
        return Check("store", "fault", f"{uri}: {first_line(fault)}", remedy)
    return Check("store", "ok", uri)


def check_training(train: Callable[[], float]) -> Check:
    """A training of the small model; `train` returns its seconds or raises."""
    try:
        seconds = train()
    except UserError as fault:
        return Check("training", "fault", str(fault))
    return Check("training", "ok", f"an epoch of the small model ran in {seconds:.0f} s")


def train_small(seconds: float = 300.0) -> float:
    """Prepare the packaged voice and train the small model for a few steps, in a folder that is
    removed afterwards; returns the seconds that it took.

    Raises UserError with the last line that a command printed where one fails or takes too long.
    """
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="xttslab_") as folder:
        place = [f"data_dir={folder}/data"]
        _command(
            "prepare", "dataset=demo_milliomos", "check_speakers=false", *place, seconds=seconds
        )
        place += [f"output_dir={folder}/outputs", f"tracking.uri=sqlite:///{folder}/mlflow.db"]
        short = ["trainer.max_epochs=1", "+trainer.limit_train_batches=8", "timed_steps=0"]
        chosen = ["model=xtts_mini", "dataset=demo_milliomos", "samples.every_n_epochs=0"]
        _command("train", *chosen, *short, *place, seconds=seconds)
    return time.monotonic() - started


def _command(name: str, *arguments: str, seconds: float) -> None:
    call = [sys.executable, "-m", f"xttslab.{name}", *arguments]
    try:
        done = subprocess.run(call, capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired as fault:
        raise UserError(f"xttslab {name} took more than {seconds:.0f} s") from fault
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no message"]
        raise UserError(f"xttslab {name} failed: {said[-1]}")


def examine(
    machine: Machine,
    folder: Path,
    weights: Path,
    needed: Sequence[str],
    store: str,
    encoding: str | None,
    train: Callable[[], float] | None,
) -> Iterator[Check]:
    """Every check, one after the other.

    Args:
        folder: where runs and data go.
        weights, needed: XTTS-v2's folder and the names of its files.
        store: MLflow's address, as configured.
        encoding: of texts on this system, `locale.getpreferredencoding(False)`.
        train: a short training, see `check_training`; None leaves it out.
    """
    yield check_python(machine)
    yield check_card(machine)
    yield check_product(machine)
    yield check_disk(folder)
    yield check_rights(folder)
    yield check_encoding(encoding)
    yield check_decoders()
    yield check_weights(weights, needed)
    yield check_store(store)
    if train is not None:
        yield check_training(train)


def as_json(lines: Sequence[Check]) -> str:
    """The lines for another program."""
    return json.dumps([asdict(line) for line in lines], ensure_ascii=False, indent=1)
