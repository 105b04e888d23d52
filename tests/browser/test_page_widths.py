"""Every page can be read at every width: no word broken, nothing lost beside the page, no pale or
tiny text.

XTTSLAB_SCREENSHOTS=FOLDER keeps a picture of each page at each width there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.browser.made_pages import (
    CATEGORIES,
    EPOCHS,
    TEXTS,
    listening_test_page,
    make_pages,
)
from tests.browser.test_report_pages import emulate
from tests.conftest import CONF
from xttslab.reporting.audit_facts import AuditRules

pytestmark = pytest.mark.browser

WIDTHS = (400, 700, 1000, 1280, 1920)
SMALLEST = 10  # pixels of a letter's height
LEAST_CONTRAST = 4.5  # WCAG 2.1, level AA
TASKS = (
    "start",
    "ab",
    "real",
    "scores",
    "end",
)  # of the listening test
FILES = ("audit", *(f"{page}_{n}" for page in ("samples", "report", "compare") for n in EPOCHS))

# Faults of the layout as it stands. A word may be broken only where the page or a hyphen allows it.
LAYOUT = r"""
const [width, smallest] = arguments, faults = [];
const said = e => e.textContent.trim().slice(0, 40);
const seen = e => e.getClientRects().length > 0;
document.querySelectorAll('details').forEach(e => { e.open = true; });
const words = /[^\s\/-]+[\/-]*/g, range = document.createRange();
for (const cell of document.querySelectorAll('th, td')) {
  if (!seen(cell)) continue;
  if (cell.scrollWidth > cell.clientWidth + 1) faults.push(`cell too narrow: ${said(cell)}`);
  const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(words)) {
    range.setStart(texts.currentNode, word.index);
    range.setEnd(texts.currentNode, word.index + word[0].length);
    const lines = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
    if (lines.size > 1) faults.push(`broken word: ${word[0]}`);
  }
}
for (const e of document.querySelectorAll('body, body *')) {
  if (!seen(e) || e.closest('svg')) continue;
  const scrolls = e.classList.contains('scroll');
  if (!scrolls && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'visible')
    faults.push(`scrolls sideways: <${e.localName}> ${said(e)}`);
  if (!e.parentElement.closest('.scroll') && e.getBoundingClientRect().right > width + 1)
    faults.push(`beside the page: <${e.localName}> ${said(e)}`);
  const letters = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (letters && parseFloat(getComputedStyle(e).fontSize) < smallest)
    faults.push(`tiny: ${said(e)}`);
}
for (const svg of document.querySelectorAll('svg')) {
  const frame = svg.getBoundingClientRect();
  const boxes = [...svg.querySelectorAll('text')].filter(e => seen(e) && said(e)).map(e => {
    if (parseFloat(getComputedStyle(e).fontSize) * svg.getScreenCTM().a < smallest)
      faults.push(`tiny: ${said(e)} in a picture`);
    const box = e.getBoundingClientRect();
    if (box.left < frame.left - 1 || box.right > frame.right + 1)
      faults.push(`beside its picture: ${said(e)}`);
    return [box, said(e)];
  });
  boxes.forEach(([a, one], i) => boxes.slice(i + 1).forEach(([b, other]) => {
    const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    if (across > 1 && down > 4) faults.push(`${one} lies on ${other}`);  // a line's height is more
  }));
}
const whole = Math.max(document.body.scrollWidth, document.documentElement.scrollWidth);
if (whole > width) faults.push(`the page is ${whole} pixels wide`);
return [...new Set(faults)];
"""
# Texts whose contrast to what lies behind them is too low.
CONTRAST = r"""
const least = arguments[0], faults = [];
const numbers = colour => colour.match(/[\d.]+/g).map(Number);
const light = colour => {
  const [r, g, b] = numbers(colour).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = e => {
  for (; e; e = e.parentElement) {
    const colour = getComputedStyle(e).backgroundColor, alpha = numbers(colour)[3];
    if (alpha === undefined || alpha === 1) return colour;
  }
  return 'rgb(255, 255, 255)';
};
for (const e of document.querySelectorAll('body *')) {
  const letters = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  if (!letters || !e.getClientRects().length) continue;
  const style = getComputedStyle(e);
  const one = light(e.closest('svg') ? style.fill : style.color), other = light(behind(e));
  const found = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (found < least) faults.push(`${found.toFixed(2)}: ${e.textContent.trim().slice(0, 40)}`);
}
return [...new Set(faults)];
"""


@pytest.fixture(scope="module")
def shown(window, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Callable]]:
    """Page → what brings it into the browser; every page is loaded once a call."""
    folder = tmp_path_factory.mktemp("pages")
    limits = yaml.safe_load((CONF / "prepare/audit.yaml").read_text(encoding="utf-8"))
    del limits["_target_"]
    made = make_pages(folder, AuditRules(**limits))
    assert set(made) == set(FILES)
    with listening_test_page(folder) as address:
        calls = {name: lambda page=page: window.get(page.as_uri()) for name, page in made.items()}

        def task_page(kind: str) -> None:
            asked = {"id": "1", "kind": kind, "clips": ["1", "2"], "text": "", "category": ""}
            if kind == "ab":
                asked |= {"text": TEXTS[2], "category": CATEGORIES[9]}
            window.get(address)
            if kind != "start":
                state = {"task": None if kind == "end" else asked, "done": 3, "of": 40}
                window.execute_script("show(arguments[0]);", state)

        calls |= {f"listening_test_{kind}": lambda kind=kind: task_page(kind) for kind in TASKS}
        yield calls


@pytest.mark.parametrize("name", [*FILES, *(f"listening_test_{task}" for task in TASKS)])
def test_a_page_can_be_read_at_every_width(browser, shown: dict[str, Callable], name: str) -> None:
    shown[name]()
    found = {}
    for width in WIDTHS:
        emulate(browser, width, "light")
        if faults := browser.execute_script(LAYOUT, width, SMALLEST):
            found[width] = faults
        if folder := os.environ.get("XTTSLAB_SCREENSHOTS"):
            browser.save_screenshot(Path(folder) / f"{name}_{width}.png")
    assert not found, yaml.safe_dump(found, allow_unicode=True)


@pytest.mark.parametrize(
    "name", ["audit", "samples_12", "report_12", "compare_12", "listening_test_ab"]
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_text_is_pale(browser, shown: dict[str, Callable], name: str, scheme: str) -> None:
    shown[name]()
    emulate(browser, 1280, scheme)
    assert browser.execute_script(CONTRAST, LEAST_CONTRAST) == []


NARROW = "th.head { width: auto; min-width: 0; max-width: 8.5rem; overflow-wrap: anywhere }"


@pytest.mark.parametrize(
    ("style", "fault"),
    [
        (NARROW, "broken word: training"),
        ("h1 { font-size: 8px }", "tiny: "),
        ("h1 { white-space: pre; font-size: 99px }", "pixels wide"),
        ("header { width: 1200px }", "beside the page: <header>"),
        ("header { overflow-x: auto } p { width: 1200px }", "scrolls sideways: <header>"),
    ],
)
def test_a_page_that_cannot_be_read_is_found_out(browser, shown, style: str, fault: str) -> None:
    shown["samples_1"]()
    emulate(browser, 1000, "light")
    add = "document.head.insertAdjacentHTML('beforeend', `<style>${arguments[0]}</style>`)"
    browser.execute_script(add, style)
    assert any(fault in line for line in browser.execute_script(LAYOUT, 1000, SMALLEST))
