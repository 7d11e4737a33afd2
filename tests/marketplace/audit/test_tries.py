"""Encoding, roots and proofs, against the packages that py-evm uses."""

from __future__ import annotations

import pytest
import rlp
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from marketplace.audit.encoding import decode, encode, encode_number
from marketplace.audit.trie import EMPTY_ROOT, list_root, proven

ITEMS = st.recursive(st.binary(max_size=80), lambda inner: st.lists(inner, max_size=20))
KEYS = st.binary(min_size=2, max_size=2)


@given(ITEMS)
def test_the_encoding_is_that_of_rlp(item: object) -> None:
    assert encode(item) == rlp.encode(item)
    assert decode(encode(item)) == item


@pytest.mark.parametrize("item", [b"\x7f", b"\x80", bytes(55), bytes(56), [bytes(54)], [bytes(55)]])
def test_the_encoding_at_its_borders(item: object) -> None:
    assert encode(item) == rlp.encode(item)
    assert decode(encode(item)) == item


@given(st.integers(0, 2**256))
def test_a_number_is_encoded_as_rlp_does(number: int) -> None:
    assert encode(encode_number(number)) == rlp.encode(number)


@pytest.mark.parametrize("data", ["", "81", "c2", "b8", "f8ff00", "c18201", "bfffff"])
def test_an_encoding_that_ends_too_early(data: str) -> None:
    with pytest.raises(ValueError, match="the encoding ends too early"):
        decode(bytes.fromhex(data))


def test_an_encoding_that_goes_on() -> None:
    with pytest.raises(ValueError, match="1 bytes follow the encoding"):
        decode(bytes.fromhex("8000"))


def test_lists_that_lie_too_deep_in_each_other() -> None:
    def nested(depth: int) -> bytes:
        item: bytes | list[object] = b"\x07"
        for _ in range(depth):
            item = [item]
        return bytes(rlp.encode(item))

    assert rlp.encode(decode(nested(64))) == nested(64)
    with pytest.raises(ValueError, match="more than 64 lists lie in each other"):
        decode(nested(65))


def root_of(values: list[bytes]) -> bytes:
    tree = HexaryTrie({})
    for place, value in enumerate(values):
        tree[rlp.encode(place)] = value
    return bytes(tree.root_hash)


@settings(deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=70), max_size=300))
def test_the_root_of_a_list(values: list[bytes]) -> None:
    assert list_root(values) == root_of(values)


@pytest.mark.parametrize("size", [1, 2, 16, 17, 128, 129, 130, 144, 145, 256, 257, 300])
def test_the_root_of_a_list_whose_keys_begin_alike(size: int) -> None:
    values = [bytes([place % 251]) * 3 for place in range(size)]
    assert list_root(values) == root_of(values)


def proof_of(tree: HexaryTrie, key: bytes) -> list[bytes]:
    return [rlp.encode(node) for node in tree.get_proof(key)]


@settings(deadline=None)
@given(st.dictionaries(KEYS, st.binary(min_size=1, max_size=60), max_size=60), KEYS)
def test_a_proof_shows_what_is_there_and_what_is_not(
    entries: dict[bytes, bytes], key: bytes
) -> None:
    tree = HexaryTrie({})
    for each, value in entries.items():
        tree[each] = value
    assert proven(tree.root_hash, key, proof_of(tree, key)) == entries.get(key, b"")
    for each, value in entries.items():
        assert proven(tree.root_hash, each, proof_of(tree, each)) == value


def test_a_key_may_begin_another() -> None:
    tree = HexaryTrie({})
    for key in (b"\x12", b"\x12\x34", b"\x12\x56", b"\x12\x56\x78"):
        tree[key] = key * 20
    for key in (b"\x12", b"\x12\x34", b"\x12\x56", b"\x12\x56\x78"):
        assert proven(tree.root_hash, key, proof_of(tree, key)) == key * 20
    for key in (b"", b"\x12\x35", b"\x12\x34\x56"):
        assert proven(tree.root_hash, key, proof_of(tree, key)) == b""


@pytest.fixture
def tree() -> HexaryTrie:
    tree = HexaryTrie({})
    for number in range(100):
        tree[keccak(bytes([number]))] = bytes([number]) * 40
    return tree


def test_no_node_of_a_proof_can_be_left_out_or_altered(tree: HexaryTrie) -> None:
    key = keccak(b"\x07")
    proof = proof_of(tree, key)
    for at, node in enumerate(proof):
        for other in ([], [node[:-1] + bytes([node[-1] ^ 1])]):
            with pytest.raises(ValueError, match="missing"):
                proven(tree.root_hash, key, [*proof[:at], *other, *proof[at + 1 :]])


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (b"text", "a node is no list"),
        ([b"", b"", b""], "a node has 3 parts"),
        ([b"\x40", b""], "a node's path is malformed"),
        ([b"", b""], "a node's path is malformed"),
        ([[b""], b""], "a node stands where a value belongs"),
    ],
)
def test_a_root_over_something_else(node: object, said: str) -> None:
    data = rlp.encode(node)
    with pytest.raises(ValueError, match=said):
        proven(keccak(data), b"key", [data])


def test_nothing_is_in_an_empty_trie() -> None:
    assert list_root([]) == EMPTY_ROOT == HexaryTrie({}).root_hash
    assert proven(EMPTY_ROOT, b"key", []) == b""


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (b"text", "a node is no list"),
        ([b"", b"", b""], "a node has 3 parts"),
        ([b"\x40", b""], "a node's path is malformed"),
        ([[b""], b""], "a node stands where a value belongs"),
    ],
)
def test_what_is_no_node_is_named(node: object, said: str) -> None:
    data = rlp.encode(node)
    with pytest.raises(ValueError, match=f"^{said}$"):
        proven(keccak(data), b"key", [data])


@pytest.mark.parametrize("size", [28, 29, 30])
def test_a_node_as_long_as_a_hash_is_named_by_its_hash(size: int) -> None:
    """Two leaves of three bytes and the value: shorter than a hash they lie in the root."""
    values = [b"a" * size, b"b" * size]
    assert len(rlp.encode([b"\x30", values[0]])) == size + 3
    assert list_root(values) == root_of(values)
