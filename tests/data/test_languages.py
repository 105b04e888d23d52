"""Every way to write a language gives the code that the vocabulary has a token for."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.data.languages import LANGUAGES, language_code, require_language
from xttslab.errors import UserError
from xttslab.model.tokenizer import Tokenizer


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
