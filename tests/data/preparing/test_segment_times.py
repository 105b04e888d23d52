from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile as sf

from tests.data.preparing.conftest import demo_sounds
from xttslab.data.preparing.phones import SOUND_HZ
from xttslab.data.preparing.segment_times import TimesTask, aligned_words, with_word_times
from xttslab.data.preparing.timed_texts import TimedSegment, TimedText, timed_text


@lru_cache(maxsize=1)
def show() -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """Packaged clips one after another: the frames, and each text with its first and last sound."""
    parts, said, place = [], [], 0
    for text, sound in demo_sounds():
        spoken = np.flatnonzero(sound[:, -1] > 0.5)
        said.append((text, (place + spoken[0]) / SOUND_HZ, (place + spoken[-1] + 1) / SOUND_HZ))
        parts.append(sound)
        place += len(sound)
    return np.concatenate(parts), said


def pairs(said: list[tuple[str, float, float]], off: float = 0.0) -> TimedText:
    """Segments of two sentences each."""
    segments = [
        TimedSegment(f"{one[0]} {two[0]}", one[1] + off, two[2] + off)
        for one, two in zip(said[::2], said[1::2], strict=True)
    ]
    return timed_text(Path("show.srt"), segments)


def test_words_inside_segments_get_their_times() -> None:
    sound, said = show()
    found = aligned_words(pairs(said, 0.1), "hu", sound)
    assert found.misfit == ""
    words, off = list(found.words), []
    for text, start, end in said:
        own, words = words[: len(text.split())], words[len(text.split()) :]
        assert [word.text for word in own] == text.split()
        off += [own[0].start - start, own[-1].end - end]
    assert np.mean(np.abs(off) < 0.12) > 0.9
    times = [time for word in found.words for time in (word.start, word.end)]
    assert np.all(np.diff([time for time in times if not math.isnan(time)]) > -0.2)


def test_a_transcript_of_another_recording_is_told() -> None:
    sound, said = show()
    texts = [text for text, _, _ in said]
    moved = [(t, a, b) for t, (_, a, b) in zip([*texts[6:], *texts[:6]], said, strict=True)]
    misfit = aligned_words(pairs(moved), "hu", sound).misfit
    assert misfit.startswith(
        "its words fit the sound no better than other words of the same length"
    )


def test_few_segments_and_signs_for_words_are_left_as_they_are() -> None:
    sound, said = show()
    few = pairs(said[:4])
    assert aligned_words(few, "hu", sound) == few
    signs = [chr(0x4E00 + number) for number in range(1500)]
    chinese = [("".join(signs[70 * n : 70 * n + 70]), a, b) for n, (_, a, b) in enumerate(said)]
    other = pairs(chinese)
    assert aligned_words(other, "zh", sound) is other


def test_only_transcripts_without_times_of_words_are_aligned(tmp_path: Path) -> None:
    _, said = show()
    decoded = tmp_path / "show.wav"
    sf.write(decoded, np.zeros(22_050, np.float32), 22_050)
    few = pairs(said[:4])
    tasks = [TimesTask(decoded, 1.0, text, "hu", np.zeros(31)) for text in (None, few)]
    found = with_word_times(tasks, 1)
    assert found[0] is None
    assert found[1] is not None
    assert found[1].words == few.words
