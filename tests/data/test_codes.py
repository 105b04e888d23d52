"""The store of audio codes survives what happens to files, and never gives a stale entry."""

from __future__ import annotations

import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest

from xttslab.data.codes import CodeStore, Encoded, entry_key
from xttslab.errors import UserError


def entry(number: int, codes: int = 7) -> Encoded:
    random = np.random.default_rng(number)
    mel = random.normal(size=(80, codes * 4)).astype(np.float16)
    return Encoded(random.integers(0, 1024, codes).astype(np.uint16), mel)


def key(number: int) -> bytes:
    return entry_key(f"clip {number}", "codec")


def fill(folder: Path, first: int) -> None:
    store = CodeStore(folder)
    for number in range(first, first + 20):
        store.add({key(number): entry(number)})


def test_entries_come_back_as_they_were(tmp_path: Path) -> None:
    CodeStore(tmp_path).add({key(n): entry(n, codes=n + 1) for n in range(5)})
    store = CodeStore(tmp_path)
    assert len(store) == 5
    for n in range(5):
        np.testing.assert_array_equal(store[key(n)].codes, entry(n, n + 1).codes)
        np.testing.assert_array_equal(store[key(n)].mel, entry(n, n + 1).mel)
    assert store.lengths([key(4), key(0), key(0)]).tolist() == [5, 1, 1]


def test_the_shard_that_is_read_last_holds_a_key_written_twice(tmp_path: Path) -> None:
    for codes in (3, 4):
        CodeStore(tmp_path).add({key(9): entry(9, codes), key(codes): entry(codes)})
    store, last = CodeStore(tmp_path), max(tmp_path.glob("*.idx"))
    assert len(store) == 3
    codes = int(np.frombuffer(last.read_bytes()[48:52], "<i4")[0])
    assert store.lengths([key(9)]).tolist() == [codes]
    np.testing.assert_array_equal(store[key(9)].codes, entry(9, codes).codes)


def test_shards_written_since_are_found_beside_those_open(tmp_path: Path) -> None:
    reader, writer = CodeStore(tmp_path), CodeStore(tmp_path)
    for n in range(6):
        writer.add({key(n): entry(n), key(10 + n): entry(10 + n)})
        if n % 2:
            reader.refresh()
    assert len(reader) == 12
    for n in (*range(6), *range(10, 16)):
        np.testing.assert_array_equal(reader[key(n)].mel, entry(n).mel)


def test_a_key_changes_with_content_and_codec() -> None:
    assert len({entry_key(c, f) for c in ("a", "b") for f in ("x", "y")}) == 4


def test_two_processes_may_fill_a_store_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=fill, args=(tmp_path, first)) for first in (0, 10)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = CodeStore(tmp_path)
    assert len(store) == 30
    for number in range(30):
        np.testing.assert_array_equal(store[key(number)].codes, entry(number).codes)


def test_a_truncated_shard_is_set_aside(tmp_path: Path) -> None:
    CodeStore(tmp_path).add({key(1): entry(1)})
    CodeStore(tmp_path).add({key(2): entry(2)})
    shard = sorted(tmp_path.glob("*.bin"))[0]
    shard.write_bytes(shard.read_bytes()[:-3])
    store = CodeStore(tmp_path)
    assert len(store) == 1
    assert [path.name for path in tmp_path.glob("*.damaged")] == [f"{shard.stem}.idx.damaged"]
    assert shard.is_file(), "another process may have it mapped"


def test_a_half_written_shard_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / ".x.bin.partial").write_bytes(b"half")
    (tmp_path / "y.bin").write_bytes(b"no index yet")
    assert len(CodeStore(tmp_path)) == 0


def test_a_damaged_entry_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    CodeStore(tmp_path).add({key(1): entry(1)})
    (shard,) = tmp_path.glob("*.bin")
    raw = bytearray(shard.read_bytes())
    raw[3] ^= 1
    shard.write_bytes(bytes(raw))
    store, other = CodeStore(tmp_path), CodeStore(tmp_path)  # both have mapped the file
    for opened in (store, other):
        with pytest.raises(UserError, match=r"damaged and were set aside.*resume=true"):
            opened[key(1)]
    assert key(1) not in CodeStore(tmp_path)
    store.add({key(1): entry(1)})
    np.testing.assert_array_equal(CodeStore(tmp_path)[key(1)].mel, entry(1).mel)


def test_worker_processes_open_the_files_themselves(tmp_path: Path) -> None:
    store = CodeStore(tmp_path)
    store.add({key(1): entry(1)})
    sent = pickle.dumps(store)
    assert len(sent) < 500
    np.testing.assert_array_equal(pickle.loads(sent)[key(1)].codes, entry(1).codes)
