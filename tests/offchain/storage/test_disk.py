"""The store in a folder: crashes, damage, full disks and several processes at once."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MissingContent,
    StorageError,
)
from offchain.storage.block import MAX_BLOCK, Cid
from offchain.storage.cid import cid_of
from offchain.storage.dag import CHUNK_SIZE
from offchain.storage.disk import DiskStore

Content = Callable[[int], bytes]


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def block_files(store: DiskStore) -> list[Path]:
    return list(store.path.glob("blocks/*"))


def test_reading_makes_no_folder(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store")
    assert not store.has(cid_of(b"x"))
    with pytest.raises(MissingContent, match=str(store.path)):
        store.get(cid_of(b"x"))
    assert not store.path.exists()


def test_equal_chunks_are_stored_once(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    cid = store.put(bytes(10 * CHUNK_SIZE))
    assert len(block_files(store)) == 2
    assert store.get(cid) == bytes(10 * CHUNK_SIZE)


def test_the_damaged_file_is_named_and_putting_again_mends_it(
    tmp_path: Path, content: Content
) -> None:
    store = DiskStore(tmp_path)
    cid = store.put(content(3 * CHUNK_SIZE))
    damaged = next(file for file in block_files(store) if file.stat().st_size == CHUNK_SIZE)
    damaged.write_bytes(bytes(CHUNK_SIZE))
    with pytest.raises(CorruptContent, match=damaged.name):
        store.get(cid)
    assert store.put(content(3 * CHUNK_SIZE)) == cid
    assert store.get(cid) == content(3 * CHUNK_SIZE)


def test_a_stream_yields_nothing_of_a_damaged_block(tmp_path: Path, content: Content) -> None:
    data = content(3 * CHUNK_SIZE)
    store = DiskStore(tmp_path)
    cid = store.put(data)
    (store.path / "blocks" / cid_of(data[CHUNK_SIZE : 2 * CHUNK_SIZE])).write_bytes(b"junk")
    received = io.BytesIO()
    with pytest.raises(CorruptContent):
        received.writelines(store.stream(cid))
    assert received.getvalue() == data[:CHUNK_SIZE]


@pytest.mark.parametrize("longer", [0, 1])
def test_a_block_has_no_more_bytes_than_any_may(tmp_path: Path, longer: int) -> None:
    block = bytes(MAX_BLOCK + longer)
    cid = Cid.of("raw", block)
    store = DiskStore(tmp_path)
    store.put(b"something")
    if not longer:
        store.put_blocks([(cid, block)])
        assert store.block(cid) == block
        return
    with pytest.raises(CorruptContent, match=rf"{len(block)} bytes .* block {cid}, .* {MAX_BLOCK}"):
        store.put_blocks([(cid, block)])
    (tmp_path / "blocks" / str(cid)).write_bytes(block)
    with pytest.raises(CorruptContent, match=rf"{cid} has more than the {MAX_BLOCK} bytes"):
        store.block(cid)


def test_a_file_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    cid = store.put(b"something")
    os.truncate(tmp_path / "blocks" / cid, 2**43)  # a hole of 8 TiB, which needs no disk
    with pytest.raises(CorruptContent, match=cid):
        store.get(cid)
    assert store.put(b"something") == cid
    assert store.get(cid) == b"something"


def test_a_file_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is not a folder"):
        DiskStore(tmp_path / "file")


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write") as refusal:
        DiskStore(tmp_path / "file" / "store").put(b"x")
    assert "permissions" in refusal.value.remedy


KILLED_BEFORE_A_RENAME = """
import os, pathlib, signal, sys
from offchain.storage.disk import DiskStore

renames = 0
def replace(self, target):
    global renames
    renames += 1
    if renames == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
    os.replace(self, target)

pathlib.Path.replace = replace
DiskStore(sys.argv[1]).put(pathlib.Path(sys.argv[2]).read_bytes())
"""


@pytest.mark.parametrize("blocks_written", range(4))
def test_a_killed_writer_leaves_nothing_half_there(
    tmp_path: Path, content: Content, blocks_written: int
) -> None:
    data = content(2 * CHUNK_SIZE + 1)  # three leaves and a root
    source = tmp_path / "source"
    source.write_bytes(data)
    store = DiskStore(tmp_path / "store")
    died = run_python(KILLED_BEFORE_A_RENAME, store.path, source, blocks_written + 1)
    assert died.returncode == -signal.SIGKILL
    assert len(block_files(store)) == blocks_written
    for file in block_files(store):
        assert store.get(file.name) == file.read_bytes()
    assert not store.has(cid_of(data))
    with pytest.raises(MissingContent):
        store.get(cid_of(data))
    assert store.get(store.put(data)) == data


FULL_DISK = """
import resource, sys
from marketplace.protocol.errors import StorageError
from offchain.storage.disk import DiskStore

resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    DiskStore(sys.argv[1]).put(bytes(2000))
except StorageError as error:
    sys.exit(f"{error.exit_code} {error}")
"""


def test_a_write_that_fails_leaves_no_file(tmp_path: Path) -> None:
    refused = run_python(FULL_DISK, tmp_path)
    assert refused.stderr.startswith("20 cannot write")
    assert "space left" in refused.stderr
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [tmp_path / "lock"]


WRITER = """
import sys
from offchain.storage.disk import DiskStore

store = DiskStore(sys.argv[1])
for round in range(20):
    data = bytes([round]) * 300_000
    assert store.get(store.put(data)) == data
"""


def test_processes_share_a_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        writers = list(pool.map(lambda _: run_python(WRITER, tmp_path), range(4)))
    assert [writer.stderr for writer in writers] == [""] * 4
    store = DiskStore(tmp_path)
    assert len(block_files(store)) == 60  # each round: two leaves and a root
    assert all(store.get(file.name) is not None for file in block_files(store))
    assert list(tmp_path.glob("partial/*")) == []


def test_threads_share_a_store(tmp_path: Path, content: Content) -> None:
    store = DiskStore(tmp_path)
    parts = [content(CHUNK_SIZE + size) for size in range(8)]
    with ThreadPoolExecutor(4) as pool:
        cids = list(pool.map(store.put, parts))
        assert list(pool.map(store.get, cids)) == parts


def test_a_block_that_cannot_be_read_is_not_called_missing(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    cid = store.put(b"content")
    (tmp_path / "blocks" / cid).unlink()
    (tmp_path / "blocks" / cid).mkdir()
    with pytest.raises(StorageError, match=f"cannot read .*{cid}: Is a directory"):
        store.get(cid)
