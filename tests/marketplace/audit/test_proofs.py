"""Accounts and words under a state root: what is there, what is not, and what is neither."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import rlp
from audit_chain import TERMS, deployed, make_stakes_good
from audited_trade import AuditedTrade, Settled
from cast_of_trade import Cast
from eth_utils.address import to_canonical_address
from eth_utils.crypto import keccak
from tampering import LyingContract
from trie import HexaryTrie
from web3.providers import BaseProvider

from marketplace.audit import proofs
from marketplace.audit.chain import Chain, open_chain
from marketplace.audit.digests import NOTHING
from marketplace.audit.proofs import StateProofs, account_of, code_hash_of
from marketplace.audit.report import Finding
from marketplace.audit.rpc import Proof, Rpc
from marketplace.audit.trie import EMPTY_ROOT
from marketplace.chain.artifacts import load_artifact
from marketplace.chain.market import Market

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


# -------------------------------------------------------------- values beside any trade


def told(node: BaseProvider, market: str) -> tuple[Chain, Finding]:
    """Ask for what is stored once for a whole market, and hold it against its proofs."""
    chain = open_chain(Rpc(node), market)
    contracts = chain.contracts
    chain.view(str(contracts.challenges), "terms")
    for office in (contracts.committee, contracts.panel):
        chain.view(office, "currentDigest")
    return chain, StateProofs(chain).finding()


TERM_NAMES = [
    part["name"]
    for item in load_artifact("Challenges").abi
    if item["type"] == "function" and item["name"] == "terms"
    for part in item["outputs"][0]["components"]
]


@pytest.mark.parametrize("name", TERM_NAMES)
def test_a_term_that_is_told_other_than_it_is_stored_is_named(settled: Settled, name: str) -> None:
    chain, honest = told(settled.chain, settled.market)
    challenges = str(chain.contracts.challenges)
    assert honest.verdict == "passed"
    assert honest.detail.startswith("7 words of storage")
    terms = open_chain(Rpc(settled.chain), settled.market).view(challenges, "terms")
    value = terms[name]
    words = terms | {name: value + 1}
    says = {"result": "0x" + "".join(f"{word:064x}" for word in words.values())}
    _, found = told(LyingContract(settled.chain, "terms()", says), settled.market)
    assert found == Finding(
        "failed",
        f"terms() of {challenges} is proven to be {name} {value}, and the node said"
        f" {name} {value + 1}",
    )


def test_who_is_in_office_is_proven_by_the_clock(market: Market, parties: Cast) -> None:
    provider = market.node.web3.provider
    slow = replace(TERMS, rotation_delay=1_000)
    node, deployment = deployed(provider, parties, slow)
    own = Market(node, deployment.market)
    members = [signer.address for signer in parties.signers[:2]]
    node.send(parties.admin, own.committee.functions.scheduleRotation(members, 2))
    for version in (1, 2):
        chain, honest = told(provider, own.address)
        assert honest.verdict == "passed"
        digest = chain.view(chain.contracts.committee, "digestOf", version)
        assert chain.view(chain.contracts.committee, "currentDigest") == digest
        other = chain.view(chain.contracts.committee, "digestOf", 3 - version)
        says = {"result": "0x" + other.hex()}
        _, found = told(LyingContract(provider, "currentDigest()", says), own.address)
        assert found.verdict == "failed"
        assert (
            f"currentDigest({version}) of {chain.contracts.committee} is proven to be"
            f" 0x{digest.hex()}, and the node said 0x{other.hex()}"
        ) in found.detail
        node.advance_time(1_000)


def test_who_is_in_office_is_unproven_without_a_proof_of_the_rotation(settled: Settled) -> None:
    class Reluctant(LyingContract):
        def make_request(self, method: Any, params: Any) -> Any:
            if method == "eth_getProof" and params[0] == office and len(params[1]) == 1:
                return {"jsonrpc": "2.0", "id": 1, "error": {"code": 429, "message": "enough"}}
            return super().make_request(method, params)

    office = open_chain(Rpc(settled.chain), settled.market).contracts.committee
    _, found = told(Reluctant(settled.chain, "nothing()", {}), settled.market)
    assert found.verdict == "unchecked"
    assert f"not proven: storage of {office}" in found.detail


def test_what_was_told_once_is_what_is_proven(settled: Settled) -> None:
    chain, _ = told(settled.chain, settled.market)
    challenges = str(chain.contracts.challenges)
    node = LyingContract(settled.chain, "terms()", {"result": "0x" + f"{7:064x}" * len(TERM_NAMES)})
    chain = open_chain(Rpc(node), settled.market)
    lied = chain.view(challenges, "terms")
    node.lying = False
    assert chain.view(challenges, "terms") == lied
    assert StateProofs(chain).finding().verdict == "failed"


def test_whether_stakes_back_who_is_in_office_is_proven(
    trade: AuditedTrade, market: Market, parties: Cast
) -> None:
    trade.to_penalty_after_overturning()
    provider = market.node.web3.provider
    digest = bytes(market.node.call(market.committee.functions.currentDigest()))
    said = f"0x{digest.hex()} for backedDigest where its storage lacks 1 backed seat to a quorum"
    _prove_backing(provider, market, truth=NOTHING, lie=digest, said=said)
    make_stakes_good(market, parties)
    said = f"is proven to be 0x{digest.hex()}, and the node said 0x{NOTHING.hex()}"
    _prove_backing(provider, market, truth=digest, lie=NOTHING, said=said)


def _prove_backing(
    provider: BaseProvider, market: Market, truth: bytes, lie: bytes, said: str
) -> None:
    for node, answer in (
        (provider, truth),
        (LyingContract(provider, "backedDigest()", {"result": "0x" + lie.hex()}), lie),
    ):
        chain = open_chain(Rpc(node), market.address)
        assert chain.view(market.committee.address, "backedDigest") == answer
        found = StateProofs(chain).finding()
        assert found.verdict == ("passed" if answer == truth else "failed")
        assert answer == truth or said in found.detail
