"""What every store does, on disk or in a daemon."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    InvalidCid,
    MissingContent,
    StorageError,
)
from offchain.storage.cid import cid_of
from offchain.storage.dag import CHUNK_SIZE
from offchain.storage.disk import DiskStore
from offchain.storage.ipfs import IpfsStore
from offchain.storage.store import open_store

SIZES = [0, 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, 3 * CHUNK_SIZE + 5]
NOT_THERE = cid_of(b"nobody ever stored this")

Content = Callable[[int], bytes]


@contextmanager
def altered(file: Path, change: Callable[[bytes], bytes]) -> Iterator[None]:
    """Change the bytes in a file for a while."""
    before = file.read_bytes()
    file.write_bytes(change(before))
    try:
        yield
    finally:
        file.write_bytes(before)


@contextmanager
def absent(file: Path) -> Iterator[None]:
    before = file.read_bytes()
    file.unlink()
    try:
        yield
    finally:
        file.write_bytes(before)


def added_files(shelf, content: bytes) -> tuple[str, list[Path]]:
    """Put content, and return its CID and the files that weren't there before."""
    before = shelf.block_files()
    cid = shelf.store.put(content)
    return cid, sorted(shelf.block_files() - before)


@pytest.mark.parametrize("size", SIZES)
def test_content_comes_back_under_its_cid(shelf, content: Content, size: int) -> None:
    data = content(size)
    cid = shelf.store.put(data)
    assert cid == cid_of(data)
    assert shelf.store.get(cid) == data
    assert shelf.store.has(cid)


def test_content_of_two_levels_comes_back(shelf, content: Content) -> None:
    data = content(174 * CHUNK_SIZE + 1)
    cid = shelf.store.put(io.BytesIO(data))
    assert cid == cid_of(data)
    assert shelf.store.get(cid) == data


@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=5000))
def test_any_content_comes_back(shelf, data: bytes) -> None:
    cid = shelf.store.put(data)
    assert cid == cid_of(data)
    assert shelf.store.get(cid) == data


def test_a_file_is_read_from_where_it_stands(shelf, content: Content, tmp_path: Path) -> None:
    data = content(2 * CHUNK_SIZE)
    path = tmp_path / "data"
    path.write_bytes(data)
    with path.open("rb") as file:
        file.seek(100)
        cid = shelf.store.put(file)
        assert not file.closed
    assert cid == cid_of(data[100:])
    assert shelf.store.get(cid) == data[100:]


def test_content_is_streamed_in_pieces(shelf, content: Content) -> None:
    data = content(3 * CHUNK_SIZE + 5)
    pieces = list(shelf.store.stream(shelf.store.put(data)))
    assert b"".join(pieces) == data
    assert max(len(piece) for piece in pieces) == CHUNK_SIZE


def test_storing_again_changes_nothing(shelf, content: Content) -> None:
    cid = shelf.store.put(content(CHUNK_SIZE + 3))
    files = shelf.block_files()
    assert shelf.store.put(content(CHUNK_SIZE + 3)) == cid
    assert shelf.block_files() == files


def test_what_is_not_there_is_named(shelf) -> None:
    assert not shelf.store.has(NOT_THERE)
    with pytest.raises(MissingContent, match=NOT_THERE):
        shelf.store.get(NOT_THERE)


@pytest.mark.parametrize("text", ["", "nonsense", "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o"])
def test_what_is_no_cid_is_refused_at_once(shelf, text: str) -> None:
    for method in (shelf.store.get, shelf.store.stream, shelf.store.has):
        with pytest.raises(InvalidCid):
            method(text)


def test_a_missing_block_inside_content_is_found(shelf, content: Content) -> None:
    data = b"one block of this goes missing" + content(2 * CHUNK_SIZE)
    cid, files = added_files(shelf, data)
    assert len(files) == 4
    for file in files:
        with absent(file):
            assert not shelf.store.has(cid)
            with pytest.raises(MissingContent):
                shelf.store.get(cid)
    assert shelf.store.get(cid) == data


@pytest.fixture(scope="module")
def three_blocks(shelf, content: Content) -> tuple[bytes, str, list[Path]]:
    data = b"one bit of this is flipped" + content(CHUNK_SIZE + 1000)
    return data, *added_files(shelf, data)


@settings(max_examples=30, deadline=None)
@given(draw=st.data())
def test_one_flipped_bit_anywhere_is_found(shelf, three_blocks, draw: st.DataObject) -> None:
    data, cid, files = three_blocks
    file = draw.draw(st.sampled_from(files))
    bit = draw.draw(st.integers(0, file.stat().st_size * 8 - 1))

    def flip(block: bytes) -> bytes:
        changed = bytearray(block)
        changed[bit // 8] ^= 1 << bit % 8
        return bytes(changed)

    with altered(file, flip), pytest.raises(CorruptContent):
        shelf.store.get(cid)
    assert shelf.store.get(cid) == data


@pytest.mark.parametrize("change", [lambda block: block[:-1], lambda block: block + b"\0"])
def test_a_block_of_another_length_is_found(shelf, three_blocks, change) -> None:
    _, cid, files = three_blocks
    for file in files:
        with altered(file, change), pytest.raises(CorruptContent):
            shelf.store.get(cid)


def test_content_larger_than_allowed_is_not_fetched(shelf, content: Content) -> None:
    cid = shelf.store.put(content(CHUNK_SIZE + 1))
    with pytest.raises(StorageError, match=f"{CHUNK_SIZE + 1} bytes where {CHUNK_SIZE}"):
        shelf.store.get(cid, limit=CHUNK_SIZE)
    assert len(shelf.store.get(cid, limit=CHUNK_SIZE + 1)) == CHUNK_SIZE + 1


def test_a_location_opens_the_store_it_names(tmp_path: Path) -> None:
    assert isinstance(open_store(str(tmp_path / "store")), DiskStore)
    for address in (
        "ipfs:/ip4/127.0.0.1/tcp/5001",
        "ipfs:/dns/localhost/tcp/5001/http",
        "http://127.0.0.1:5001",
        "http://localhost",
        "http://[::1]:5001/",
        "https://ipfs.example:443",
    ):
        assert isinstance(open_store(address), IpfsStore)


@pytest.mark.parametrize(
    "location",
    [
        "",
        "ftp://127.0.0.1/store",
        "ipfs:",
        "ipfs:127.0.0.1:5001",
        "ipfs:/ip4/127.0.0.1",
        "ipfs:/ip4/300.0.0.1/tcp/5001",
        "http://",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:5001/api/v0",
        "http://user:secret@127.0.0.1:5001",
    ],
)
def test_a_location_that_is_none_is_refused(location: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        open_store(location)
    assert "ipfs:/ip4/127.0.0.1/tcp/5001" in refusal.value.remedy
    assert "\n" not in str(refusal.value)
    assert "secret" not in str(refusal.value)
