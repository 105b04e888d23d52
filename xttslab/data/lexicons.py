"""Reads the pronunciation lexicons of data sets, of runs, and those that a command names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from xttslab.data.text_files import read_lines
from xttslab.errors import UserError
from xttslab.files import write_atomically
from xttslab.text.lexicon import Entry, Lexicon, parse_lexicon

FILE = "lexicon.csv"  # in a data set's folder, in the folder of all sets, in a run's, in an export


class TextReader(Protocol):
    """What the data path needs of a tokenizer."""

    def encode(self, text: str, language: str) -> np.ndarray: ...


@dataclass(frozen=True)
class LexiconReader:
    """A tokenizer that reads words as a lexicon says."""

    reader: TextReader
    lexicon: Lexicon

    def encode(self, text: str, language: str) -> np.ndarray:
        """Token numbers (T,) of the text as it is said."""
        return self.reader.encode(self.lexicon.apply(text), language)


def read_lexicon(path: Path) -> Lexicon:
    """The lexicon of one file, in any encoding that `read_lines` knows.

    Raises UserError that names the row for what `parse_lexicon` and `Lexicon` refuse, and for a
    file that cannot be read.
    """
    return Lexicon(_entries(path))


def lexicon_beside(folder: Path) -> Lexicon:
    """The lexicon that lies in a run's or an exported folder; an empty one where there is none."""
    path = folder / FILE
    return read_lexicon(path) if path.is_file() else Lexicon()


def data_lexicon(folders: Iterable[Path]) -> Lexicon:
    """The lexicon of prepared sets: `lexicon.csv` of each folder, and that of the folder around
    them for all sets, whose words a set may say otherwise.

    Raises UserError as `read_lexicon` does, and where two sets say one word differently: a voice
    can learn one of them only.
    """
    folders = [Path(folder) for folder in folders]
    around = dict.fromkeys(folder.parent for folder in folders)
    general = Lexicon(entry for place in around for entry in _entries(place / FILE, missing=True))
    own = Lexicon(entry for folder in folders for entry in _entries(folder / FILE, missing=True))
    return general.overridden_by(own)


def keep_lexicon(lexicon: Lexicon, folder: Path) -> None:
    """Write the lexicon that a run trains with into its folder, where it has any word."""
    if lexicon:
        write_atomically(folder / FILE, lexicon.written())


def _entries(path: Path, missing: bool = False) -> list[Entry]:
    if missing and not path.is_file():
        return []
    lines = read_lines(path)
    for line in lines:
        if line.fault:
            raise UserError(f"{path} line {line.number}: {line.fault}")
    return parse_lexicon(((line.number, line.text) for line in lines), str(path))
