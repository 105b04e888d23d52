"""Clips in, their audio codes and conditioning mels out: computed once, then memory-mapped.

The store is a folder of immutable shards. A shard is two files, `<name>.bin` (raw arrays, end to
end) and `<name>.idx` (which clip lies where). Both are written under a temporary name and renamed,
the index last, so a shard exists whole or not at all; processes write shards of their own names
and may fill a store at the same time. A shard whose size does not fit its index is set aside, an
entry whose checksum does not fit takes its shard aside, and the clips are computed again.

An entry's key is the SHA-256 of the clip's file with the codec's fingerprint: a changed recording,
preprocessing or DVAE never finds an old entry.
"""

from __future__ import annotations

import hashlib
import os
import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xttslab.errors import UserError

MEL_BINS = 80
_ENTRY = np.dtype(
    [("key", "V32"), ("offset", "<i8"), ("codes", "<i4"), ("frames", "<i4"), ("crc", "<u4")]
)
_SIZE_BYTES = 8  # the index starts with the size of its data file


@dataclass(frozen=True)
class Encoded:
    """One clip as the GPT reads it: codes (T,) uint16, mel (80, frames) float16, both read-only."""

    codes: np.ndarray
    mel: np.ndarray


@dataclass(frozen=True)
class _Place:
    shard: Path
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
        self._places: dict[bytes, _Place] = {}
        self._data: dict[Path, np.memmap] = {}
        self._verified: set[bytes] = set()
        self.refresh()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def __getitem__(self, key: bytes) -> Encoded:
        place = self._places[key]
        data = self._data[place.shard]
        middle = place.offset + 2 * place.codes
        end = middle + 2 * MEL_BINS * place.frames
        if key not in self._verified:
            self._verify(key, data[place.offset : end])
        mel = data[middle:end].view(np.float16).reshape(MEL_BINS, place.frames)
        return Encoded(data[place.offset : middle].view(np.uint16), mel)

    def __getstate__(self) -> dict[str, Path]:
        return {"folder": self.folder}  # worker processes map the files themselves

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__init__(state["folder"])

    def length(self, key: bytes) -> int:
        """How many codes the entry has, without touching its data."""
        return self._places[key].codes

    def refresh(self) -> None:
        """Take in shards that were written since, by this or another process."""
        for index in sorted(self.folder.glob("*.idx")):
            shard = index.with_suffix(".bin")
            if shard not in self._data:
                self._open(index, shard)

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
            _write_whole(shard, bytes(blob))
            size_bytes = len(blob).to_bytes(_SIZE_BYTES, "little")
            _write_whole(shard.with_suffix(".idx"), size_bytes + index.tobytes())
        except OSError as fault:
            raise UserError(
                f"{self.folder}: the code store cannot be written ({fault.strerror}); "
                "free some space or set codes_dir to another disk"
            ) from fault
        self.refresh()

    def _open(self, index: Path, shard: Path) -> None:
        raw = index.read_bytes()
        size = int.from_bytes(raw[:_SIZE_BYTES], "little")
        body = raw[_SIZE_BYTES:]
        sound = len(raw) > _SIZE_BYTES and len(body) % _ENTRY.itemsize == 0 and shard.is_file()
        if not sound or shard.stat().st_size != size:
            _set_aside(shard)
            return
        entries = np.frombuffer(body, dtype=_ENTRY)
        keys = entries["key"].tobytes()
        places = zip(*(entries[name].tolist() for name in _ENTRY.names[1:]), strict=True)
        for row, place in enumerate(places):
            self._places[keys[32 * row : 32 * row + 32]] = _Place(shard, *place)
        self._data[shard] = np.memmap(shard, dtype=np.uint8, mode="r")

    def _verify(self, key: bytes, data: np.ndarray) -> None:
        place = self._places[key]
        if zlib.crc32(data) != place.crc:
            _set_aside(place.shard)
            raise UserError(
                f"{place.shard.name}: the stored codes are damaged and were set aside; "
                "start again with resume=true, they will be computed anew"
            )
        self._verified.add(key)


def _set_aside(shard: Path) -> None:
    for path in (shard.with_suffix(".idx"), shard):
        if path.is_file():
            path.replace(path.with_name(path.name + ".damaged"))


def _write_whole(path: Path, data: bytes) -> None:
    """Write, flush to the disk, then rename: the file is never seen half-written."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
