"""Renders the Jinja templates of pages: self-contained HTML, or Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from xttslab.files import write_atomically

if TYPE_CHECKING:
    from xttslab.reporting.scores import ShownScore


def render(template: str, content: Mapping[str, Any]) -> str:
    """The filled-in template of `assets/pages/`; text is escaped in HTML, not in Markdown."""
    environment = Environment(
        loader=PackageLoader("xttslab", "assets/pages"),
        autoescape=select_autoescape(["html.j2"]),
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"nats": _nats, "score": _score}
    return environment.get_template(template).render(content)


def write(path: Path, text: str) -> Path:
    """Write a page atomically; returns its path."""
    write_atomically(path, text)
    return path


def _nats(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _score(score: ShownScore | None) -> str:
    if score is None:
        return "not measured"
    between = f" ({score.interval.low:.1f} to {score.interval.high:.1f})" if score.interval else ""
    votes = f", {score.count} votes" if score.count is not None else ""
    return f"{score.value:.1f}{between}{votes}"
