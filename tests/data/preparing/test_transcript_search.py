from __future__ import annotations

import json
from pathlib import Path

import pytest

from xttslab.data.manifest import Rejection
from xttslab.data.preparing.sources import find_items, keep_one_speaker
from xttslab.data.preparing.transcript_search import describe, find_beside
from xttslab.errors import UserError

SRT = "1\n00:00:00,100 --> 00:00:00,900\nJó estét!\n"
TWO = "00:00:00,100 --> 00:00:02,900 [Speaker 0]\nJó estét!\n\n0:03,1 --> 0:04,6 [Anna]\nSzia.\n"


def place(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")


def beside(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    recordings = [path for path in files if path.suffix == ".wav"]
    found = find_beside(recordings, files, folder)
    return {audio.name: timed.path.name for audio, timed in found.timed.items()}


@pytest.mark.parametrize(
    "name",
    ["show.srt", "show.wav.srt", "show_transcript.srt", "show.hu.srt", "Show (átirat).srt",
     "show-words-elevenlabs.srt"],
)  # fmt: skip
def test_a_transcript_is_found_by_its_name(tmp_path: Path, name: str) -> None:
    place(tmp_path, show__wav="a", other__wav="b")
    (tmp_path / name).write_text(SRT, encoding="utf-8")
    assert beside(tmp_path) == {"show.wav": name}


def test_one_elsewhere_under_the_source_is_found_and_the_nearer_wins(tmp_path: Path) -> None:
    for folder in ("audio", "texts"):
        (tmp_path / folder).mkdir()
    place(tmp_path / "audio", a__wav="a", b__wav="b", b__srt=SRT)
    place(tmp_path / "texts", a__srt=SRT)
    assert beside(tmp_path) == {"a.wav": "a.srt", "b.wav": "b.srt"}


def test_times_of_words_win_and_the_other_is_named(tmp_path: Path) -> None:
    words = [{"word": "Jó", "start": 0, "end": 1}, {"word": "estét!", "start": 1, "end": 2}]
    place(tmp_path, a__wav="a", a__srt=SRT, a__json=json.dumps(words))
    found = find_items(tmp_path, "x", "hu", "s")
    items, rejected = found.items, found.rejected
    assert items[0].transcript is not None
    assert items[0].transcript.exact
    reason = "not read: a.json tells more of the same recording"
    assert rejected == [Rejection("a.srt", reason, "")]


def test_one_speaker_is_kept_by_name(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", b__wav="b", c__wav="c", a__txt=TWO)
    place(tmp_path, c__txt="0:00,1 --> 0:02,0 [Béla]\nSzervusztok.\n")
    items = find_items(tmp_path, "x", "hu", "s").items
    kept, others = keep_one_speaker(items, "anna")
    assert [(item.origin, item.transcript.keep) for item in kept if item.transcript] == [
        ("a.wav", "Anna")
    ]
    assert [(row.audio_file, row.reason[:30]) for row in others] == [
        ("b.wav", "left out: no transcript with t"),
        ("c.wav", "spoken by somebody else than k"),
    ]
    there = r'"Speaker 0" \(3 s\), "Anna" \(1 s\), "Béla" \(2 s\)'
    with pytest.raises(UserError, match=f'keep_speaker="Éva": no such speaker; there are {there}'):
        keep_one_speaker(items, "Éva")


def test_one_speaker_of_metadata_is_kept_by_name(tmp_path: Path) -> None:
    rows = "audio_file|text|speaker_name\na.wav|Jó.|Anna\nb.wav|Szia.|Béla\n"
    place(tmp_path, a__wav="a", b__wav="b", metadata__csv=rows)
    kept, others = keep_one_speaker(find_items(tmp_path, "x", "hu", "s").items, "Béla")
    assert [item.origin for item in kept] == ["b.wav"]
    assert others == [Rejection("a.wav", "spoken by somebody else than keep_speaker", "Anna")]


def test_where_nobody_is_named_keep_speaker_says_so(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", a__srt=SRT)
    with pytest.raises(UserError, match="nothing in the source names speakers; leave keep_speaker"):
        keep_one_speaker(find_items(tmp_path, "x", "hu", "s").items, "Anna")


def test_what_was_understood_is_one_line(tmp_path: Path) -> None:
    place(tmp_path, a__wav="a", a__txt=TWO)
    items = find_items(tmp_path, "x", "hu", "s").items
    timed = [(item.origin, item.transcript) for item in items if item.transcript]
    assert list(describe(timed)) == [
        "a.wav: cut by a.txt (times of segments, 2 sentences: Speaker 0 2.8 s, Anna 1.5 s)",
        "times of words are looked for in the sound; a transcript that has them cuts faster",
        'several people speak: keep_speaker="Speaker 0" keeps one of them',
    ]
