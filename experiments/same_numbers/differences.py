"""Two snapshots compared, item by item, and the table of what was found."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.same_numbers.snapshot import Item, Snapshot

TOLERANCE = 1e-6
_SHOWN = 60  # characters of a text


@dataclass(frozen=True)
class Difference:
    """`size` is the largest difference of numbers; None for texts and what one side lacks."""

    name: str
    group: str
    before: str
    after: str
    size: float | None


@dataclass(frozen=True)
class Row:
    """One kind of thing: how many items and values were compared, and the largest difference, be
    it within the tolerance or not."""

    group: str
    items: int
    values: int
    largest: float
    different: int


def compare(
    before: Snapshot,
    after: Snapshot,
    may_lack: Callable[[str], bool] = lambda name: False,
) -> tuple[list[Row], list[Difference]]:
    """The table by kind, and everything that differs.

    `may_lack`: whether `before` need not have an item of that name.
    """
    found: list[Difference] = []
    sizes: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None and may_lack(name):
            continue
        if old is None or new is None:
            there = old or new
            found.append(Difference(name, there.group, _shown(old), _shown(new), None))
            sizes[there.group].append((0, 0.0))
            continue
        size = _distance(old, new)
        same_shape = np.shape(old.value) == np.shape(new.value)
        sizes[new.group].append((np.size(new.value), size if math.isfinite(size) else 0.0))
        if not same_shape or size > (0.0 if new.exact else TOLERANCE):
            measured = size if math.isfinite(size) else None
            found.append(Difference(name, new.group, _shown(old), _shown(new), measured))
    bad = [difference.group for difference in found]
    rows = [
        Row(group, len(s), sum(n for n, _ in s), max(d for _, d in s), bad.count(group))
        for group, s in sorted(sizes.items())
    ]
    return rows, found


def table(rows: list[Row], differences: list[Difference]) -> str:
    """Both as text: the table in Markdown, then one line a difference."""
    lines = [
        "| what | items | values | largest difference | different |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {r.group} | {r.items} | {r.values} | {r.largest:.3g} | {r.different} |"
            for r in rows
        ),
    ]
    total = sum(row.items for row in rows), sum(row.values for row in rows)
    lines += ["", f"{total[0]} items, {total[1]} values compared; {len(differences)} differ"]
    for d in differences:
        by = f" (by {d.size:.3g})" if d.size is not None else ""
        lines.append(f"  {d.name}: {d.before} → {d.after}{by}")
    return "\n".join(lines)


def _distance(old: Item, new: Item) -> float:
    """The largest difference of two values; infinite where they cannot be subtracted."""
    one, other = old.value, new.value
    if isinstance(one, str) or isinstance(other, str):
        return 0.0 if one == other else math.inf
    if np.shape(one) != np.shape(other):
        return math.inf
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if one.size == 0:
        return 0.0
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    gap = np.abs(np.where(same, 0.0, one) - np.where(same, 0.0, other))
    return float(np.nan_to_num(gap, nan=np.inf).max())


def _shown(item: Item | None) -> str:
    if item is None:
        return "(none)"
    if isinstance(item.value, np.ndarray):
        return f"{'×'.join(map(str, item.value.shape))} values"
    if isinstance(item.value, float):
        line = f" in “{item.context.strip()[:_SHOWN]}”" if item.context else ""
        return f"{item.value:.8g}{line}"
    return item.value if len(item.value) <= _SHOWN else f"{item.value[:_SHOWN]}…"
