"""Each limit points at what is beyond it, and at nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.preparing.conftest import CHECKS
from xttslab.data.manifest import Clip
from xttslab.data.preparing.checks import Candidate, leaks, repeated
from xttslab.data.preparing.fingerprints import peaks
from xttslab.data.preparing.records import Record

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


def test_another_voice_is_named_with_its_cosine() -> None:
    main, other = np.eye(256, dtype=np.float32)[:2]
    clips = [candidate(str(n)) for n in range(7)]
    clips = [
        replace(clip, record=replace(clip.record, features={"voice": other if n == 4 else main}))
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
