"""What a voice is spoken after: one category, several together, and voices that were stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import make_clips
from xttslab.data.audio import write_audio
from xttslab.errors import UserError
from xttslab.model.voice import Speaking
from xttslab.speaking.lines import names_of
from xttslab.speaking.references import References
from xttslab.speaking.speaker import Speaker

NOISE = np.random.default_rng(1).normal(0, 0.1, 44100).astype(np.float32)


@pytest.fixture
def several(speaker: Speaker, tmp_path: Path) -> References:
    """Two recordings of one category and one of another, 2, 1 and 0.5 s long."""
    lengths = {"calm_1": 44100, "calm_2": 22050, "loud_1": 11025}
    for name, length in lengths.items():
        write_audio(tmp_path / f"{name}.wav", NOISE[:length])
    calm = [tmp_path / "calm_1.wav", tmp_path / "calm_2.wav"]
    return References(speaker.voice, {"calm": calm, "loud": [tmp_path / "loud_1.wav"]})


@pytest.mark.parametrize("category", [["loud", "calm"], "loud,calm", "loud; calm,loud"])
def test_the_clips_of_several_categories_take_turns(several: References, category) -> None:
    found = several.recordings(category)
    assert [path.stem for path in found] == ["loud_1", "calm_1", "calm_2"]


def test_what_is_heard_of_each_category_is_told_with_a_warning(
    several: References, speaker: Speaker
) -> None:
    settings = Speaking(speaker.settings.sampling, reference_seconds=2.0)
    lines = several.report("calm,loud", None, settings)
    assert [line.partition(":")[0] for line in lines] == ["calm", "loud", "calm", "warning"]
    assert lines[1].endswith("loud_1.wav: 0.5 s, heard: 0.0 s for the melody, 0.5 s for the timbre")
    assert "several categories (calm, loud): what is spoken has the average" in lines[3]
    assert len(several.report("calm", None, settings)) == 2


def test_several_categories_are_heard_as_their_recordings_are(
    several: References, speaker: Speaker
) -> None:
    mixed = several.prompt(["calm", "loud"])
    given = several.prompt(given=several.recordings(["calm", "loud"]))
    assert torch.equal(mixed[0], given[0])
    assert not torch.equal(mixed[0], several.prompt("calm")[0])
    assert several.digest("calm,loud", None) != several.digest("calm", None)


def test_several_stored_voices_are_averaged(several: References, speaker: Speaker) -> None:
    parts = {name: several.prompt(name) for name in ("calm", "loud")}
    stored = References(speaker.voice, {}, parts)
    expected = (parts["calm"][0] + parts["loud"][0]) / 2
    torch.testing.assert_close(stored.prompt("calm,loud")[0], expected)
    assert torch.equal(stored.prompt("loud")[1], parts["loud"][1])
    (warning,) = stored.report("calm,loud", None, speaker.settings)
    assert warning.startswith("warning: the recordings are of several categories (calm, loud)")


def test_an_unknown_one_of_several_is_named_with_those_there_are(several: References) -> None:
    with pytest.raises(UserError, match="category=anger: the data has no clip of it; it has calm,"):
        several.require("calm,anger", None)


def test_recordings_of_several_categories_of_a_data_set_are_warned_about(
    speaker: Speaker, tmp_path: Path
) -> None:
    make_clips(tmp_path / "set", "set", ["greeting", "tension"])
    paths = sorted((tmp_path / "set").rglob("*.wav"))
    lines = References(speaker.voice, {}).report(None, paths, speaker.settings)
    assert len(lines) == len(paths) + 1
    assert "(greeting, tension)" in lines[-1]


def test_names_of_categories() -> None:
    assert names_of(None) == names_of("") == names_of([]) == ()
    assert names_of(["a", "b,c", "a"]) == ("a", "b", "c")
