"""The demo set in, two spoilt copies of it out: texts shuffled, and one fifth of the recordings.

The held-out clips stay what they are, so that losses can be compared; recordings are linked.
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

TRAIN = "train"
FIFTH = 5


def shuffled(original: Path, folder: Path, seed: int = 7) -> None:
    """Every training clip gets the text of another one."""
    rows = _read(original)
    trained = [row for row in rows if row["split"] == TRAIN]
    texts = [row["text"] for row in trained]
    order = list(range(len(trained)))
    random.Random(seed).shuffle(order)
    for place, row in enumerate(order):  # the next one in a shuffled ring: never its own
        trained[row]["text"] = texts[order[(place + 1) % len(order)]]
    _write(original, folder, rows)


def one_fifth(original: Path, folder: Path) -> None:
    """Every fifth training clip."""
    rows = _read(original)
    kept = [row for row in rows if row["split"] == TRAIN][::FIFTH]
    _write(original, folder, [row for row in rows if row["split"] != TRAIN or row in kept])


def _read(folder: Path) -> list[dict[str, str]]:
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="|"))


def _write(original: Path, folder: Path, rows: list[dict[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "wavs").exists():
        (folder / "wavs").symlink_to((original / "wavs").resolve())
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter="|", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
