"""What is spoken chunk by chunk is what would be spoken whole, alone or beside other lines."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.conftest import sampling
from tests.speaking.test_speaker import RATE
from xttslab.errors import UserError
from xttslab.model.voice import Speaking
from xttslab.speaking.joining import FADE_S, MARGIN_S, join, speech_frames
from xttslab.speaking.lines import SpeechLine
from xttslab.speaking.live_lines import LineSound, LiveLines
from xttslab.speaking.speaker import Speaker

HOW = Speaking(sampling(), seed=3, trim_babble=False)
TEXT = "Jó estét kívánok mindenkinek! Ma este tizenkét kérdés vár önre. Kezdjük el a játékot most!"


def burst(seconds: float, before: float = 0.0, after: float = 0.0) -> np.ndarray:
    time = np.arange(int(seconds * RATE)) / RATE
    edges = [np.zeros(int(part * RATE), np.float32) for part in (before, after)]
    return np.concatenate([edges[0], 0.2 * np.sin(2 * np.pi * 200 * time), edges[1]]).astype("f4")


def in_chunks(pieces: list[np.ndarray], pauses: list[float], size: int) -> list[np.ndarray]:
    sound = LineSound(pauses, RATE)
    out = []
    for piece in pieces:
        cuts = range(0, max(1, len(piece)), size)
        out += [sound.push(piece[at : at + size], at + size >= len(piece)) for at in cuts]
    return out


@pytest.mark.parametrize("pauses", [[0.3, 0.0], [0.03, 0.5], [0.0, 0.0]])
def test_pieces_are_joined_as_they_are_afterwards(pauses: list[float]) -> None:
    pieces = [burst(0.5, 0.2, 0.3), burst(0.3, 0.02, 0.01)]
    chunks = in_chunks(pieces, pauses, 1000)
    whole, together = join(pieces, pauses, RATE), np.concatenate(chunks)
    assert len(together) == pytest.approx(len(whole), abs=2)
    heard = [np.flatnonzero(speech_frames(wave, RATE)) for wave in (whole, together)]
    assert np.abs(np.subtract(*heard)).max() <= 1
    if pauses[0] == 0.3:
        np.testing.assert_allclose(together, whole, atol=1e-6)


def test_a_pause_alone_and_a_silent_piece_are_silence() -> None:
    nothing = np.zeros(0, np.float32)
    (wave, *_), silent = (
        in_chunks([nothing, burst(0.3)], [0.5, 0.0], 9999),
        in_chunks([nothing], [0.4], 9),
    )
    assert len(wave) == 0
    assert len(np.concatenate(silent)) == 0.4 * RATE
    joined = np.concatenate(in_chunks([nothing, burst(0.3), nothing], [0.5, 0.1, 0.2], 9999))
    assert len(joined) == int(0.5 * RATE) + len(burst(0.3)) + int(0.3 * RATE)


def test_one_piece_is_equal_to_the_whole_and_begins_early(speaker: Speaker) -> None:
    text = "Jó estét kívánok mindenkinek a stúdióban!"
    how = replace(HOW, trim_babble=True)
    whole = speaker.say(text, settings=how)
    chunks = [chunk for chunk in speaker.stream(text, settings=how) if len(chunk)]
    together = np.concatenate(chunks)
    edge = int((MARGIN_S + FADE_S) * RATE)
    size = min(len(whole), len(together))
    assert abs(len(whole) - len(together)) <= 0.02 * RATE
    error = np.abs(whole[edge : size - edge] - together[edge : size - edge]).max()
    assert 20 * np.log10(error / np.abs(whole).max() + 1e-12) < -50
    assert len(chunks[0]) < 0.2 * RATE
    assert all(len(b) for _, b in pairwise(chunks))


def test_lines_sound_alike_alone_and_together_whole_and_streamed(speaker: Speaker) -> None:
    lines = [
        SpeechLine(TEXT, HOW, longest=40),
        SpeechLine("Jó napot!", replace(HOW, seed=9), pause_after=0.2),
        SpeechLine(TEXT, replace(HOW, seed=5, sampling=sampling(temperature=0.5)), longest=40),
    ]
    wanted = [spoken.wave for spoken in speaker.speak(lines)]
    alone = np.concatenate(list(speaker.stream(TEXT, settings=HOW, longest=40)))
    together, heard, codes = LiveLines(speaker.voice, 4), {}, {}
    numbers = {}
    for at, (line, live) in enumerate(zip(lines, [True, False, False], strict=True)):
        numbers[together.add(line, speaker.jobs([line]), live)] = at
        for _ in range(5):  # the next line joins in the middle
            for chunk in together.step():
                heard.setdefault(chunk.line, []).append(chunk.wave)
    while len(together):
        for chunk in together.step():
            heard.setdefault(chunk.line, []).append(chunk.wave)
            codes[chunk.line] = chunk.codes
    whole = {numbers[line]: np.concatenate(waves) for line, waves in heard.items()}
    np.testing.assert_allclose(whole[0], alone, atol=2e-3 * np.abs(alone).max())
    for line in (1, 2):
        np.testing.assert_allclose(
            whole[line], wanted[line], atol=1e-3 * np.abs(wanted[line]).max()
        )
    assert abs(len(whole[0]) - len(wanted[0])) < 0.05 * RATE
    assert min(codes.values()) > 0


def test_a_dropped_line_ends_and_the_others_go_on(speaker: Speaker) -> None:
    together = LiveLines(speaker.voice, 2)
    line = SpeechLine(TEXT, HOW, longest=40)
    first, second = (together.add(line, speaker.jobs([line]), True) for _ in range(2))
    together.step()
    together.drop(first)
    heard = []
    while len(together):
        heard += together.step()
    assert {chunk.line for chunk in heard} == {second}
    assert [chunk.over for chunk in heard][-1]


def test_a_pace_is_not_known_before_the_end(speaker: Speaker) -> None:
    with pytest.raises(UserError, match=r"pace=5\.0: is measured on the whole"):
        speaker.stream("Jó napot!", settings=replace(HOW, pace=5.0))
