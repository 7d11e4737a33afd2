"""Accounts and words under a state root: what is there, what is not, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import rlp
from audited_trade import Settled
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from trie import HexaryTrie

from marketplace.audit import proofs
from marketplace.audit.chain import open_chain
from marketplace.audit.proofs import StateProofs, account_of, code_hash_of
from marketplace.audit.rpc import Proof, Rpc
from marketplace.audit.trie import EMPTY_ROOT

ACCOUNT, OTHER = "0x" + "11" * 20, "0x" + "22" * 20


@dataclass(frozen=True)
class Root:
    """Of a header, that alone."""

    state_root: bytes


def looked_up(leaf: Any, account: str = ACCOUNT, of: Any = account_of) -> Any:
    """Look at something of an account in a state in which one other account, and this leaf, lie."""
    tree = HexaryTrie({})
    for address, value in ((OTHER, [b"", b"\x05", EMPTY_ROOT, keccak(b"")]), (ACCOUNT, leaf)):
        tree[keccak(to_canonical_address(address))] = rlp.encode(value)
    key = keccak(to_canonical_address(account))
    nodes = tuple(rlp.encode(node) for node in tree.get_proof(key))
    root: Any = Root(bytes(tree.root_hash))
    return of(root, account, Proof(nodes, ()))


def test_an_account_is_its_balance_and_its_storage() -> None:
    leaf = [b"\x01", b"\x03\xe8", b"\x07" * 32, keccak(b"code")]
    assert looked_up(leaf) == (1_000, b"\x07" * 32)
    assert looked_up(leaf, of=code_hash_of) == keccak(b"code")


def test_an_account_that_is_not_there_has_nothing() -> None:
    leaf, elsewhere = [b"", b"\x05", EMPTY_ROOT, b""], "0x" + "33" * 20
    assert looked_up(leaf, elsewhere) == (0, EMPTY_ROOT)
    assert looked_up(leaf, elsewhere, code_hash_of) == keccak(b"")


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


def test_a_hash_of_code_is_no_list() -> None:
    with pytest.raises(ValueError, match="no lists inside"):
        looked_up([b"", b"\x05", EMPTY_ROOT, [b"code"]], of=code_hash_of)


def test_where_nothing_was_asked_nothing_lacks_a_proof(settled: Settled) -> None:
    chain = open_chain(Rpc(settled.chain), settled.market)
    assert StateProofs(chain).finding().verdict == "passed"
    chain.view(chain.contracts.committee, "rotationDelay")
    assert StateProofs(chain).finding().verdict == "passed"


def test_a_word_is_a_number_and_no_list() -> None:
    assert proofs._value(rlp.encode(b"\x03\xe8")) == 1_000
    assert proofs._value(b"") == 0
    with pytest.raises(ValueError, match="no list"):
        proofs._value(rlp.encode([b"\x03\xe8"]))
