"""Names of one revision translated to those of another, by the table names.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import yaml

SECTIONS = ("config", "metrics", "files", "entries", "values")
_PREFIXES = "~+"  # what Hydra lets stand before a key


@dataclass(frozen=True)
class Names:
    """What a revision calls otherwise, as old name → new name (None: gone), one table a kind.

    `added` are patterns of full names that the revision does not have, `ignored` patterns of those
    that are compared for no revision.
    """

    config: Mapping[str, str | None] = field(default_factory=dict)
    metrics: Mapping[str, str | None] = field(default_factory=dict)
    files: Mapping[str, str | None] = field(default_factory=dict)
    entries: Mapping[str, str | None] = field(default_factory=dict)
    values: Mapping[str, str | None] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    @classmethod
    def pending(cls, newest: str, own: str) -> Names:
        """What a revision whose own table is `own` ("": it has none) still calls by old names,
        of the table `newest`. Both are texts of YAML."""
        wanted, known = yaml.safe_load(newest), yaml.safe_load(own) or {}
        renamed = {
            section: {
                old: new
                for old, new in (wanted.get(section) or {}).items()
                if old not in (known.get(section) or {})
            }
            for section in SECTIONS
        }
        have = known.get("added") or []
        added = tuple(name for name in wanted.get("added") or [] if name not in have)
        return cls(**renamed, added=added, ignored=tuple(wanted.get("ignored") or []))

    def overrides(self, newest: Iterable[str]) -> list[str]:
        """Command-line overrides in newest names, in the revision's own names."""
        return [self._old(override) for override in newest]

    def _old(self, override: str) -> str:
        sign = override[: len(override) - len(override.lstrip(_PREFIXES))]
        key, equals, value = override[len(sign) :].partition("=")
        key = _swap(key, _inverse(self.config), ".")
        for table in (self.values, self.metrics):
            value = _inverse(table).get(value, value)
        return f"{sign}{key}{equals}{value}"

    def path(self, path: str) -> str | None:
        """A path with `/`, with parts of it renamed; None for a file that is gone."""
        for old, new in self.files.items():
            if f"/{old}/" in f"/{path}/":
                if new is None:
                    return None
                path = f"/{path}/".replace(f"/{old}/", f"/{new}/").strip("/")
        return path

    def metric(self, name: str) -> str | None:
        return _swap(name, self.metrics, "/")

    def key(self, name: str) -> str | None:
        """A dotted configuration key."""
        return _swap(name, self.config, ".")

    def entry(self, name: str) -> str | None:
        """A key of a JSON or YAML file, a column, or a dotted name of a tensor."""
        if name in self.entries:
            return self.entries[name]
        metric = self.metric(name)
        if metric != name:
            return metric
        parts = [self.entries.get(part, part) for part in name.split(".")]
        return None if None in parts else ".".join(part for part in parts if part)

    def text(self, value: str) -> str:
        """A text that stands alone: an option, a metric's name, a category."""
        for table in (self.values, self.metrics, self.entries):
            if table.get(value) is not None:
                return str(table[value])
        return value

    def is_ignored(self, name: str) -> bool:
        return _matches(name, self.ignored)

    def lacks(self, name: str) -> bool:
        """Whether the revision need not have what is called `name` in newest names."""
        return _matches(name, self.added)


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _inverse(table: Mapping[str, str | None]) -> dict[str, str]:
    return {new: old for old, new in table.items() if new is not None}


def _swap(name: str, table: Mapping[str, Any], separator: str) -> Any:
    """`name`, or the part of it before a separator, renamed; the longest that is known counts."""
    known = name
    while known not in table:
        known, found, _ = known.rpartition(separator)
        if not found:
            return name
    new = table[known]
    return None if new is None else new + name[len(known) :]
