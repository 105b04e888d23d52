"""A memory-mapped store of audio codes and conditioning mels, which are computed once a clip.

The store is a folder of immutable shards. A shard is two files, `<name>.bin` (raw arrays, end to
end) and `<name>.idx` (which clip lies where). Both are written atomically, the index last: a shard
exists once its index does. Processes write shards of their own names and may fill a store at the
same time. The index of a shard whose size does not fit it, or of one with an entry whose checksum
does not fit, is renamed to `<name>.idx.damaged`, and the clips are computed again.

An entry's key is the SHA-256 of the clip's file with the codec's fingerprint: a changed recording,
preprocessing or DVAE never finds an old entry.
"""

from __future__ import annotations

import hashlib
import mmap
import uuid
import zlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from filelock import FileLock

from xttslab.data.audio import MEL_BINS, read_audio
from xttslab.data.corpus import Corpus
from xttslab.data.parallel import progress
from xttslab.errors import UserError
from xttslab.files import replace, replacing

_ENTRY = np.dtype(
    [("key", "V32"), ("offset", "<i8"), ("codes", "<i4"), ("frames", "<i4"), ("crc", "<u4")]
)
_SIZE_BYTES = 8  # the index starts with the size of its data file
ENCODED_TOGETHER = 16  # clips that go through the DVAE at once
CLIPS_PER_SHARD = 256


@dataclass(frozen=True)
class Encoded:
    """One clip as the GPT reads it: codes (T,) uint16, mel (80, frames) float16, both read-only."""

    codes: np.ndarray
    mel: np.ndarray


class _Shard(NamedTuple):
    """A mapped data file, and the row of its first entry among those of all shards."""

    path: Path
    first: int
    data: np.ndarray


class _Place(NamedTuple):
    shard: _Shard
    offset: int
    codes: int
    frames: int
    crc: int


def entry_key(content: str, fingerprint: str) -> bytes:
    """The 32-byte key of a clip's content under a codec."""
    return hashlib.sha256(f"{content} {fingerprint}".encode()).digest()


class CodeStore:
    """Read access by key to all shards of `folder`, and whole new shards into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # One number a key and one array for all shards: an object a clip would cost a large set
        # more time than reading its index.
        self._rows: dict[bytes, int] = {}
        self._entries = np.zeros(0, dtype=_ENTRY)
        self._shards: list[_Shard] = []
        self._verified: set[bytes] = set()
        self.refresh()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def __getitem__(self, key: bytes) -> Encoded:
        place = self._place(key)
        data = place.shard.data
        middle = place.offset + 2 * place.codes
        end = middle + 2 * MEL_BINS * place.frames
        if key not in self._verified:
            self._verify(key, place, data[place.offset : end])
        mel = data[middle:end].view(np.float16).reshape(MEL_BINS, place.frames)
        return Encoded(data[place.offset : middle].view(np.uint16), mel)

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}  # worker processes map the files themselves

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__init__(state["folder"])

    def lengths(self, keys: Sequence[bytes]) -> np.ndarray:
        """How many codes each entry has, int32 (keys,), without touching its data."""
        return self._entries["codes"][[self._rows[key] for key in keys]]

    def refresh(self) -> None:
        """Take in shards that were written since, by this or another process."""
        known = {shard.path for shard in self._shards}
        found = [self._entries]
        for index in sorted(self.folder.glob("*.idx")):
            path = index.with_suffix(".bin")
            entries = None if path in known else _read_index(index, path)
            if entries is None:
                continue
            first = sum(map(len, found))
            self._shards.append(_Shard(path, first, _mapped(path)))
            rows = range(first, first + len(entries))
            self._rows.update(zip(entries["key"].tolist(), rows, strict=True))
            found.append(entries)
        self._entries = np.concatenate(found)

    def _place(self, key: bytes) -> _Place:
        row = self._rows[key]
        _, *place = self._entries[row].item()
        shard = self._shards[bisect_right(self._shards, row, key=attrgetter("first")) - 1]
        return _Place(shard, *place)

    def add(self, entries: Mapping[bytes, Encoded]) -> None:
        """Write entries as one new shard; other processes see it once it is complete."""
        if not entries:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        blob = bytearray()
        index = np.zeros(len(entries), dtype=_ENTRY)
        for row, (key, entry) in enumerate(entries.items()):
            data = entry.codes.astype(np.uint16).tobytes() + entry.mel.astype(np.float16).tobytes()
            size = (len(entry.codes), entry.mel.shape[1])
            index[row] = (np.void(key), len(blob), *size, zlib.crc32(data))
            blob += data
        shard = self.folder / f"{uuid.uuid4().hex}.bin"
        try:
            with replacing(shard, durable=True) as partial:
                partial.write_bytes(blob)
            with replacing(shard.with_suffix(".idx"), durable=True) as partial:
                partial.write_bytes(len(blob).to_bytes(_SIZE_BYTES, "little") + index.tobytes())
        except OSError as fault:
            raise UserError(
                f"{self.folder}: the code store cannot be written ({fault.strerror}); "
                "free some space or set codes_dir to another disk"
            ) from fault
        self.refresh()

    def _verify(self, key: bytes, place: _Place, data: np.ndarray) -> None:
        path = place.shard.path
        if zlib.crc32(data) != place.crc:
            _set_aside(path)
            raise UserError(
                f"{path.name}: the stored codes are damaged and were set aside; "
                "start again with resume=true, they will be computed anew"
            )
        self._verified.add(key)


def _read_index(index: Path, shard: Path) -> np.ndarray | None:
    """The entries of a shard, `_ENTRY` (clips,); None for one that is not whole, now set aside."""
    raw = index.read_bytes()
    body = raw[_SIZE_BYTES:]
    sound = len(raw) > _SIZE_BYTES and len(body) % _ENTRY.itemsize == 0 and shard.is_file()
    if not sound or shard.stat().st_size != int.from_bytes(raw[:_SIZE_BYTES], "little"):
        _set_aside(shard)
        return None
    return np.frombuffer(body, dtype=_ENTRY)


def _mapped(path: Path) -> np.ndarray:
    """A file as read-only uint8 (bytes,); its pages are read when they are looked at."""
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=np.uint8)


def _set_aside(shard: Path) -> None:
    """Rename a shard's index, without which nobody reads the data file: that one stays, since a
    process that has mapped it keeps it from being renamed on Windows."""
    index = shard.with_suffix(".idx")
    with suppress(FileNotFoundError):  # another process may have been faster
        replace(index, index.with_name(f"{index.name}.damaged"))


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
    ordered = sorted(missing, key=lambda key: corpus.seconds[missing[key]])
    fresh: dict[bytes, Encoded] = {}
    groups = [ordered[i : i + ENCODED_TOGETHER] for i in range(0, len(ordered), ENCODED_TOGETHER)]
    with ThreadPoolExecutor() as readers, progress("audio codes", len(ordered)) as advance:
        for group in groups:
            paths = [corpus.clips[missing[key]].audio for key in group]
            waves = list(readers.map(read_audio, paths))
            for key, (codes, mel) in zip(group, codec.encode(waves), strict=True):
                fresh[key] = Encoded(codes, mel)
            advance(len(group))
            if len(fresh) >= CLIPS_PER_SHARD:
                store.add(fresh)
                fresh = {}
    store.add(fresh)
