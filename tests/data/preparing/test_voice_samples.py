"""Samples of the wanted voice are read, and refused where they cannot be one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import SPEECH
from tests.data.preparing.test_speaker_search import shipped, windows
from xttslab.data.audio import SAMPLE_RATE, write_audio
from xttslab.data.preparing.voice_samples import find_samples, wanted_speaker
from xttslab.data.preparing.voice_windows import VoiceWindows
from xttslab.data.preparing.wanted_speaker import WantedSpeaker
from xttslab.errors import UserError

Want = Callable[..., WantedSpeaker]


@pytest.fixture
def want(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Want:
    """Asks for the voice of clips in which these windows are heard."""

    def asked(**heard: VoiceWindows) -> WantedSpeaker:
        for number, name in enumerate(heard):
            silence = np.full(SAMPLE_RATE, 1e-3 * (number + 1), np.float32)
            write_audio(tmp_path / f"{name}.wav", silence)
        found = iter(heard.values())
        module = "xttslab.data.preparing.voice_samples"
        monkeypatch.setattr(f"{module}.hear", lambda *_: next(found))
        samples = find_samples([str(tmp_path / f"{name}.wav") for name in heard])
        return wanted_speaker(replace(shipped(), samples=samples), SPEECH)

    return asked


def test_the_voice_is_the_mean_of_the_samples(want: Want) -> None:
    voice = want(a=windows(3, 3), b=windows(3, 3, 3)).voice
    assert voice is not None
    assert voice @ np.eye(64)[3] > 0.95


def test_main_needs_no_sample() -> None:
    assert find_samples(["main"]) == ()
    assert wanted_speaker(shipped(), SPEECH).voice is None


def test_too_little_speech_is_refused(want: Want) -> None:
    short = windows(0)
    short.places[0, 1] = 0.3
    with pytest.raises(UserError, match=r"a\.wav: 0\.3 s of speech, and 2 s are needed; give a lo"):
        want(a=short)


def test_two_voices_in_a_sample_are_refused_with_their_place(want: Want) -> None:
    with pytest.raises(UserError, match=r"a\.wav: two voices in it, the second at 4\.5 to 7\.5 s"):
        want(a=windows(0, 0, 0, 1, 1))


def test_samples_of_two_people_are_refused(want: Want) -> None:
    with pytest.raises(UserError, match=r"a\.wav and .*b\.wav are two people \(cosine 0\.\d+"):
        want(a=windows(0, 0), b=windows(1, 1))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"voice=nobody\.wav: no such file or folder; give clips"):
        find_samples(["nobody.wav"])
    with pytest.raises(UserError, match="no recordings in it"):
        find_samples([str(tmp_path)])
    with pytest.raises(UserError, match="give it without samples"):
        find_samples(["main", "a.wav"])


def test_a_folder_stands_for_its_clips(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_audio(tmp_path / f"{name}.wav", np.zeros(100, np.float32))
    found = find_samples([str(tmp_path)])
    assert [sample.path.name for sample in found] == ["a.wav", "b.wav"]


def test_a_sample_that_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("nothing", encoding="utf-8")
    samples = find_samples([str(tmp_path / "a.wav")])
    with pytest.raises(UserError, match=r"voice=.*a\.wav: "):
        wanted_speaker(replace(shipped(), samples=samples), SPEECH)
