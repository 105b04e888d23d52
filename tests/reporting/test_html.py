"""Where the pages let names break."""

from __future__ import annotations

import pytest
from jinja2 import Environment, PackageLoader


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("milliomos", "milliomos"),
        ("eval/mel_ce", "eval/|mel_|ce"),
        ("telephone-announcement", "telephone-announcement"),  # a browser breaks after a hyphen
        ("-41 dB", "-41 |dB"),
        ("D:\\wavs\\a.wav", "D:\\|wavs\\|a.wav"),
        ("x" * 45, f"{'x' * 20}|{'x' * 20}|xxxxx"),
        ("<b>_&", "&lt;b&gt;_|&amp;"),
    ],
)
def test_a_name_breaks_after_its_separators_and_every_20_letters(name: str, broken: str) -> None:
    environment = Environment(loader=PackageLoader("xttslab", "assets/pages"), autoescape=True)
    parts = environment.get_template("_parts.html.j2").module
    assert str(parts.breaking(name)) == broken.replace("|", "<wbr>")
