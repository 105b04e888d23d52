"""Each limit points at what is beyond it, and at nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import CHECKS
from xttslab.data.copies import peaks
from xttslab.data.manifest import Clip
from xttslab.data.preparing.checks import Candidate, leaks, repeated, strangers
from xttslab.data.preparing.folder import Record

GOOD = {
    "clipped_ms": 0.0,
    "snr_db": 40.0,
    "hum_db": -99.0,
    "bandwidth_hz": 10_000.0,
    "foreign_share": 0.0,
}


def candidate(
    name: str = "a", text: str = "Jó napot!", heard: str | None = None, **measures: float
) -> Candidate:
    clip = Clip(Path(f"wavs/{name}.wav"), text, "s")
    record = Record(name, name, "", f"{name}.wav", name, digest=name, measures=GOOD | measures)
    return Candidate(clip, record, heard)


@pytest.mark.parametrize(
    ("measure", "fine", "bad", "check", "value"),
    [
        ("clipped_ms", 3.0, 3.4, "clipped", "3 ms"),
        ("snr_db", 15.0, 14.0, "noise", "14 dB"),
        ("hum_db", -40.0, -30.0, "hum", "-30 dB"),
        ("bandwidth_hz", 5_000.0, 4_000.0, "narrow", "4000 Hz"),
        ("foreign_share", 0.2, 0.31, "foreign", "31%"),
    ],
)
def test_a_measure_beyond_its_limit(
    measure: str, fine: float, bad: float, check: str, value: str
) -> None:
    assert CHECKS.findings([candidate(**{measure: fine})]) == []
    (finding,) = CHECKS.findings([candidate(), candidate("b", **{measure: bad})])
    assert (finding.row, finding.check, finding.value) == (1, check, value)


def test_text_that_is_not_what_is_heard_or_cannot_be_read() -> None:
    assert CHECKS.findings([candidate(heard="jó napod")]) == []
    (other,) = CHECKS.findings([candidate(heard="egészen más szöveg")])
    assert other.check == "text"
    assert "heard: egészen más szöveg" in other.value
    (sign,) = CHECKS.findings([candidate(text="Jó \u4e2d napot!")])
    assert (sign.check, "character 3" in sign.value) == ("unreadable", True)
    english = candidate(text="Jó \u4e2d napot!")
    assert CHECKS.findings([replace(english, clip=replace(english.clip, language="en"))]) == []


@pytest.mark.parametrize("encoder", ["campplus", "resemblyzer"])
def test_another_voice_is_named_with_its_cosine(encoder: str) -> None:
    main, other = np.eye(256, dtype=np.float32)[:2]
    clips = [candidate(str(n)) for n in range(7)]
    clips = [
        replace(clip, record=replace(clip.record, features={encoder: other if n == 4 else main}))
        for n, clip in enumerate(clips)
    ]
    (finding,) = CHECKS.findings(clips)
    assert (finding.row, finding.check) == (4, "voice")
    assert finding.value == "cosine 0.00 to the main voice of s"


def test_a_copy_is_the_later_row_and_named_once(spoken: list[np.ndarray]) -> None:
    quiet = {"peaks": peaks(0.3 * spoken[0])}
    clips = [candidate(name) for name in "abcd"]
    clips[0] = replace(
        clips[0], record=replace(clips[0].record, features={"peaks": peaks(spoken[0])})
    )
    clips[2] = replace(clips[2], record=replace(clips[2].record, features=quiet))
    clips[3] = replace(clips[3], record=replace(clips[3].record, features=quiet, digest="c"))
    findings = CHECKS.findings(clips)
    assert [(f.row, f.check) for f in findings] == [(2, "duplicate"), (3, "duplicate")]
    assert findings[0].what == "the same recording as a.wav"
    assert findings[1].what == "the same recording as c.wav"


def test_leaks_and_repeated_texts_ignore_case_and_punctuation() -> None:
    texts = ["Jó napot!", "jó napot", "Viszlát.", "", ""]
    clips = [
        replace(candidate(str(n), text=text).clip, split="eval" if n in (1, 2, 3) else "train")
        for n, text in enumerate(texts)
    ]
    assert repeated(clips) == {0, 1}
    (leak,) = leaks(clips)
    assert (leak.row, leak.check, leak.value) == (1, "leak", "0.wav")


def voices(count: int, person: int, spread: float = 0.03) -> np.ndarray:
    """Embeddings of norm 1 around a person's own direction."""
    centre = np.random.default_rng(person).standard_normal(256)
    centre /= np.linalg.norm(centre)
    found = centre + spread * np.random.default_rng(7).standard_normal((count, 256))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_strangers_are_named_with_their_cosine() -> None:
    mixed = np.concatenate([voices(30, person=0), voices(4, person=1), voices(3, person=2)])
    found = strangers(mixed, ["a"] * 37, 0.72)
    assert sorted(found) == list(range(30, 37))
    assert all(abs(cosine) < 0.4 for cosine in found.values())


def test_the_main_voice_is_the_most_frequent_one_not_the_mean_of_all() -> None:
    mixed = np.concatenate([voices(12, person=1), voices(20, person=0), voices(11, person=2)])
    assert sorted(strangers(mixed, ["a"] * 43, 0.72)) == [*range(12), *range(32, 43)]


def test_each_name_has_its_own_main_voice() -> None:
    mixed = np.concatenate([voices(10, person=0), voices(10, person=1)])
    assert strangers(mixed, ["a"] * 10 + ["b"] * 10, 0.72) == {}


def test_clips_without_a_voice_and_small_sets_are_left_alone() -> None:
    silent = np.full((2, 256), np.nan)
    assert strangers(np.concatenate([voices(10, 0), silent]), ["a"] * 12, 0.72) == {}
    assert strangers(np.concatenate([voices(2, 0), voices(2, 1)]), ["a"] * 4, 0.72) == {}


def test_a_large_set_is_sampled_and_still_right() -> None:
    mixed = np.concatenate([voices(3_000, person=0), voices(50, person=1)])
    assert sorted(strangers(mixed, ["a"] * 3_050, 0.72)) == list(range(3_000, 3_050))
