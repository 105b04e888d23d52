"""Every number, text and array that an exercise left on disk, by name."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import yaml

from experiments.same_numbers.names import Names
from experiments.same_numbers.stores import mlflow_items, read_codes

_NUMBER = re.compile(r"(?<![\w.,-])[-+−]?\d*[.,]?\d+(?:[eE][-+]?\d+)?(?!\w)")
# Folders of no contract; files in data/measures are named by the code that measured, too.
_INTERNAL = ("tracking", "recordings", "codes", "measures", "mlruns")


@dataclass(frozen=True)
class Item:
    """One thing to compare. `exact`: to the last bit, else to the tolerance."""

    group: str
    value: float | str | np.ndarray
    exact: bool = False
    context: str = ""  # the line of a report that the number stands in


Snapshot = dict[str, Item]


def take(work: Path, names: Names) -> Snapshot:
    """All that is compared in the folder `work`, under the newest names.

    Hidden files and those in `_INTERNAL` are how a command goes on, not what it gives.
    """
    reader = _Reader(names, str(work.resolve()))
    found: Snapshot = {}
    for path in sorted(work.rglob("*")):
        inside = path.relative_to(work)
        hidden = any(part.startswith(".") or part in _INTERNAL for part in inside.parts)
        if path.is_file() and not hidden:
            found |= reader.read(path, inside.as_posix())
    codes = read_codes(work / "data/codes")
    found |= {f"data/codes: {name}": Item("codes", a, exact=True) for name, a in codes.items()}
    for name, value, artifact in mlflow_items(work / "mlruns"):
        if artifact is not None:
            found |= reader.read(artifact, f"mlflow/{name}")
        else:
            found |= reader.tracked(name, value)
    return {name: item for name, item in found.items() if not names.is_ignored(name)}


@dataclass(frozen=True)
class _Reader:
    names: Names
    place: str  # where the exercise ran: an absolute path that differs between the sides

    def read(self, path: Path, called: str) -> Snapshot:
        """What a file holds; one of no known kind is compared as bytes."""
        name = self.names.path(called)
        if name is None:
            return {}
        kinds: dict[str, Callable[[Path, str], Iterator[tuple[str, Item]]]] = {
            ".jsonl": self._rows,
            ".json": self._json,
            ".yaml": self._yaml,
            ".csv": self._table if "data/" not in name else self._manifest,
            ".wav": self._audio,
            ".md": self._report,
            ".html": self._page,
            ".safetensors": self._tensors,
            ".pth": self._pickle,
            ".ckpt": self._pickle,
        }
        if path.stat().st_size == 0:
            return {name: Item("files", "empty")}
        return dict(kinds.get(path.suffix, self._bytes)(path, name))

    def tracked(self, name: tuple[str, str, str], value: float | str) -> Snapshot:
        """A row of MLflow's store: (run, kind, key) and its value."""
        run, kind, key = name
        step, _, bare = key.partition(" ") if kind == "metric" else ("", "", key)
        translate = {"metric": self.names.metric, "param": self.names.key}.get(kind, str)
        new = translate(bare)
        if new is None:
            return {}
        shown = f"mlflow/{run}: {kind} {f'{step}: ' if step else ''}{new}"
        return {shown: self._item(f"mlflow {kind}s", value)}

    def _item(self, group: str, value: Any, context: str = "") -> Item:
        if isinstance(value, bool) or value is None:
            return Item(group, str(value))
        if isinstance(value, (int, float)):
            return Item(group, float(value), context=context)
        text = str(value).replace(self.place, ".")
        return Item(group, self.names.text(text))

    def _rows(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        """metrics.jsonl: one object a line, by its epoch."""
        for number, line in enumerate(path.read_text("utf-8").splitlines()):
            row = json.loads(line)
            epoch = row.pop("epoch", number)
            for key, value in row.items():
                if (new := self.names.metric(key)) is not None:
                    yield f"{name}: {epoch}: {new}", self._item("metrics", value)

    def _json(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        group = "scorecards" if "/evaluation/" in name or "scorecard" in name else "json"
        yield from self._nested(json.loads(path.read_text("utf-8")), name, group)

    def _yaml(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        content = yaml.safe_load(path.read_text("utf-8"))
        if path.name != "config.yaml":
            yield from self._nested(content, name, "yaml")
            return
        for key, value in _flat(content):
            if (new := self.names.key(key)) is not None:
                yield f"{name}: {new}", self._item("configuration", value)

    def _nested(self, content: Any, name: str, group: str) -> Iterator[tuple[str, Item]]:
        for parts, value in _leaves(content):
            new = [self.names.entry(part) for part in parts]
            if None not in new:
                yield f"{name}: {' > '.join(map(str, new))}", self._item(group, value)

    def _table(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        """A table cell by cell: numbers to the tolerance."""
        group = "scorecards" if "score" in name else "tables"
        text = path.read_text("utf-8")
        header, *rows = csv.reader(text.splitlines(), delimiter=_delimiter(text))
        columns = [self.names.entry(column) for column in header]
        for number, row in enumerate(rows, 1):
            for column, cell in zip(columns, row, strict=True):
                if column is not None:
                    yield f"{name}: {number}: {column}", self._item(group, _number(cell))

    def _manifest(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        """A table of a data set, row by row: to the last byte but for the names of its columns."""
        lines = path.read_bytes().decode("utf-8").split("\n")
        sign = _delimiter(lines[0])
        columns = [self.names.entry(column) for column in lines[0].split(sign)]
        lines[0] = sign.join(column for column in columns if column is not None)
        for number, line in enumerate(lines):
            yield f"{name}: {number}", Item("manifests", line)

    def _audio(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        wave, rate = sf.read(path, dtype="float64")
        yield f"{name}: samples", Item("waveforms", wave, exact=True)
        yield f"{name}: rate", Item("waveforms", float(rate))

    def _report(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        """The numbers of a report, each as often as it stands there: words may change, and with
        them the order of rows."""
        seen: Counter[str] = Counter()
        for line in path.read_text("utf-8").splitlines():
            for found in _NUMBER.findall(line):
                number = found.replace("−", "-").replace(",", ".")
                seen[number] += 1
                again = f" ({seen[number]})" if seen[number] > 1 else ""
                yield f"{name}: {number}{again}", self._item("reports", float(number), line)

    def _page(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        """A page shows what the files beside it hold; only that it exists is compared."""
        yield name, Item("pages", "exists")

    def _tensors(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        from safetensors.torch import load_file

        yield from self._arrays(load_file(path), name)

    def _pickle(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        import torch

        yield from self._arrays(torch.load(path, map_location="cpu", weights_only=True), name)

    def _arrays(self, content: Any, name: str) -> Iterator[tuple[str, Item]]:
        for parts, value in _leaves(content):
            new = [self.names.entry(part) for part in parts]
            if None in new:
                continue
            array = value.double().numpy() if hasattr(value, "numpy") else value
            called = f"{name}: {' > '.join(map(str, new))}"
            is_array = isinstance(array, np.ndarray)
            yield called, Item("weights", array) if is_array else self._item("weights", value)

    def _bytes(self, path: Path, name: str) -> Iterator[tuple[str, Item]]:
        yield name, Item("files", np.frombuffer(path.read_bytes(), np.uint8), exact=True)


def _leaves(content: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Everything that is no mapping or list, with its keys and places."""
    if isinstance(content, dict):
        for key, value in content.items():
            yield from _leaves(value, (*above, str(key)))
    elif isinstance(content, (list, tuple)):
        for place, value in enumerate(content):
            yield from _leaves(value, (*above, str(place)))
    else:
        yield above, content


def _flat(content: Any) -> Iterator[tuple[str, Any]]:
    return ((".".join(parts), value) for parts, value in _leaves(content))


def _delimiter(text: str) -> str:
    return "|" if "|" in text.partition("\n")[0] else ","


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell
