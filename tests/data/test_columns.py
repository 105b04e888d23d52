"""Without a header, what the columns hold is told by all rows, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.columns import (
    LANGUAGES,
    ColumnsUnclear,
    columns_by_content,
    language_code,
    require_language,
)
from xttslab.errors import UserError
from xttslab.model.tokenizer import Tokenizer

TEXTS = (
    "Jó estét kívánok, kedves néző!",
    "Melyik városban áll a Halászbástya?",
    "Igen.",
    "Nagyszerű teljesítmény, gratulálok önnek!",
    "Ez egy nagyon nehéz kérdés.",
    "Nos, lássuk a következőt!",
)
SAME = TEXTS[:1] * 6


def rows(*columns: object, texts: tuple[str, ...] = TEXTS) -> list[list[str]]:
    """Six rows; `{n}` is the number, `{text}` the text, `{length}` its length, `{pair}`
    and `{half}` 0 or 1."""
    return [
        [str(c).format(n=n, text=text, length=len(text), pair=n % 2, half=n // 3) for c in columns]
        for n, text in enumerate(texts)
    ]


@pytest.mark.parametrize("texts", [TEXTS, SAME])
@pytest.mark.parametrize(
    ("columns", "names"),
    [
        (("wavs/u{n}.ogg", "{text}", 43), "audio_file text unused_3"),
        (("wavs/u{n}.ogg", "{text}", 0), "audio_file text unused_3"),
        (("wavs/u{n}.ogg", "{text}", "coqui"), "audio_file text speaker_name"),
        (("wavs/u{n}.ogg", "{text}", "Vágó István"), "audio_file text speaker_name"),
        (("wavs/u{n}.ogg", "{text}", "hu"), "audio_file text language"),
        (("wavs/u{n}.ogg", "male{pair}", "{text}"), "audio_file speaker_name text"),
        (("wavs/u{n}.ogg", "s", "HU", "{text}"), "audio_file speaker_name language text"),
        (("wavs/u{n}.ogg", "{text}", "s", "greeting"), "audio_file text speaker_name category"),
        (("wavs/u{n}.ogg", "{text}", "neutral"), "audio_file text category"),
        (("u{n}", "{text}", "{text} (5.)"), "audio_file raw_text text"),
        (("{text}", "wavs/u{n}.mp3", "s"), "text audio_file speaker_name"),
        (("u{n}", "{text}", ""), "audio_file text unused_3"),
        (("u{n}", "{text}", "joː ɛʃteːt kiːvaːnok {n}"), "audio_file text unused_3"),
        (("u{n}", "{text}"), "audio_file text"),
    ],
)
def test_columns_are_named_by_what_they_hold(
    columns: tuple[object, ...], names: str, texts: tuple[str, ...]
) -> None:
    assert columns_by_content(rows(*columns, texts=texts)) == names.split()


def test_numbers_are_lengths_or_speakers() -> None:
    assert columns_by_content(rows("u{n}", "{text}", "{length}")) == [
        *("audio_file", "text", "unused_3")
    ]
    seconds = [[*row, str(len(row[1]) / 14)] for row in rows("u{n}", "{text}")]
    assert columns_by_content(seconds) == ["audio_file", "text", "unused_3"]
    assert columns_by_content(rows("u{n}", "{text}", "{half}")) == [
        *("audio_file", "text", "speaker_name")
    ]


@pytest.mark.parametrize(
    ("columns", "reason", "header"),
    [
        (("u{n}", "x{n}", "y{n}"), "none of its columns is clearly the text",
         "audio_file text unused_3"),
        (("u{n}", "{text}", "Another sentence, number {n}."),
         "its columns 2 and 3 could both be the text", "audio_file text unused_3"),
        (("u{n}", "{text}", "{n}"), "its column 3 could be a speaker, a length or something else",
         "audio_file text speaker_name"),
        (("u{n}", "{text}", "a", "b"), "what its column 4 holds is not clear",
         "audio_file text speaker_name unused_4"),
        (("u{n}", "{text}", "key{n}"), "what its column 3 holds is not clear",
         "audio_file text unused_3"),
        (("u{n}", "{n}"), "its second column is no text", "audio_file text"),
        (("u{n}",), "most of its lines have one column", "audio_file text"),
    ],
)  # fmt: skip
def test_what_is_unclear_is_refused(columns: tuple[object, ...], reason: str, header: str) -> None:
    with pytest.raises(ColumnsUnclear) as caught:
        columns_by_content(rows(*columns))
    assert caught.value.reason == reason
    assert list(caught.value.header) == header.split()


def test_one_row_that_differs_decides_nothing() -> None:
    odd = [*rows("u{n}", "{text}", "s"), ["u7", "Egy", "két", "cella"], ["u8", "Semmi."]]
    assert columns_by_content(odd) == ["audio_file", "text", "speaker_name"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *((name, "hu") for name in ("hu", "HU", " hu ", "hu-HU", "hu_HU", "hu_HU.UTF-8", "hun")),
        *((name, "hu") for name in ("Hungarian", "magyar", "Magyar", "HUNGARIAN (Hungary)")),
        *((name, "zh-cn") for name in ("zh", "ZH-CN", "zh_Hans", "Chinese", "cmn", "zh-TW")),
        *((name, "de") for name in ("de-AT", "German", "ger", "deu", "Deutsch")),
        ("en-US", "en"),
        ("JP", "ja"),
        *((name, None) for name in ("sk", "hunxyz", "", "Klingon", "0", "h u")),
    ],
)
def test_a_language_is_known_however_it_is_written(written: str, code: str | None) -> None:
    assert language_code(written) == code


def test_each_code_means_itself() -> None:
    assert [language_code(code) for code in LANGUAGES] == list(LANGUAGES)


def test_an_unknown_language_is_refused_with_the_known_ones() -> None:
    assert require_language("hu-HU") == "hu"
    with pytest.raises(UserError) as caught:
        require_language("sk-SK")
    assert str(caught.value) == (
        "language 'sk-SK' is none of XTTS-v2's; write ar, cs, de, en, es, fr, hi, hu, it, ja, ko, "
        "nl, pl, pt, ru, tr, zh-cn"
    )


def test_the_known_languages_are_those_of_the_real_vocabulary() -> None:
    vocabulary = Path(__file__).parents[3] / "shared" / "data" / "xtts_v2" / "vocab.json"
    if not vocabulary.is_file():
        pytest.skip("needs ../shared/data/xtts_v2")
    assert Tokenizer(vocabulary).languages == sorted(LANGUAGES)
