"""The committee: how it changes, who makes a quorum, and that running trades keep theirs."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from eth_utils.crypto import keccak
from expectations import refused
from parties import PARTIES, ascending
from trade_builder import TradeBuilder
from web3.contract import Contract

from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE

ADMIN = PARTIES.admin
MEMBERS = [signer.address for signer in PARTIES.signers]
OTHERS = ascending("new signer", 16)
DIGEST = keccak(text="what is signed")


@pytest.fixture
def committee(market: Market) -> Contract:
    return market.committee


def rotate(
    market: Market, members: Sequence[str], threshold: int, by: LocalAccount = ADMIN
) -> None:
    market.node.send(by, market.committee.functions.rotate(members, threshold))


def signature(account: LocalAccount, digest: bytes = DIGEST) -> bytes:
    return bytes(account.unsafe_sign_hash(Hash32(digest)).signature)


def test_the_first_committee_is_version_one(market: Market, committee: Contract) -> None:
    assert market.node.call(committee.functions.currentVersion()) == 1
    assert market.committee_of(1) == (MEMBERS, 2)


def test_a_rotation_makes_a_new_version_and_keeps_the_old(
    market: Market, committee: Contract
) -> None:
    members = [signer.address for signer in OTHERS[:5]]
    receipt = market.node.send(ADMIN, committee.functions.rotate(members, 3))
    (event,) = committee.events.CommitteeRotated().process_receipt(receipt)
    assert dict(event["args"]) == {"version": 2, "members": members, "threshold": 3}
    assert market.committee_of(2) == (members, 3)
    assert market.committee_of(1) == (MEMBERS, 2)


def test_an_unknown_version_has_no_members_and_no_quorum(
    market: Market, committee: Contract
) -> None:
    for version in (0, 2, 2**32 - 1):
        assert market.committee_of(version) == ([], 0)
        with refused("QuorumNotReached", 0, 0):
            market.node.call(committee.functions.verify(version, [], []))
        with refused("NotAMember", MEMBERS[0], version):
            signed = [signature(PARTIES.signers[0])]
            market.node.call(committee.functions.verify(version, [DIGEST], signed))


def test_only_the_operator_rotates(market: Market) -> None:
    with refused("OwnableUnauthorizedAccount", PARTIES.signers[0].address):
        rotate(market, MEMBERS, 2, by=PARTIES.signers[0])


@pytest.mark.parametrize(
    "members",
    [
        [],
        [MEMBERS[1], MEMBERS[0]],
        [MEMBERS[0], MEMBERS[0]],
        [NATIVE, *MEMBERS],
        [each.address for each in ascending("seat", 17)],
    ],
    ids=["none", "descending", "twice", "the zero address", "seventeen"],
)
def test_unusable_members_are_refused(market: Market, members: list[str]) -> None:
    with refused("InvalidMembers"):
        rotate(market, members, max(1, len(members) // 2 + 1))


@pytest.mark.parametrize(
    ("count", "threshold"), [(1, 0), (1, 2), (2, 1), (3, 1), (3, 4), (4, 2), (16, 8), (16, 255)]
)
def test_a_threshold_is_a_majority(market: Market, count: int, threshold: int) -> None:
    members = [each.address for each in OTHERS[:count]]
    with refused("InvalidThreshold", threshold, count):
        rotate(market, members, threshold)


@pytest.mark.parametrize(("count", "threshold"), [(1, 1), (2, 2), (3, 2), (16, 9), (16, 16)])
def test_any_majority_is_a_threshold(market: Market, count: int, threshold: int) -> None:
    rotate(market, [each.address for each in OTHERS[:count]], threshold)


def test_each_of_sixteen_seats_has_its_bit(market: Market, committee: Contract) -> None:
    rotate(market, [each.address for each in OTHERS], 9)
    chosen = [0, 2, 3, 5, 7, 8, 11, 13, 15]
    digests = [keccak(text=f"digest {seat}") for seat in chosen]
    signatures = [signature(OTHERS[s], d) for s, d in zip(chosen, digests, strict=True)]
    signers, bitmap = market.node.call(committee.functions.verify(2, digests, signatures))
    assert signers == [OTHERS[seat].address for seat in chosen]
    assert bitmap == sum(1 << seat for seat in chosen)


def test_one_digest_belongs_to_each_signature(market: Market, committee: Contract) -> None:
    signed = [signature(signer) for signer in PARTIES.signers[:2]]
    with refused("LengthMismatch", 1, 2):
        market.node.call(committee.functions.verify(1, [DIGEST], signed))


def test_running_trades_keep_their_committee(market: Market) -> None:
    trade = TradeBuilder(market).advance_to(State.FUNDED)
    rotate(market, [each.address for each in OTHERS[:3]], 2)
    with refused("NotAMember", OTHERS[0].address, 1):
        trade.deliver(signers=OTHERS[:2])
    trade.deliver()
    assert trade.record.state == State.DATA_DELIVERED
    later = TradeBuilder(market, salt="later")
    later.ask()
    assert later.record.committee_version == 2
