"""Text becomes the same tokens in training and in speaking, or a clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from xttslab.errors import UserError
from xttslab.model.base import ASSETS
from xttslab.model.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(ASSETS / "xtts_mini/vocab.json")


def spelled(tokenizer: Tokenizer, text: str, language: str = "hu") -> list[str]:
    return [tokenizer._bpe.id_to_token(number) for number in tokenizer.encode(text, language)]


def test_a_token_is_a_hungarian_sound(tokenizer: Tokenizer) -> None:
    assert spelled(tokenizer, "Nagyszerű!") == ["[hu]", "n", "a", "gy", "sz", "e", "r", "ű", "!"]
    assert spelled(tokenizer, "dzsúsz, edző") == [
        *("[hu]", "dzs", "ú", "sz", ",", "[SPACE]", "e", "dz", "ő"),
    ]


def test_numbers_are_read_not_skipped(tokenizer: Tokenizer) -> None:
    same = "A tízmillió forintos kérdés."
    assert spelled(tokenizer, "A 10 000 000 forintos kérdés.") == spelled(tokenizer, same)


def test_the_answer_b_is_not_an_uncle(tokenizer: Tokenizer) -> None:
    assert "bácsi" not in tokenizer.normalise("A végleges válasz B.", "hu")


def test_the_vocabularys_zh_cn_is_coquis_zh(monkeypatch: pytest.MonkeyPatch) -> None:
    class Cleaner:
        def preprocess_text(self, text: str, language: str) -> str:
            return f"{language}: {text}"

    tokenizer = Tokenizer(ASSETS / "xtts_mini/vocab.json")
    monkeypatch.setitem(tokenizer.__dict__, "_coqui", Cleaner())
    assert tokenizer.normalise("Ni hao", "zh-cn") == "zh: Ni hao"
    assert tokenizer.normalise("Ni hao", "zh") == "zh: Ni hao"


def test_other_languages_keep_coquis_cleaner(tokenizer: Tokenizer) -> None:
    assert tokenizer.normalise("It has 12 dogs, Dr. Smith.", "en") == (
        "it has twelve dogs, doctor smith."
    )


@pytest.mark.parametrize(
    ("text", "language", "message"),
    [
        ("Szia ☃!", "en", r"the vocabulary lacks '☃'; write it as words"),
        ("", "hu", "there is nothing to read aloud"),
        ("…?!", "hu", "there is nothing to read aloud"),
        ("Hallo", "de", r"language 'de' is not in the vocabulary; it has en, hu"),
    ],
)
def test_what_cannot_be_read_is_told(
    tokenizer: Tokenizer, text: str, language: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tokenizer.encode(text, language)


def test_special_tokens_are_numbered_as_in_xtts(tokenizer: Tokenizer) -> None:
    assert tokenizer.stop == 0
    assert tokenizer.start == tokenizer.size - 1 == 74
    assert tokenizer.languages == ["en", "hu"]


def test_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.json: no such vocabulary"):
        Tokenizer(tmp_path / "nowhere.json")
