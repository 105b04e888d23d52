"""MLflow's UI over a store that the tracker made, as a person sees it."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.browser.mlflow_ui import look
from xttslab.tracking.gallery import SampleSentence, write_gallery
from xttslab.tracking.run_tracker import RunTracker

GREETING = SampleSentence("03_greeting", "greeting", "Nagyszerű teljesítmény!")
EPOCHS = 4


def track(root: Path, uri: str, name: str, sources: list[str], start: float) -> None:
    run_dir = root / "outputs" / name
    samples = run_dir / "samples"
    tracker = RunTracker.start(run_dir, name, uri=uri, tags={"dataset": name})
    tracker.log_params({"optim.lr": 3e-6, "trainer.max_epochs": EPOCHS})
    for epoch in range(EPOCHS + 1):
        loss = start * math.exp(-epoch / 12)
        values = {f"eval/{source}/mel_ce": loss for source in sources}
        parts = {
            f"{part}/{kind}": loss for part in ("train", "gap") for kind in ("mel_ce", "total")
        }
        tracker.log_metrics(values | parts | {"eval/mel_ce": loss, "lr": 3e-6}, epoch)
        folder = samples / f"epoch_{epoch:03d}"
        folder.mkdir(parents=True)
        wave = 0.3 * np.sin(2 * np.pi * 220 * np.arange(24000) / 24000)
        soundfile.write(folder / "03_greeting.wav", wave, 24000)
    tracker.log_artifact(folder, f"samples/{folder.name}")
    write_gallery(samples, [GREETING], {}, samples / "index.html", "Samples", "hu")
    tracker.log_artifact(samples / "index.html", "samples")
    assert tracker.finish()


@pytest.mark.browser
def test_runs_charts_and_samples_are_seen_without_looking_for_them(tmp_path, uri, browser):
    track(tmp_path, uri, "milliomos_run", ["milliomos"], 5.0)
    track(tmp_path, uri, "combined_run", ["milliomos", "blikk"], 4.5)
    pictures = Path(os.environ.get("XTTSLAB_SCREENSHOTS", tmp_path / "screenshots"))
    seen = look(browser, uri, pictures)
    assert set(seen.landing) == set(seen.curves) == {"milliomos_run", "combined_run"}
    assert seen.sample_seconds == pytest.approx(1.0, abs=0.01)
    assert seen.page_seconds == pytest.approx(1.0, abs=0.15)  # an encoder pads
    assert sorted(path.name for path in pictures.iterdir()) == [
        "1_runs.png",
        "2_comparison.png",
        "3_sample.png",
        "4_page.png",
    ]
    assert all(path.stat().st_size > 10_000 for path in pictures.iterdir())
