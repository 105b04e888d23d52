"""Text becomes the same tokens in training and in speaking, or a clear line."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from xttslab.data.audio import SAMPLE_RATE, SAMPLES_PER_CODE, read_seconds
from xttslab.errors import UserError
from xttslab.model.base import ASSETS
from xttslab.model.tokenizer import Tokenizer

CASES = Path(__file__).parents[1] / "text/hungarian_cases.psv"


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


def real_vocabulary() -> Path:
    path = Path(__file__).parents[3] / "shared/data/xtts_v2/vocab.json"
    if not path.is_file():
        pytest.skip("needs ../shared/data/xtts_v2/vocab.json")
    return path


def real_clips() -> list[tuple[str, float]]:
    """(text, seconds) of the Hungarian recordings beside the real vocabulary."""
    found = []
    for table in sorted(real_vocabulary().parents[1].rglob("transcripts.psv")):
        if "ljspeech" in str(table):
            continue
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="|"):
                found.append((row["text"], read_seconds(table.parent / row["audio_file"])))
    return found


def test_the_real_vocabulary_is_numbered_as_the_weights_are() -> None:
    tokenizer = Tokenizer(real_vocabulary())
    assert (tokenizer.size, tokenizer.start, tokenizer.stop) == (6681, 261, 0)
    assert {"hu", "en", "zh-cn"} <= set(tokenizer.languages)


def test_tokens_are_coquis_where_the_spoken_words_are() -> None:
    """Our normaliser replaces Coqui's cleaner; what the two make of its words must not differ."""
    pytest.importorskip("TTS", reason="coqui-tts is not installed")
    from TTS.tts.layers.xtts.tokenizer import VoiceBpeTokenizer

    ours, coquis = Tokenizer(real_vocabulary()), VoiceBpeTokenizer(vocab_file=real_vocabulary())
    texts = [text for text, _ in real_clips()] + [
        line.split("|")[2]
        for line in CASES.read_text(encoding="utf-8").splitlines()[1:]
        if line.startswith(("quiz", "interview"))
    ]
    assert len(texts) > 200
    for text in texts:
        spoken = ours.normalise(text, "hu")
        assert ours.encode(text, "hu").tolist() == coquis.encode(spoken, "hu"), text
    plain = "Jó estét kívánok, ez itt a Legyen Ön is milliomos!"  # nothing to spell out
    assert ours.encode(plain, "hu").tolist() == coquis.encode(plain, "hu")


def test_the_shipped_codes_a_token_are_those_of_the_real_vocabulary() -> None:
    tokenizer = Tokenizer(real_vocabulary())
    shipped = OmegaConf.load(ASSETS.parents[1] / "conf/model/xtts_v2.yaml").codes_per_token
    letters = tokens = codes = 0.0
    for text, seconds in real_clips():
        letters += len(tokenizer.normalise(text, "hu"))
        tokens += len(tokenizer.encode(text, "hu"))
        codes += seconds * SAMPLE_RATE / SAMPLES_PER_CODE
    assert letters / tokens == pytest.approx(1.65, abs=0.05)
    assert codes / tokens == pytest.approx(shipped, rel=0.05)


def test_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere.json: no such vocabulary"):
        Tokenizer(tmp_path / "nowhere.json")
