"""Accounts and words under a state root: what is there, what is not, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import rlp
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from trie import HexaryTrie

from marketplace.audit import proofs
from marketplace.audit.proofs import account_of
from marketplace.audit.rpc import Proof
from marketplace.audit.trie import EMPTY_ROOT

ACCOUNT, OTHER = "0x" + "11" * 20, "0x" + "22" * 20


@dataclass(frozen=True)
class Root:
    """Of a header, that alone."""

    state_root: bytes


def looked_up(leaf: Any, account: str = ACCOUNT) -> tuple[int, bytes]:
    """Look an account up in a state in which one other account, and this leaf, lie."""
    tree = HexaryTrie({})
    for address, value in ((OTHER, [b"", b"\x05", EMPTY_ROOT, keccak(b"")]), (ACCOUNT, leaf)):
        tree[keccak(to_canonical_address(address))] = rlp.encode(value)
    key = keccak(to_canonical_address(account))
    nodes = tuple(rlp.encode(node) for node in tree.get_proof(key))
    root: Any = Root(bytes(tree.root_hash))
    return account_of(root, account, Proof(nodes, ()))


def test_an_account_is_its_balance_and_its_storage() -> None:
    assert looked_up([b"\x01", b"\x03\xe8", b"\x07" * 32, keccak(b"")]) == (1_000, b"\x07" * 32)


def test_an_account_that_is_not_there_has_nothing() -> None:
    assert looked_up([b"", b"\x05", EMPTY_ROOT, b""], "0x" + "33" * 20) == (0, EMPTY_ROOT)


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        (b"four", "four parts"),
        ([b"", b"", EMPTY_ROOT], "four parts"),
        ([b"", b"", EMPTY_ROOT, b"", b""], "four parts"),
        ([b"", [b"\x05"], EMPTY_ROOT, b""], "no lists inside"),
        ([b"", b"\x05", [EMPTY_ROOT], b""], "no lists inside"),
    ],
)
def test_a_leaf_that_is_no_account(leaf: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        looked_up(leaf)


def test_a_word_is_a_number_and_no_list() -> None:
    assert proofs._value(rlp.encode(b"\x03\xe8")) == 1_000
    assert proofs._value(b"") == 0
    with pytest.raises(ValueError, match="no list"):
        proofs._value(rlp.encode([b"\x03\xe8"]))
