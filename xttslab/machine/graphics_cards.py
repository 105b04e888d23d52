"""The graphics cards of a machine, as NVIDIA's driver and as torch see them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from xttslab.errors import UserError

SETUP = "python run.py setup"


@dataclass(frozen=True)
class Card:
    """A graphics card as torch sees it; memory in 10⁹ bytes."""

    name: str
    capability: tuple[int, int]
    free_gb: float
    total_gb: float


@dataclass(frozen=True)
class Machine:
    """What the checks ask of a machine.

    Attributes:
        driver_cards: the cards that NVIDIA's driver names (`nvidia-smi`), whether torch can use
            them or not.
        cuda: the CUDA version that torch was built with, None for a build without.
        built_for: the architectures of that build (`torch.cuda.get_arch_list()`).
        cards: the cards that torch can address.
    """

    python: tuple[int, int]
    torch: str
    cuda: str | None
    built_for: Sequence[str]
    driver_cards: Sequence[str]
    cards: Sequence[Card]


def this_machine() -> Machine:
    """Ask the interpreter, the driver and torch."""
    import torch

    cards = []
    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(number)
            name, capability = (
                torch.cuda.get_device_name(number),
                torch.cuda.get_device_capability(number),
            )
            cards.append(Card(name, capability, free / 1e9, total / 1e9))
    return Machine(
        python=sys.version_info[:2],
        torch=torch.__version__,
        cuda=torch.version.cuda,
        built_for=torch.cuda.get_arch_list(),
        driver_cards=driver_cards(),
        cards=cards,
    )


def driver_cards() -> list[str]:
    """The names of the cards that NVIDIA's driver knows; empty without a driver."""
    tool = shutil.which("nvidia-smi")
    if not tool:
        return []
    asked = [tool, "--query-gpu=name", "--format=csv,noheader"]
    try:
        said = subprocess.run(asked, capture_output=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]


def unusable_card(machine: Machine) -> tuple[str, str] | None:
    """What keeps torch from the card that is there, and the remedy; None where nothing does."""
    if not machine.cards and machine.driver_cards:
        card = machine.driver_cards[0]
        if machine.cuda is None:
            return f"torch {machine.torch} was built without CUDA, and {card} is there", SETUP
        return (
            f"torch {machine.torch} for CUDA {machine.cuda} cannot use {card}",
            f"update the NVIDIA driver, then {SETUP}",
        )
    for card in machine.cards:
        architecture = "sm_{}{}".format(*card.capability)
        if not _covers(machine.built_for, card.capability):
            built_for = " ".join(machine.built_for) or "no card"
            return (
                f"{card.name} ({architecture}) is not in torch {machine.torch}: {built_for}",
                f"a newer build: change TORCH_BUILDS in run.py, then {SETUP}",
            )
    return None


def refuse_idle_card(accelerator: str) -> None:
    """Raise UserError where training would fall back to the processor, or fail at its first step,
    though NVIDIA's driver knows a card; `accelerator` is Lightning's, "cpu" says that it is meant.
    """
    if accelerator == "cpu" or not driver_cards():  # asked first: torch takes seconds to load
        return
    if problem := unusable_card(this_machine()):
        found, remedy = problem
        raise UserError(f"{found}: {remedy}; trainer=cpu trains on the processor all the same")


def _covers(built_for: Sequence[str], capability: tuple[int, int]) -> bool:
    """Code of one major version runs on its later minor ones; compute_ code on all later cards."""
    number = capability[0] * 10 + capability[1]
    for name in built_for:
        kind, _, version = name.partition("_")
        value = int("".join(c for c in version if c.isdigit()) or 0)
        same_major = value // 10 == capability[0]
        if value <= number and (kind == "compute" or same_major):
            return True
    return False
