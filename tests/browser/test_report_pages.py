"""Reports open from a file path at desktop and phone width; a listening test works by keyboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.browser.made_pages import listening_served
from tests.reporting.runs import calm_run, gates, overfitted_run, rules
from xttslab.reporting.build import write_comparison, write_report
from xttslab.reporting.comparison import compare_runs
from xttslab.reporting.listening import Stimulus
from xttslab.reporting.verdict import VerdictRules
from xttslab.reporting.votes import Vote

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("pages")
    wave = folder / "clip.wav"
    soundfile.write(wave, 0.1 * np.sin(np.arange(12000) / 9), 24000)
    spoken = {"samples/epoch_012/03_greeting.wav": wave}
    first = replace(overfitted_run(), name="milliomos_xtts_v2_03cbaf", files=spoken)
    second = replace(calm_run(), name="combined_xtts_v2_77aa10", files=spoken)
    report = write_report(first, rules(), gates(), folder)
    verdict = VerdictRules(nats=0.05, text_gain=0.1, score=0.3, votes=20, draws=100)
    both = compare_runs([first, second], rules(), verdict, [gates()] * 2)
    return [report.html, write_comparison(both, folder).html]


def emulate(browser, width: int, scheme: str) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def luminance(browser, selector: str, what: str) -> float:
    """Relative luminance of a computed colour, by the definition of WCAG 2.1."""
    script = f"return getComputedStyle(document.querySelector('{selector}')).{what}"
    parts = browser.execute_script(script).removeprefix("rgb(").rstrip(")").split(",")[:3]
    channels = [int(part) / 255 for part in parts]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_pages_fit_and_can_be_read_in_light_and_dark(browser, pages: list[Path]) -> None:
    for page in pages:
        browser.get(page.as_uri())
        for width in (1200, 390):
            for scheme in ("light", "dark"):
                emulate(browser, width, scheme)
                shown = browser.execute_script("return document.documentElement.scrollWidth")
                assert shown <= width, (page.name, width)
                players = browser.find_elements(By.TAG_NAME, "audio")
                assert min(player.size["width"] for player in players) >= 150  # with its button
                back = luminance(browser, "body", "backgroundColor")
                assert (back < 0.1) == (scheme == "dark")
                assert contrast(back, luminance(browser, "body", "color")) >= 7
                assert contrast(back, luminance(browser, "p.soft", "color")) >= 4.5
        script = "return performance.getEntriesByType('resource').map(r => r.name)"
        loaded = browser.execute_script(script)
        assert [name for name in loaded if not name.startswith("data:")] == []


def test_every_picture_has_a_text_alternative(browser, pages: list[Path]) -> None:
    for page in pages:
        browser.get(page.as_uri())
        pictures = browser.find_elements(By.CSS_SELECTOR, "figure > svg")
        assert len(pictures) >= 2
        for picture in pictures:
            assert picture.get_attribute("role") == "img"
            for name in picture.get_attribute("aria-labelledby").split():
                script = "return document.getElementById(arguments[0]).textContent"
                assert browser.execute_script(script, name)


def test_a_session_by_keyboard_alone(browser, tmp_path: Path) -> None:
    wave = tmp_path / "clip.wav"
    soundfile.write(wave, 0.1 * np.sin(np.arange(12000) / 9), 24000)
    clips = [Stimulus(run, "01_greeting", "Szia!", "greeting", wave) for run in ("run_1", "run_2")]
    votes: list[Vote] = []
    with listening_served(clips, wave, votes) as address:
        browser.get(address)
        wait = WebDriverWait(browser, 60)

        def press(*keys: str) -> None:
            ActionChains(browser).send_keys(*keys).perform()  # to whatever has the focus

        def headed(words: str) -> None:
            # In one script: between finding a heading and reading it the page may draw another.
            script = "return document.querySelector('h2').textContent.includes(arguments[0])"
            wait.until(lambda d: d.execute_script(script, words))

        wait.until(lambda d: d.execute_script("return document.activeElement.id === 'listener'"))
        press("Éva", Keys.ENTER)
        headed("Which is better")
        assert "run_" not in browser.page_source
        press("b")  # before both were heard
        wait.until(lambda d: d.find_element(By.ID, "fault").text == "Listen to both first.")
        press("1")
        wait.until(lambda d: d.find_element(By.CSS_SELECTOR, "button.play[aria-pressed=true]"))
        press(Keys.SPACE)  # the other one
        press("b")
        headed("from 1 to 10")
        press("p")
        for _ in range(12):  # to the first row of scores; its keys are the browser's own
            press(Keys.TAB)
            if browser.execute_script("return document.activeElement.type") == "radio":
                break
        press(Keys.SPACE)
        press(Keys.ARROW_RIGHT)
        press(Keys.ENTER)
        for answered in (2, 3):
            wait.until(lambda d, n=answered: d.find_element(By.ID, "count").text == f"{n} of 4")
            headed("Real or synthetic")
            press("p")
            press("s")
        headed("Thank you")
    assert [vote.kind for vote in votes] == ["ab", "scores", "real", "real"]
    assert {vote.listener for vote in votes} == {"Éva"}
    assert votes[0].answer in ("run_1", "run_2")
    assert votes[1].scores == {"voice_similarity": 2}
    assert [vote.answer for vote in votes[2:]] == ["synthetic"] * 2
