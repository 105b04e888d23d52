"""Renders the Jinja templates of pages, self-contained HTML or Markdown, and embeds recordings."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import soundfile
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from xttslab.data.audio import mp3
from xttslab.files import write_atomically

if TYPE_CHECKING:
    from xttslab.reporting.scores import ShownScore

log = logging.getLogger(__name__)


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


def data_uri(path: Path | None) -> str:
    """The recording as MP3 in a data URI; empty where there is none that can be read."""
    sound = playable(path) if path is not None else b""
    return "data:audio/mpeg;base64," + base64.b64encode(sound).decode() if sound else ""


def playable(path: Path) -> bytes:
    """The recording as MP3; empty where there is none that can be read."""
    if not path.is_file():
        return b""
    try:
        return mp3(path)
    except soundfile.LibsndfileError as fault:
        log.warning("%s: left out of the page (%s)", path, fault)
        return b""


def _nats(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _score(score: ShownScore | None) -> str:
    if score is None:
        return "not measured"
    between = f" ({score.interval.low:.1f} to {score.interval.high:.1f})" if score.interval else ""
    votes = f", {score.count} votes" if score.count is not None else ""
    return f"{score.value:.1f}{between}{votes}"
