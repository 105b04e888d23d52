"""What the tests of the preparation share: the packaged voice, and a plan without extras."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from xttslab.data.audio import SAMPLE_RATE, read_audio
from xttslab.data.manifest import read_folder
from xttslab.data.preparing.categories import FolderCategories
from xttslab.data.preparing.checks import Checks
from xttslab.data.preparing.finishing import Denoising, Loudness, Recipe, clip_sound
from xttslab.data.preparing.preparation import PreparationPlan
from xttslab.data.preparing.sources import ASSETS
from xttslab.data.preparing.text_coverage import TextCoverage
from xttslab.data.preparing.voice_activity import Segmentation, SpeechFinder, Trimming

SPEECH = SpeechFinder(enter=0.5, leave=0.35, min_speech_s=0.1, min_pause_s=0.2)
SEGMENTS = Segmentation(min_s=2.0, max_s=12.0, ceiling_s=28.0, split_pause_s=0.7, join_pause_s=0.8)
RECIPE = Recipe(
    speech=SPEECH,
    segments=SEGMENTS,
    trimming=Trimming(margin_s=0.08, reach_s=0.25, floor_db=-40.0),
    denoising=Denoising(strength=0.0),
    loudness=Loudness(target_lufs=-23.0, ceiling_dbtp=-1.0),
    min_seconds=0.5,
    max_seconds=28.0,
)
CHECKS = Checks(
    max_clipped_ms=3.0,
    min_snr_db=15.0,
    max_hum_db=-40.0,
    min_bandwidth_hz=5_000.0,
    max_foreign_share=0.2,
    min_voice_cosine={"campplus": 0.65, "resemblyzer": 0.72},
    min_voice_share=0.9,
    min_agreement=5.0,
    max_text_difference=0.6,
    text_coverage=TextCoverage(nats=20.0, least_share=0.08, fewest=8),
    reject=("duplicate", "unreadable", "stranger", "no_words"),
)
PLAN = PreparationPlan(
    recipe=RECIPE,
    checks=CHECKS,
    folders=FolderCategories(folders=None, no_category=("wavs", "clips", "short"), most_folders=20),
    speaker_search=None,
    proposer=None,
    recogniser=None,
    check_texts=True,
    language="hu",
    speaker="demo",
    keep_speaker="",
    eval_share=0.1,
    workers=1,
)


@lru_cache(maxsize=1)
def demo_sounds() -> list[tuple[str, np.ndarray]]:
    """Twenty packaged clips of one voice: text, and the frames of its sound."""
    clips, _ = read_folder(ASSETS / "demo_milliomos", "demo")
    found = []
    for clip in clips[::4]:
        passage = RECIPE.passage(read_audio(clip.audio))
        start, end = RECIPE.trimming.bounds(passage.samples, passage.regions, True) or (0, 0)
        place = start / SAMPLE_RATE, end / SAMPLE_RATE
        sound = clip_sound(passage.samples[start:end], passage.probability, *place)
        found.append((clip.text, sound))
    return found


@pytest.fixture(scope="session")
def spoken() -> list[np.ndarray]:
    """Twenty packaged clips of one voice, (n,) samples each, about 3 s."""
    paths = sorted((ASSETS / "demo_milliomos").rglob("*.ogg"))[::4]
    return [read_audio(path) for path in paths]


@pytest.fixture
def recipe() -> Recipe:
    """The shipped steps without speakers."""
    return RECIPE


@pytest.fixture
def plan() -> PreparationPlan:
    """The shipped plan, without extras, in this process."""
    return replace(PLAN)


def shared(name: str) -> Path:
    """A folder of ../shared/data; skips where the checkout has none."""
    folder = Path(__file__).parents[4] / "shared" / "data" / name
    if not folder.is_dir():
        pytest.skip(f"needs ../shared/data/{name}")
    return folder
