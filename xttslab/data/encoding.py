"""A corpus and a codec in, a store with every clip's codes and mel out: computed once and kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import numpy as np
from filelock import FileLock

from xttslab.data.audio import read_audio
from xttslab.data.codes import CodeStore, Encoded, entry_key
from xttslab.data.corpus import Corpus

ENCODED_TOGETHER = 16  # clips that go through the DVAE at once
CLIPS_PER_SHARD = 256


class Encoder(Protocol):
    """What the data path needs of a codec (the data stage knows no model)."""

    @property
    def fingerprint(self) -> str: ...

    def encode(self, waves: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]: ...


def fill_store(corpus: Corpus, codec: Encoder, folder: Path) -> tuple[CodeStore, list[bytes]]:
    """Encode the clips that the store lacks, in batches of like length, with a progress bar.

    Returns the store and each clip's key. Interrupted, what was written stays.
    """
    store = CodeStore(folder)
    fingerprint = codec.fingerprint
    keys = [entry_key(digest, fingerprint) for digest in corpus.hashes]
    if all(key in store for key in keys):
        return store, keys
    # of the processes of a sweep, or of one run, the first encodes and the others wait for it
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / f".{fingerprint[:16]}.lock"):
        store.refresh()
        missing = {key: row for row, key in enumerate(keys) if key not in store}
        _encode(corpus, codec, missing, store)
    return store, keys


def _encode(corpus: Corpus, codec: Encoder, missing: Mapping[bytes, int], store: CodeStore) -> None:
    from rich.progress import track

    ordered = sorted(missing, key=lambda key: corpus.seconds[missing[key]])
    fresh: dict[bytes, Encoded] = {}
    groups = [ordered[i : i + ENCODED_TOGETHER] for i in range(0, len(ordered), ENCODED_TOGETHER)]
    with ThreadPoolExecutor() as readers:
        for group in track(groups, description="audio codes", transient=True):
            paths = [corpus.clips[missing[key]].audio for key in group]
            waves = list(readers.map(read_audio, paths))
            for key, (codes, mel) in zip(group, codec.encode(waves), strict=True):
                fresh[key] = Encoded(codes, mel)
            if len(fresh) >= CLIPS_PER_SHARD:
                store.add(fresh)
                fresh = {}
    store.add(fresh)
