"""The page of a real server in Chromium: several takes, what will be read, downloads, faults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import browser, window
from tests.serving.conftest import TOKEN, Running

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

__all__ = ["browser", "window"]
pytestmark = pytest.mark.browser


def shown(browser: Chrome, css: str) -> list[str]:
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
    return browser.execute_script(script, css)


def until(browser: Chrome, script: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, 60, 0.05).until(lambda window: window.execute_script(script))


def kept(browser: Chrome, width: int, name: str) -> int:
    """How wide the page is in a window of `width`; its picture is kept where somebody wants it."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    if folder := os.environ.get("XTTSLAB_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"{name}_{width}.png"))
    return browser.execute_script("return document.documentElement.scrollWidth")


def write(browser: Chrome, text: str) -> None:
    script = "const a = document.getElementById('text'); a.value = arguments[0]; "
    browser.execute_script(script + "a.dispatchEvent(new Event('input'))", text)


def test_a_person_hears_takes_side_by_side(served: Running, browser: Chrome) -> None:
    browser.get(f"{served.url}/?token={TOKEN}")
    assert shown(browser, "#category option") == ["greeting", "tension"]
    write(browser, "Ma 12 kérdés vár önre. [pause 0.6s] Kezdjük!")
    until(browser, "return document.querySelectorAll('#reading li').length === 2")
    assert shown(browser, "#reading li") == [
        "Ma tizenkét kérdés vár önre.  then 0.60 s of silence",
        "Kezdjük!",
    ]
    choose = (
        "document.getElementById('takes').value = '2'; document.getElementById('speak').click()"
    )
    browser.execute_script(choose)
    loaded = (
        "[...document.querySelectorAll('.take audio')].filter(a => a.duration > 0).length === 2"
    )
    until(browser, f"return {loaded}")
    first, second = shown(browser, ".take a")
    assert (first, second) == ("Download greeting_7.mp3", "Download greeting_8.mp3")
    for width in (390, 1280):
        assert kept(browser, width, "voice") <= width
    write(browser, "<speak><p>")
    until(browser, "return document.getElementById('fault').textContent !== ''")
    assert shown(browser, "#fault")[0].startswith("SSML is not well-formed")
    assert shown(browser, "#reading li") == []
