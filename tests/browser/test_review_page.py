"""A set is reviewed by keyboard alone; a server that is killed in the middle loses nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.test_page_widths import CONTRAST, LAYOUT, LEAST_CONTRAST, SMALLEST
from tests.browser.test_report_pages import emulate
from tests.conftest import CONF, spoken
from xttslab.data.audio import write_audio
from xttslab.data.manifest import Clip, write_metadata
from xttslab.data.preparing.folder import Folder, read_table, write_table
from xttslab.data.preparing.reviewing import Doubts, ReviewedSet
from xttslab.serving.review_pages import review_server

pytestmark = pytest.mark.browser
CLIPS = 12


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """Twelve clips in two categories; the last one is the most doubtful."""
    folder = Folder(tmp_path / "data" / "show")
    clips = []
    for number in range(CLIPS):
        audio = folder.audio(f"clip_{number:02d}")
        write_audio(audio, spoken(0.3, 120, number))
        category = ("greeting", "question")[number % 2]
        clips.append(Clip(audio, f"Mondat {number:02d}.", "demo", category, False, "hu", "train"))
    write_metadata(folder.path / "metadata.csv", clips)
    columns = ("audio_file", "check", "finding", "value")
    flag = ("wavs/clip_11.wav", "voice", "another voice", "cosine 0.61 to the main voice of demo")
    write_table(folder.path / "review.csv", columns, [flag])
    return folder


@contextmanager
def reviewing(folder: Folder) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The command as a person starts it: its address, and its process."""
    call = [sys.executable, "-W", "ignore", "-m", "xttslab.review", "dataset=show"]
    environment = {k: v for k, v in os.environ.items() if k != "XTTSLAB_TOKEN"}
    process = subprocess.Popen(
        call, cwd=folder.path.parents[1], env=environment | {"PYTHONPATH": str(CONF.parent)},
        stdout=subprocess.PIPE, text=True, encoding="utf-8",
    )  # fmt: skip
    assert process.stdout
    try:
        lines = iter(process.stdout.readline, "")
        yield next(line.split()[1] for line in lines if line.startswith("review ")), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Keyboard:
    """Presses keys, to whatever has the focus."""

    def __init__(self, browser) -> None:
        self.browser, self.wait = browser, WebDriverWait(browser, 60)

    def press(self, *keys: str) -> None:
        ActionChains(self.browser).send_keys(*keys).perform()

    def until(self, script: str, *values: object) -> None:
        self.wait.until(lambda browser: browser.execute_script(f"return {script}", *values))

    def shown(self, name: str) -> None:
        self.until("document.querySelector('#clip h2')?.textContent === arguments[0]", name)


def texts(folder: Folder) -> dict[str, str]:
    rows = read_table(folder.path / "metadata.csv")
    return {Path(row["audio_file"]).stem: row["text"] for row in rows}


def correct(keys: Keyboard, name: str) -> None:
    keys.shown(f"{name}.wav")
    keys.press("e")
    keys.until("document.activeElement.id === 'text'")
    keys.press(" Javítva.", Keys.ENTER)
    keys.until("document.querySelector('#said')?.textContent.includes(arguments[0])", name)


def test_ten_corrections_by_keyboard_survive_a_kill(browser, folder: Folder) -> None:
    order = ["clip_11", *(f"clip_{number:02d}" for number in range(CLIPS - 1))]
    keys = Keyboard(browser)
    with reviewing(folder) as (address, process):
        browser.get(address)
        keys.shown("clip_11.wav")
        assert "another voice" in browser.find_element("css selector", ".flags").text
        keys.press(Keys.SPACE)  # the sound is there, and plays
        keys.until("audio.ended || audio.currentTime > 0")
        for name in order[:6]:
            correct(keys, name)
        keys.shown("clip_05.wav")
        keys.press("e", " Nem ment el.")
        process.kill()  # as a crash or a power cut would
        process.wait()
        keys.press(Keys.ENTER)
        keys.until("document.querySelector('#said').textContent.startsWith('Not saved: the ser')")
        assert browser.find_element("id", "text").get_property("value").endswith("Nem ment el.")
    assert sum(text.endswith(" Javítva.") for text in texts(folder).values()) == 6
    with reviewing(folder) as (address, _):
        browser.get(address)
        for name in order[6:10]:  # it goes on where it was
            correct(keys, name)
        assert sum(text.endswith(" Javítva.") for text in texts(folder).values()) == 10
        keys.shown("clip_09.wav")
        keys.press("1")  # the category, then keep
        keys.press(Keys.ENTER)
        keys.shown("clip_10.wav")
        keys.press("x")
        keys.press("2")
        keys.until("document.querySelector('.done') !== null")
        assert "Every clip has been heard" in browser.find_element("id", "clip").text
    rows = read_table(folder.path / "metadata.csv")
    changed = {Path(row["audio_file"]).stem: row["category"] for row in rows}
    assert (changed["clip_09"], "clip_10" in changed) == ("greeting", False)
    (left_out,) = read_table(folder.path / "rejected.csv")
    assert left_out["reason"] == "left out in review: another voice"


def test_the_page_can_be_read_at_every_width(browser, folder: Folder) -> None:
    keys = Keyboard(browser)
    reviewed = ReviewedSet(folder, Doubts({}, other=1))
    reasons = yaml.safe_load((CONF / "review.yaml").read_text(encoding="utf-8"))["reasons"]
    with review_server(reviewed, "127.0.0.1", 0, reasons).running() as address:
        for width, scheme in ((400, "light"), (1280, "dark"), (1280, "light")):
            emulate(browser, width, scheme)
            browser.get(address)
            keys.shown("clip_11.wav")
            keys.press("x")
            assert browser.execute_script(LAYOUT, width, SMALLEST) == [], width
            assert browser.execute_script(CONTRAST, LEAST_CONTRAST) == [], (width, scheme)
            if shots := os.environ.get("XTTSLAB_SCREENSHOTS"):
                keys.press("x")
                browser.save_screenshot(Path(shots) / f"review_{width}_{scheme}.png")
