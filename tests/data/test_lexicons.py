"""The lexicons of sets, of all sets, of runs and of files, and the data that they are part of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.data.test_corpus import Letters
from xttslab.data.corpus import Corpus
from xttslab.data.lexicons import (
    LexiconReader,
    data_lexicon,
    keep_lexicon,
    lexicon_beside,
    read_lexicon,
)
from xttslab.errors import UserError
from xttslab.text.lexicon import Lexicon


def write(path: Path, content: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(content, encoding=encoding)
    return path


def test_a_set_says_words_its_own_way_and_the_rest_as_all_sets(tmp_path: Path) -> None:
    write(tmp_path / "lexicon.csv", "Bach|bah\nVerdi|vérdi\n")
    write(tmp_path / "quiz" / "lexicon.csv", "written|spoken\nBach|bakh\n")
    (tmp_path / "news").mkdir()
    found = data_lexicon([tmp_path / "quiz", tmp_path / "news"])
    assert found.rows() == [("Bach", "bakh"), ("Verdi", "vérdi")]
    assert data_lexicon([tmp_path / "news"]).apply("Bach") == "Bah"
    write(tmp_path / "news" / "lexicon.csv", "bach|bek\n")
    with pytest.raises(UserError, match=r"news/lexicon\.csv line 1: 'bach' is said 'bek' here and"):
        data_lexicon([tmp_path / "quiz", tmp_path / "news"])
    assert not data_lexicon([])


def test_a_run_keeps_its_words_and_a_file_of_another_encoding_is_read(tmp_path: Path) -> None:
    read = read_lexicon(write(tmp_path / "mine.csv", "Gödöllő|gödöllőő\n", "cp1250"))
    keep_lexicon(read, tmp_path / "run")
    assert lexicon_beside(tmp_path / "run") == read
    keep_lexicon(Lexicon(), tmp_path / "other")
    assert not (tmp_path / "other").exists()
    assert not lexicon_beside(tmp_path / "other")
    with pytest.raises(UserError, match=r"gone\.csv: cannot be read"):
        read_lexicon(tmp_path / "gone.csv")
    with pytest.raises(UserError, match=r"bad\.csv line 2: 'Bach' is not written\|spoken"):
        read_lexicon(write(tmp_path / "bad.csv", "a b|c\nBach\n"))


def test_the_texts_are_read_as_the_lexicon_says_and_it_is_part_of_the_data(tmp_path: Path) -> None:
    lexicon = read_lexicon(write(tmp_path / "lexicon.csv", "Bach|bah\n"))
    tokens = LexiconReader(Letters(), lexicon).encode("Bach!", "hu")
    np.testing.assert_array_equal(tokens, Letters().encode("Bah!", "hu"))
    plain = Corpus("set", (), (), (), (), (), Lexicon())
    assert plain.fingerprint != replace(plain, lexicon=lexicon).fingerprint
