"""Keeps which reference recordings and temperature a search chose for each category of a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from xttslab.errors import UserError
from xttslab.files import found_path, stored_path, write_atomically

log = logging.getLogger(__name__)
FILE = "references.yaml"


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
                # `mark` in files of earlier versions: what hours of search found stays usable
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
