"""CARs: what is written is read again, and every kind of damage is found and named."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.protocol.errors import (
    ConfigurationError,
    CorruptContent,
    MarketError,
    MissingContent,
    StorageError,
)
from offchain.storage import car as car_format
from offchain.storage import dag
from offchain.storage.block import Cid
from offchain.storage.car import CarReader, header, section
from offchain.storage.car_store import CarStore, import_car, write_car
from offchain.storage.cid import cid_of
from offchain.storage.disk import DiskStore
from offchain.storage.varint import varint

Blocks = dict[Cid, bytes]
PARTS = [b"first", b"second", b"third"]


def laid_out(data: bytes, size: int, layout: dag.Layout = "balanced") -> tuple[Cid, Blocks]:
    blocks: Blocks = {}
    return dag.lay_out(dag.chunks(data, size), blocks.__setitem__, layout), blocks


def read(data: bytes, limit: int = 10**6) -> tuple[tuple[Cid, ...], Blocks]:
    reader = CarReader(io.BytesIO(data).read, "it", limit)
    return reader.roots, {cid: block for cid, block, _ in reader.sections()}


@pytest.fixture
def parts() -> tuple[Cid, list[tuple[Cid, bytes]], bytes]:
    """A root, its blocks in order, and the CAR of them."""
    root, blocks = laid_out(b"".join(PARTS), 6)
    order = sorted(blocks.items(), key=lambda item: item[0] != root)
    return root, order, header([root]) + b"".join(section(*item) for item in order)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=3000), st.integers(1, 40), st.sampled_from(["balanced", "trickle"]))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, size: int, layout: dag.Layout
) -> None:
    root, blocks = laid_out(data, size, layout)
    path = tmp_path_factory.getbasetemp() / "any.car"
    assert write_car([root], blocks.__getitem__, path) == []
    assert read(path.read_bytes()) == ((root,), blocks)
    store = CarStore(path)
    assert store.get(str(root)) == data
    assert store.absent() == []


@pytest.mark.parametrize("count", [1, 23, 24, 255, 256, 1000])
def test_any_number_of_roots(count: int) -> None:
    roots = tuple(Cid.of("raw", bytes([n % 256, n // 256])) for n in range(count))
    assert read(header(roots)) == (roots, {})


def test_the_example_of_the_specification() -> None:
    """The header of https://ipld.io/specs/transport/car/carv1/ has its keys in this order."""
    root = Cid.of("raw", b"x")
    body = header([root])[1:]
    assert body.startswith(bytes.fromhex("a265726f6f747381d82a582500015512 20".replace(" ", "")))
    assert body.endswith(b"gversion\x01")
    assert header([root])[0] == len(body)


def test_every_flipped_bit_is_found(parts) -> None:
    """Whatever byte changes, no altered block and no other root is ever accepted as read."""
    root, order, whole = parts
    for at in range(len(whole)):
        for bit in (1, 0x80):
            changed = bytearray(whole)
            changed[at] ^= bit
            try:
                roots, blocks = read(bytes(changed))
            except StorageError:
                continue
            # Left are other names in the header, and another codec for the same bytes.
            same = {cid.digest: block for cid, block in blocks.items()}
            assert same == {cid.digest: block for cid, block in order}
            assert roots != (root,) or set(blocks) != {cid for cid, _ in order}


def test_every_truncation_is_found_or_leaves_a_block_missing(parts, tmp_path: Path) -> None:
    _, order, whole = parts
    path = tmp_path / "cut.car"
    sections = [len(section(*item)) for item in order]
    borders = {len(whole) - sum(sections[n:]) for n in range(len(order))}
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        if length in borders:
            store = CarStore(path)
            assert store.absent()
            with pytest.raises(MissingContent):
                store.get(str(order[0][0]))
        else:
            with pytest.raises(StorageError, match="is not a CAR that can be read"):
                CarStore(path)


def bad_version(whole: bytes) -> bytes:
    return whole.replace(b"gversion\x01", b"gversion\x02")


def no_roots(whole: bytes) -> bytes:
    body = b"\xa2eroots\x80gversion\x01"
    return varint(len(body)) + body + whole[1 + whole[0] :]


DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda whole: b"", "it is empty"),
    "no roots": (no_roots, "names no root"),
    "another version": (bad_version, "not that of a CARv1"),
    "text": (lambda whole: b"no CAR at all, but text", "cut short"),
    "huge header": (lambda whole: varint(2**40) + whole, "header claims 1099511627776 bytes"),
    "huge block": (lambda whole: whole + varint(2**62), "claims 4611686018427387904 bytes"),
    "block above the limit": (
        lambda whole: whole + varint(2**21 + 37) + bytes(2**21 + 37),
        "claims 2097189 bytes",
    ),
    "varint overflow": (lambda whole: whole + b"\xff" * 10, "overflows"),
    "varint too long": (lambda whole: whole + b"\x80\x00", "longer than it need be"),
    "varint cut": (lambda whole: whole + b"\xff", "cut short"),
    "block of no length": (lambda whole: whole + b"\x00", "claims 0 bytes"),
    "no CID": (lambda whole: whole + varint(40) + bytes(40), "no sha2-256 CID"),
    "identity CID": (lambda whole: whole + b"\x05\x01\x55\x00\x01x", "no sha2-256 CID"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES.keys())
def test_damage_is_named(parts, damage: Callable[[bytes], bytes], why: str) -> None:
    with pytest.raises(StorageError, match=why):
        read(damage(parts[2]))


def test_a_block_under_another_name_is_named(parts) -> None:
    root, _, whole = parts
    other = Cid.of("raw", b"other")
    with pytest.raises(CorruptContent, match=str(other)):
        read(whole + section(other, b"not it"))
    with pytest.raises(CorruptContent, match=str(root)):
        read(header([root]) + section(root, b"not it"))


def test_a_declared_length_costs_no_memory_before_it_is_read() -> None:
    asked = []

    def short(length: int) -> bytes:
        asked.append(length)
        return data.read(length)

    data = io.BytesIO(header([Cid.of("raw", b"x")]) + varint(2**50))
    with pytest.raises(StorageError):
        list(CarReader(short, "it").sections())
    assert max(asked) < 200


def test_more_than_the_limit_is_refused(parts) -> None:
    assert read(parts[2], len(parts[2]))
    with pytest.raises(StorageError, match="are allowed"):
        read(parts[2], len(parts[2]) - 1)


def test_a_repeated_block_is_verified_and_stored_once(parts, tmp_path: Path) -> None:
    root, order, whole = parts
    path = tmp_path / "twice.car"
    path.write_bytes(whole + section(*order[1]))
    assert CarStore(path).repeated == 1
    store = DiskStore(tmp_path / "store")
    assert import_car(CarStore(path), store) == []
    assert len(store.block_files()) == len(order)
    assert store.get(str(root)) == b"".join(PARTS)
    path.write_bytes(whole + section(order[1][0], order[1][1] + b"!"))
    with pytest.raises(CorruptContent, match=str(order[1][0])):
        CarStore(path)


def test_names_of_version_0_are_read(parts) -> None:
    root, order, _ = parts
    old = b"\x12\x20" + root.digest
    whole = header([root]) + varint(34 + len(order[0][1])) + old + order[0][1]
    assert read(whole) == ((root,), {root: order[0][1]})


@pytest.mark.parametrize("lost", range(4))
def test_a_missing_block_or_root_is_named_and_nothing_of_it_is_pinned(
    parts, tmp_path: Path, lost: int
) -> None:
    root, order, _ = parts
    blocks, gone = dict(order), order[lost][0]
    del blocks[gone]

    def fetch(cid: Cid) -> bytes:
        if cid not in blocks:
            raise MissingContent(f"no {cid}", "none")
        return blocks[cid]

    path = tmp_path / "gap.car"
    assert [visit.cid for visit in write_car([root], fetch, path)] == [gone]
    car, store = CarStore(path), DiskStore(tmp_path / "store")
    assert car.absent() == [gone]
    assert import_car(car, store) == [gone]
    assert store.pins() == []
    with pytest.raises(MissingContent):
        store.get(str(root))
    store.put_blocks(order)
    assert import_car(car, store) == []
    assert store.pins() == [str(root)]


def test_a_failed_export_leaves_no_file(parts, tmp_path: Path) -> None:
    def fails(cid: Cid) -> bytes:
        raise StorageError("the disk is gone", "none")

    with pytest.raises(StorageError, match="gone"):
        write_car([parts[0]], fails, tmp_path / "x.car")
    with pytest.raises(StorageError, match="without a root"):
        write_car([], fails, tmp_path / "x.car")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot write"):
        write_car([parts[0]], dict(parts[1]).__getitem__, tmp_path / "file" / "x.car")


def test_a_car_is_read_only_and_has_to_be_there(parts, tmp_path: Path) -> None:
    path = tmp_path / "it.car"
    with pytest.raises(ConfigurationError, match="No such file"):
        CarStore(path)
    path.write_bytes(parts[2])
    store = CarStore(path)
    cid = str(parts[0])
    for write in (
        lambda: store.put(b"x"),
        lambda: store.put_blocks([]),
        lambda: store.pin(cid),
        lambda: store.unpin(cid),
    ):
        with pytest.raises(StorageError, match="can only be read"):
            write()
    assert store.pins() == []
    assert store.has(cid)
    assert not store.has(cid_of(b"elsewhere"))
    path.write_bytes(bytes(len(parts[2])))
    with pytest.raises(MarketError, match="was changed while it was read"):
        store.get(cid)


def test_the_limits_are_those_that_peers_have() -> None:
    assert car_format.MAX_BLOCK == 2 * 2**20 > dag.CHUNK_SIZE
