"""Write the vocabulary of xtts_mini: a byte-pair encoding whose tokens are Hungarian sounds.

    python experiments/mini_base/vocabulary.py

A model that learns to read from hours, not from thousands of hours, needs tokens that sound the
same everywhere: single letters, and the letter pairs that Hungarian writes one consonant with.
"""

from __future__ import annotations

from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Whitespace

OUT = Path(__file__).resolve().parents[2] / "xttslab/assets/xtts_mini/vocab.json"
SPECIAL = ["[STOP]", "[UNK]", "[SPACE]", "[hu]", "[en]"]  # the first three numbered as in XTTS-v2
LETTERS = "abcdefghijklmnopqrstuvwxyzáéíóöőúüű"
FOREIGN = "äçèêëàâîïñôß"
MARKS = ".,!?:;-–…'\"()"
DIGRAPHS = ["cs", "dz", "gy", "ly", "ny", "sz", "ty", "zs"]


def main() -> None:
    characters = [*LETTERS, *FOREIGN, *MARKS]
    tokens = [*SPECIAL, *characters, *DIGRAPHS, "dzs", "[START]"]
    merges = [*((pair[0], pair[1]) for pair in DIGRAPHS), ("dz", "s")]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(BPE(vocabulary, merges, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    special = [AddedToken(token, special=True) for token in (*SPECIAL, "[START]")]
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(OUT))
    print(f"{OUT.name}: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
