"""A tracking store in, what a person sees of it in MLflow's UI out: four screenshots.

python -m tests.browser.mlflow_ui --store mlruns/mlflow.db --out DIR
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tests.browser.chromium import missing, opened
from xttslab.tracking.client import open_client, tracking_uri
from xttslab.tracking.ui import serving

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from selenium.webdriver import Chrome

_T = TypeVar("_T")
_PATIENCE_S = 90  # a loaded machine; a quiet one needs 2 s a page
_SOURCE_METRIC = re.compile(r"eval/[^/]+/mel_ce")


@dataclass(frozen=True)
class Target:
    """What to look at: the experiment's two newest runs, a metric of both, a sample of one."""

    experiment_id: str
    names: tuple[str, str]
    metric: str
    run_id: str
    sample: str


@dataclass(frozen=True)
class Sights:
    """What was seen: run names without a click, whose curves a chart holds, seconds of
    audio."""

    landing: tuple[str, ...]
    curves: tuple[str, ...]
    sample_seconds: float
    page_seconds: float


def choose(client: MlflowClient) -> Target:
    """The newest run with samples and the newest other run with the same per-source loss."""
    experiments = [e.experiment_id for e in client.search_experiments()]
    runs = client.search_runs(experiments, max_results=20)
    for run in runs:
        sample = _newest_sample(client, run.info.run_id)
        metrics = sorted(filter(_SOURCE_METRIC.fullmatch, run.data.metrics))
        for other in runs:
            shared = [m for m in metrics if m in other.data.metrics]
            if sample and shared and other is not run:
                names = (run.info.run_name, other.info.run_name)
                where = run.info.experiment_id
                return Target(where, names, shared[0], run.info.run_id, sample)
    raise SystemExit("the store holds no two runs with an eval/<source>/mel_ce and a sample")


def _newest_sample(client: MlflowClient, run_id: str) -> str:
    epochs = [e.path for e in client.list_artifacts(run_id, "samples") if e.is_dir]
    files = client.list_artifacts(run_id, max(epochs)) if epochs else []
    spoken = [file.path for file in files if file.path.endswith(".wav")]
    greeting = [path for path in spoken if "03_greeting" in path]
    return next(iter(greeting + spoken), "")


def look(driver: Chrome, uri: str, out: Path) -> Sights:
    """Open the store's UI as `make ui` does, write 1_runs.png … 4_page.png into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    target = choose(open_client(uri))
    with serving(uri, port=5800) as address:
        landing = _landing(driver, address, target, out / "1_runs.png")
        curves = _comparison(driver, target, out / "2_comparison.png")
        run = f"{address}/#/experiments/{target.experiment_id}/runs/{target.run_id}/artifacts"
        sample = _sample(driver, f"{run}/{target.sample}", out / "3_sample.png")
        page = _page(driver, f"{run}/samples/index.html", out / "4_page.png")
    return Sights(landing, curves, sample, page)


def _landing(driver: Chrome, address: str, target: Target, picture: Path) -> tuple[str, ...]:
    from selenium.webdriver.common.by import By

    driver.get(address)

    def named() -> tuple[str, ...]:
        text = driver.find_element(By.TAG_NAME, "body").text
        return tuple(name for name in target.names if name in text)

    seen = _until(driver, lambda: found if len(found := named()) == 2 else None)
    _until(driver, lambda: driver.find_elements(By.CSS_SELECTOR, ".js-plotly-plot .scatterlayer"))
    driver.save_screenshot(picture)
    return seen


def _comparison(driver: Chrome, target: Target, picture: Path) -> tuple[str, ...]:
    """Scroll to the chart of the per-source loss, without a click; whose curves it holds."""
    script = """
      const title = [...document.querySelectorAll('span, h4, p, div')].find(
        e => e.childElementCount === 0 && e.textContent.trim() === arguments[0]);
      if (!title) {  // charts far below are not built yet: go on scrolling
        for (const e of document.querySelectorAll('div'))
          if (e.scrollHeight > e.clientHeight + 50 && e.querySelector('.js-plotly-plot'))
            e.scrollTop += e.clientHeight / 2;
        return [];
      }
      title.scrollIntoView({block: 'center'});
      let card = title;
      while (card && !card.querySelector('.js-plotly-plot')) card = card.parentElement;
      const plots = card ? card.querySelectorAll('.js-plotly-plot') : [];
      if (plots.length !== 1 || plots[0].querySelectorAll('.scatterlayer .trace').length < 2)
        return [];
      return arguments[1].filter(name => card.textContent.includes(name));
    """

    def curves() -> list[str] | None:
        names = driver.execute_script(script, target.metric, list(target.names))
        return names if len(names) == 2 else None

    names = _until(driver, curves)
    driver.save_screenshot(picture)
    return tuple(names)


def _sample(driver: Chrome, address: str, picture: Path) -> float:
    driver.get("about:blank")
    driver.get(address)
    seconds = _until(driver, lambda: driver.execute_script(_AUDIO_SECONDS))
    driver.save_screenshot(picture)
    return float(seconds)


# MLflow draws the wave itself; its <audio> element stands inside a shadow root.
_AUDIO_SECONDS = """
  const found = [];
  const search = root => {
    for (const e of root.querySelectorAll('*')) {
      if (e.tagName === 'AUDIO') found.push(e);
      if (e.shadowRoot) search(e.shadowRoot);
    }
  };
  search(document);
  return found.length && !found[0].error ? found[0].duration || 0 : 0;
"""


def _page(driver: Chrome, address: str, picture: Path) -> float:
    """The samples page inside MLflow's sandbox: press the last button, wait until it plays."""
    from selenium.webdriver.common.by import By

    driver.get("about:blank")
    driver.get(address)

    def buttons() -> list[object] | None:
        driver.switch_to.default_content()
        for frame in driver.find_elements(By.TAG_NAME, "iframe"):
            driver.switch_to.frame(frame)
            if found := driver.find_elements(By.CSS_SELECTOR, "button.play"):
                return found
            driver.switch_to.default_content()
        return None

    driver.execute_script("arguments[0].click()", _until(driver, buttons)[-1])
    playing = "const a = document.querySelector('audio'); return a.error ? -1 : a.currentTime"
    _until(driver, lambda: driver.execute_script(playing))
    seconds = driver.execute_script("return document.querySelector('audio').duration")
    driver.switch_to.default_content()
    driver.save_screenshot(picture)
    return float(seconds)


def _until(driver: Chrome, seen: Callable[[], _T | None]) -> _T:
    """Wait until `seen` gives something; a page that redraws itself meanwhile is asked again."""
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.support.ui import WebDriverWait

    waiting = WebDriverWait(driver, _PATIENCE_S, 0.3, [StaleElementReferenceException])
    return waiting.until(lambda _: seen())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", type=Path, default=Path("mlruns/mlflow.db"))
    parser.add_argument("--out", type=Path, required=True, help="folder for the screenshots")
    options = parser.parse_args()
    if missing():
        sys.exit(f"{missing()} is not installed (Debian: chromium-driver)")
    with opened() as driver:
        print(look(driver, tracking_uri(f"sqlite:///{options.store}"), options.out))


if __name__ == "__main__":
    main()
