"""Histograms have round bins that hold every value."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reporting.test_audit_facts import (
    make_set,
    rules,  # noqa: F401
)
from xttslab.reporting.audit import counts, histogram, write_audit
from xttslab.reporting.audit_facts import AuditRules


def test_bins_are_round_and_labelled() -> None:
    chart = histogram("Length", "s", [1.6, 1.7, 2.1, 3.9])
    assert chart is not None
    assert [bar.label for bar in chart.bars][:3] == ["1.6", "1.8", "2.0"]
    assert chart.bars[0].count == 2
    assert max(bar.height for bar in chart.bars) == 1.0
    assert chart.summary == "median 1.9 s, 90 % between 1.6 and 3.6"
    assert not chart.named


@settings(deadline=None)
@given(st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=60))
def test_every_value_is_in_one_bin(values: list[float]) -> None:
    chart = histogram("x", "x", values)
    assert chart is not None
    assert sum(bar.count for bar in chart.bars) == len(values)
    assert len(chart.bars) <= 18


def test_counts_mark_what_is_too_little() -> None:
    chart = counts("Letters", "times", {"a": 30, "ű": 2}, least=20)
    assert chart is not None
    assert [(bar.label, bar.low, bar.height) for bar in chart.bars] == [
        ("a", False, 1.0),
        ("ű", True, pytest.approx(2 / 30)),
    ]
    assert chart.summary == "fewer than 20: ű"
    assert (chart.named, chart.longest_label) == (True, 1)


def test_nothing_has_no_chart() -> None:
    assert histogram("x", "x", []) is None
    assert counts("x", "x", {}) is None
    flat = histogram("x", "x", [5.0, 5.0])
    assert flat is not None
    assert [bar.count for bar in flat.bars] == [2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [(f"Mondat {n} <b>&amp;</b>", "greeting", "train", 2.0 + n / 20) for n in range(12)]
    rows += [("x" * 200, "question?", "eval", 2.0)]
    folder = make_set(tmp_path / "show", rows)
    (folder / "rejected.csv").write_text("audio_file|reason|value\nx.wav|broken <i>|a\n")
    (folder / "review.csv").write_text("audio_file|check|finding|value\nwavs/03.wav|hum|hum|9 dB\n")
    return folder


class Checker(HTMLParser):
    """Collects tags with their attributes; every opened tag must be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "wbr"):  # those have no end
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(folder: Path, rules: AuditRules) -> None:  # noqa: F811
    page = write_audit(folder, rules).page.read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(page)
    assert checker.open == []
    addresses = [
        a.get("src") or a.get("href") for _, a in checker.seen if "src" in a or "href" in a
    ]
    assert all(str(address).startswith("data:") for address in addresses)
    assert "<b>&amp;</b>" not in page
    assert "&lt;b&gt;&amp;amp;&lt;/b&gt;" in page
    pictures = [a for tag, a in checker.seen if tag == "svg"]
    assert len(pictures) == 3  # length, speech over pauses, speaking rate
    assert all(a["role"] == "img" and a["aria-label"] for a in pictures)
    assert page.count("As a table") == len(pictures)
    bars = [a for tag, a in checker.seen if tag == "ul" and str(a.get("class")).startswith("bars")]
    assert [a["class"] for a in bars] == ["bars", "bars short", "bars short"]


def test_outliers_and_findings_can_be_heard(folder: Path, rules: AuditRules) -> None:  # noqa: F811
    page = write_audit(folder, rules).page.read_text(encoding="utf-8")
    sounds = re.findall(r'<audio [^>]*src="data:audio/mpeg;base64,([^"]+)"', page)
    assert len(sounds) == 2
    _, rate = sf.read(io.BytesIO(base64.b64decode(sounds[0])))
    assert rate == 22_050
    assert "far too fast: does the text fit?" in page
    assert "hum (9 dB)" in page


def test_markdown_says_the_same(folder: Path, rules: AuditRules) -> None:  # noqa: F811
    write_audit(folder, rules)
    text = (folder / "audit.md").read_text(encoding="utf-8")
    assert text.startswith("# Data audit: show\n\n13 clips, 0.5 min, 1 held out, 1 not used")
    assert "| greeting | 12 |" in text
    assert "- 1 × broken <i>" in text
    assert "1. **record more: 200-500 clips" in text
    assert "no consent entry" in text


def test_noise_reduction_shows_its_effect(folder: Path, rules: AuditRules) -> None:  # noqa: F811
    path = folder / "clips.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    more = [lines[0] + "|snr_before_db", *(line + "|12.5" for line in lines[1:])]
    path.write_text("\n".join(more) + "\n", encoding="utf-8")
    page = write_audit(folder, rules).page.read_text(encoding="utf-8")
    assert "from 12.5 to 36.0 dB" in page


def test_the_lexicons_words_are_counted_and_foreign_ones_proposed(
    tmp_path: Path,
    rules: AuditRules,  # noqa: F811
) -> None:
    texts = ["Bachot hallgat William.", "Bach és Williamék.", "Szép este."]
    folder = make_set(tmp_path / "show", [(text, "greeting", "train", 2.0) for text in texts])
    (folder / "lexicon.csv").write_text("Bach|bah\nVerdi|vérdi\n", encoding="utf-8")
    page = write_audit(folder, rules).page.read_text(encoding="utf-8")
    text = (folder / "audit.md").read_text(encoding="utf-8")
    assert "with how often each stands in the texts: Bach 2, Verdi 0." in text
    assert "look foreign and have no entry: 1. Write" in text
    assert "said wrong: William 2" in text
    assert "William&nbsp;2" in page
