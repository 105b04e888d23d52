"""Syllables counted by ear alone, and how far speech is stretched to have as many."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.conftest import sampling
from xttslab.data.audio import write_audio
from xttslab.errors import UserError
from xttslab.model.voice import Speaking
from xttslab.speaking.joining import FASTEST, SLOWEST, speed_for, syllable_rate
from xttslab.speaking.speaker import Speaker
from xttslab.speaking.texts import text_to_say

RATE = 24_000


def babble(syllables: int, seconds: float, rate: int = RATE, margin: float = 0.0) -> np.ndarray:
    """A buzz that swells and fades once a syllable, silence of `margin` seconds around it."""
    time = np.arange(int(seconds * rate)) / rate
    buzz = np.sign(np.sin(2 * np.pi * 140 * time))
    swell = np.sin(np.pi * syllables * time / seconds) ** 2
    around = np.zeros(int(margin * rate))
    return np.concatenate([around, 0.1 * buzz * swell, around]).astype(np.float32)


@pytest.mark.parametrize(("syllables", "seconds"), [(6, 2.0), (20, 4.0), (27, 4.0)])
def test_syllables_are_counted_whatever_the_rate_and_the_silence_around(
    syllables: int, seconds: float
) -> None:
    for rate in (22_050, 24_000):
        wave = babble(syllables, seconds, rate, margin=0.5)
        assert syllable_rate([wave], rate) == pytest.approx(syllables / seconds, rel=0.1)


def test_several_recordings_count_as_one_long_one() -> None:
    slow, fast = babble(6, 2.0), babble(24, 4.0)
    assert syllable_rate([slow, fast], RATE) == pytest.approx(5.0, rel=0.1)


def test_without_a_syllable_there_is_no_rate_and_nothing_is_stretched() -> None:
    silence = np.zeros(RATE, np.float32)
    for waves in ([], [silence], [silence[:100]]):
        assert syllable_rate(waves, RATE) is None
        assert speed_for(5.0, waves, RATE) == 1.0


def test_stretching_brings_the_wanted_pace_within_what_sounds_well() -> None:
    wave = babble(16, 4.0)
    assert speed_for(5.0, [wave], RATE) == pytest.approx(1.25, rel=0.1)
    assert speed_for(40.0, [wave], RATE) == FASTEST
    assert speed_for(0.4, [wave], RATE) == SLOWEST


def folder_of(speaker: Speaker) -> Path:
    return speaker.references.by_category["greeting"][0].parent


def test_says_a_text_in_pieces_and_the_same_for_the_same_seed(speaker: Speaker) -> None:
    text = "Jó estét kívánok mindenkinek! Ma este 12 kérdés vár önre, és 1 000 000 forint a tét."
    settings = Speaking(sampling(repetition_penalty=5.0), seed=3, trim_babble=False)
    wave = speaker.say(text, "greeting", settings=settings, longest=50)
    assert len(speaker.pieces(text, 50)) == 3
    assert "tizenkét kérdés" in speaker.pieces(text, 50)[1].text
    assert wave.dtype == np.float32
    assert 0 < len(wave) <= 24000 * 30
    np.testing.assert_array_equal(wave, speaker.say(text, settings=settings, longest=50))


def test_a_recording_serves_as_reference_and_only_its_beginning_counts(speaker: Speaker) -> None:
    latents, embedding = speaker.references.prompt(given=folder_of(speaker) / "long.wav")
    assert latents.shape == (32, 64)
    assert embedding.shape == (8, 1)


def test_a_whole_text_is_stretched_to_the_pace_of_its_reference(
    speaker: Speaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def a_fifth_faster(pace: float, waves, rate: int) -> float:
        asked.append((pace, len(waves), rate))
        return 1.25

    write_audio(folder_of(speaker) / "paced.wav", babble(syllables=12, seconds=3, rate=22050))
    monkeypatch.setattr("xttslab.speaking.piece_jobs.speed_for", a_fifth_faster)
    text = "Jó estét kívánok mindenkinek! Ma este tizenkét kérdés vár önre."

    def say(**settings) -> np.ndarray:
        how = Speaking(sampling(), seed=3, trim_babble=False, **settings)
        return speaker.say(text, None, folder_of(speaker) / "paced.wav", how, longest=40)

    np.testing.assert_array_equal(say(pace=6.0), say(speed=1.25))
    assert asked == [(6.0, 2, 24000)]
    say(pace="reference")
    assert asked[1][0] == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize("pace", ["fast", 0.0])
def test_a_pace_that_is_none_is_refused(speaker: Speaker, pace) -> None:
    settings = Speaking(sampling(), pace=pace)
    with pytest.raises(UserError, match=r"pace=.*: give syllables a second \(4 to 6\)"):
        speaker.say("Jó estét!", "greeting", settings=settings)


def test_the_pace_of_a_reference_that_was_not_kept_is_refused(speaker: Speaker) -> None:
    settings = Speaking(sampling(), pace="reference")
    kept = Speaker(
        speaker.voice,
        speaker.tokenizer,
        "hu",
        {},
        {"greeting": speaker.references.prompt("greeting")},
    )
    with pytest.raises(UserError, match="pace=reference needs recordings, and this voice keeps"):
        kept.say("Jó estét!", "greeting", settings=settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no text to say"),
        ("  \n", "there is no text to say"),
        ("🎉🎉", "cannot be read aloud: '🎉🎉' .party popper. at character 0"),
        ("Привет, мир", "cannot be read aloud: 'Привет' .cyrillic"),
    ],
)
def test_what_cannot_be_said_is_refused(speaker: Speaker, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        speaker.say(text, "greeting")
    assert "\n" not in str(caught.value)


def test_digits_alone_are_read(speaker: Speaker) -> None:
    assert [piece.text for piece in speaker.pieces("42")] == ["negyvenkettő"]


def test_twenty_thousand_characters_are_cut_to_sayable_pieces(speaker: Speaker) -> None:
    pieces = speaker.pieces("Ez egy hosszú mondat, amely sokszor elhangzik. " * 430)
    assert max(len(piece.text) for piece in pieces) <= 200
    assert sum(len(piece.text) + 1 for piece in pieces) >= 20_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.wav", "missing.wav: no such audio file"),
        ("silent.wav", "silent.wav: there is no voice in it, only silence"),
        ("short.wav", r"the reference has 0\.25 s, XTTS needs 0\.33 s"),
    ],
)
def test_bad_references_are_named(speaker: Speaker, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        speaker.say("Jó napot!", speaker_wav=folder_of(speaker) / name)


def test_an_unknown_category_lists_the_known(speaker: Speaker) -> None:
    with pytest.raises(UserError, match="category=anger: the data has no clip of it; it has greet"):
        speaker.say("Jó napot!", "anger")
    alone = Speaker(speaker.voice, speaker.tokenizer, "hu", {})
    with pytest.raises(UserError, match="whose voice\\? give speaker_wav=RECORDING"):
        alone.say("Jó napot!")


def test_text_comes_from_one_place(tmp_path: Path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffKérem!".encode())
    assert text_to_say("", str(path)) == "Kérem!"
    assert text_to_say("Jó", "") == "Jó"
    for text, file in (("", ""), ("a", "b")):
        with pytest.raises(UserError, match="either text="):
            text_to_say(text, file)
    for encoding in ("cp1250", "utf-16", "utf-16-le"):
        path.write_bytes("Őszi szünet.\r\nJó estét kívánok!".encode(encoding))
        assert text_to_say("", str(path)) == "Őszi szünet.\nJó estét kívánok!"
    path.write_bytes(b"\n \n")
    with pytest.raises(UserError, match=r"text\.txt: there is no text to say in it"):
        text_to_say("", str(path))
    with pytest.raises(UserError, match=r"gone\.txt: cannot be read \(No such file"):
        text_to_say("", str(tmp_path / "gone.txt"))


def test_a_category_is_spoken_at_its_own_temperature(speaker: Speaker) -> None:
    tuned = Speaker(
        speaker.voice,
        speaker.tokenizer,
        "hu",
        speaker.references.by_category,
        temperatures={"greeting": 0.6},
    )
    settings = Speaking(sampling(temperature=0.8))
    assert tuned.categories == ["greeting"]
    assert tuned.settings_for("greeting", settings).sampling.temperature == 0.6
    assert tuned.settings_for("tension", settings) == settings
    assert tuned.settings_for(None, settings) == settings
    assert tuned.settings_for("greeting", settings, 0.9).sampling.temperature == 0.9


def test_stored_voices_move_with_the_models(speaker: Speaker) -> None:
    stored = {"tension": (torch.zeros(32, 64), torch.zeros(8, 1))}
    moved = Speaker(copy.deepcopy(speaker.voice), speaker.tokenizer, "hu", {}, stored).to("meta")
    assert {part.device.type for part in moved.references.prompt("tension")} == {"meta"}
