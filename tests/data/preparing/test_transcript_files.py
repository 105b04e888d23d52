from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.preparing.timed_texts import TimedText
from xttslab.data.preparing.transcript_files import read_transcript
from xttslab.errors import UserError

SRT = "1\n00:00:00,100 --> 00:00:00,900\nJó estét!\n\n2\n00:00:02,100 --> 00:00:02,600\nSzia.\n"
VTT = (
    "WEBVTT\n\nNOTE x\n\n00:00.100 --> 00:00.900\n<v Anna>Jó estét!</v>\n\n"
    "intro\n00:00:02.100 --> 00:00:02.600 align:start\n<v Béla>Szia.\n"
)
ASS = (
    "[Script Info]\nScriptType: v4.00+\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Dialogue: 0,0:00:00.10,0:00:00.90,Default,Anna,0,0,0,,{\\i1}Jó estét!\n"
    "Dialogue: 0,0:00:02.10,0:00:02.60,Default,Béla,0,0,0,,Szia.\n"
)
TXT = "00:00:00,100 --> 00:00:00,900 [Anna]\nJó estét!\n\n0:02,1 --> 0:02,6 [Béla]\nSzia.\n"
WHISPER_CLI = "[00:00.100 --> 00:00.900]  Jó estét!\n[00:02.100 --> 00:02.600]  Szia.\n"
LABELS = "0.100000\t0.900000\tJó estét!\n2.1\t2.6\tSpeaker 1: Szia.\n"
GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "sentences"
        xmin = 0
        xmax = 3
        intervals: size = 2
        intervals [1]:
            xmin = 0.1
            xmax = 0.9
            text = "Jó estét!"
        intervals [2]:
            xmin = 2.1
            xmax = 2.6
            text = "Szia."
    item [2]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 3
        intervals: size = 3
        intervals [1]:
            xmin = 0.1
            xmax = 0.3
            text = "jó"
        intervals [2]:
            xmin = 0.4
            xmax = 0.9
            text = "estét"
        intervals [3]:
            xmin = 2.1
            xmax = 2.6
            text = "szia"
"""


def read(folder: Path, name: str, text: str) -> TimedText:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    timed = read_transcript(path)
    assert timed is not None
    return timed


@pytest.mark.parametrize(
    ("name", "text", "speakers"),
    [
        ("a.srt", SRT, [""]),
        ("a.vtt", VTT, ["Anna", "Béla"]),
        ("a.ass", ASS, ["Anna", "Béla"]),
        ("a.txt", TXT, ["Anna", "Béla"]),
        ("a.txt", WHISPER_CLI, [""]),
        ("a.txt", LABELS, ["", "Speaker 1"]),
        ("a.TextGrid", GRID, [""]),
    ],
    ids=["srt", "vtt", "ass", "txt", "whisper", "labels", "textgrid"],
)
def test_segments_have_their_times_and_speakers(
    tmp_path: Path, name: str, text: str, speakers: list[str]
) -> None:
    timed = read(tmp_path, name, text)
    first, last = timed.words[0], timed.words[-1]
    assert timed.text == "Jó estét! Szia."
    assert (first.start, last.end) == pytest.approx((0.1, 2.6))
    assert (timed.words[1].end, last.start) == pytest.approx((0.9, 2.1))
    assert list(timed.speakers()) == speakers
    assert timed.exact == (name == "a.TextGrid")


def test_words_of_a_textgrid_and_of_webvtt_keep_their_own_times(tmp_path: Path) -> None:
    grid = read(tmp_path, "a.TextGrid", GRID)
    assert [(w.text, w.start) for w in grid.words] == [("Jó", 0.1), ("estét!", 0.4), ("Szia.", 2.1)]
    cue = "WEBVTT\n\n00:00.100 --> 00:00.900\nJó<00:00:00.400><c> estét!</c>\n"
    rolling = read(tmp_path, "a.vtt", cue + "\n00:00.900 --> 00:02.000\nJó estét!\nSzia.\n")
    assert rolling.exact
    assert [w.text for w in rolling.words] == ["Jó", "estét!", "Szia."]
    assert [w.start for w in rolling.words] == pytest.approx([0.1, 0.4, 0.9])


def test_captions_that_roll_are_read_once(tmp_path: Path) -> None:
    cues = "WEBVTT\n\n00:00.000 --> 00:01.000\nJó estét!\n\n00:01.000 --> 00:02.000\n"
    assert read(tmp_path, "a.vtt", f"{cues}Jó estét!\nSzia.\n").text == "Jó estét! Szia."


def test_a_time_before_each_paragraph_lasts_to_the_next(tmp_path: Path) -> None:
    timed = read(tmp_path, "a.txt", "[00:00] Jó estét!\n[00:04] Szia.\nMi újság?\n")
    assert timed.text == "Jó estét! Szia. Mi újság?"
    assert (timed.words[1].end, timed.words[2].start) == (4.0, 4.0)
    assert timed.end == pytest.approx(5.07, abs=0.01)  # by its letters


@pytest.mark.parametrize("text", ["Jó estét!", "12:30-kor ebédelünk.", "10:15 volt, mikor jött."])
def test_a_text_without_times_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.txt").write_text(text, encoding="utf-8")
    assert read_transcript(tmp_path / "a.txt") is None


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.srt", "", "a.srt: holds no words with times; export it with times, in seconds"),
        ("a.srt", "1\n00:00:01,0 --> 00:00:02,0\n♪\n", "a.srt: holds no words with times"),
        ("a.srt", SRT.replace("00:00:02,1", "-00:00:02,1"), "1 of 3 times cannot be"),
        ("a.srt", SRT.replace("00:00:00,900", "00:00:00,000"), "1 of 2 times cannot be"),
        ("a.TextGrid", "File type", "a.TextGrid: is no TextGrid that Praat could read"),
        ("a.ass", "x", "a.ass: is no ASS|a.ass: holds no words"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as fault:
        read(tmp_path, name, text)
    assert "\n" not in str(fault.value)
