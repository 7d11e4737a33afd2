"""Sealed bids: where the bonds go, and that the log rebuilds a tender."""

from __future__ import annotations

import pytest
from deploying import TestContracts
from expectations import refused
from parties import PARTIES
from tender_builder import BIDDERS, BOND, RESERVE, TenderBuilder, run
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.auctions import Bid, award
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.tenders import PricingRule
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

ANNE, BERT, *_ = BIDDERS
TREASURY = PARTIES.treasury.address
STRANGER = PARTIES.stranger


def test_a_reveal_frees_the_bond_and_the_bidder_pulls_it(tender: TenderBuilder) -> None:
    node, withdraw = tender.node, tender.contract.functions.withdrawCredit
    home = node.web3.to_checksum_address("0x" + "ab" * 20)
    tender.commit(ANNE, RESERVE + 1)
    tender.end_commits()
    tender.reveal(ANNE, RESERVE + 1)
    assert tender.credit(ANNE.address) == BOND
    node.send(ANNE, withdraw(NATIVE, home))
    assert node.balance(home) == BOND
    with refused("NothingToWithdraw", ANNE.address, NATIVE):
        node.send(ANNE, withdraw(NATIVE, ANNE.address))


def test_nobody_receives_at_the_zero_address_or_the_contract(tender: TenderBuilder) -> None:
    for nobody in (NATIVE, tender.contract.address):
        with refused("InvalidReceiver", nobody):
            tender.node.send(ANNE, tender.contract.functions.withdrawCredit(NATIVE, nobody))


def test_closed_seals_lose_their_bonds_once(tender: TenderBuilder) -> None:
    run(tender, [3 * WEI, None, None])
    receipt = tender.send(STRANGER, "seize")
    assert tender.events(receipt) == [
        ("BondsSeized", {"tenderId": tender.id, "to": TREASURY, "count": 2, "amount": 2 * BOND})
    ]
    assert tender.credit(TREASURY) == 2 * BOND
    with refused("NothingToSeize", tender.id):
        tender.send(STRANGER, "seize")


def test_without_a_treasury_the_requester_gets_them(
    node: Node, bids: Contract, deployed: tuple[str, str]
) -> None:
    tender = TenderBuilder(node, node.contract("SealedBids", deployed[1]))
    tender.open()
    run(tender, [None])
    tender.send(STRANGER, "seize")
    assert tender.credit(PARTIES.buyer.address) == BOND


@pytest.mark.parametrize("value", [0, BOND - 1, BOND + 1])
def test_the_bond_is_exact(tender: TenderBuilder, value: int) -> None:
    with refused("WrongValue", value, BOND):
        tender.commit(ANNE, 1, value=value)


def test_a_token_with_a_fee_is_no_bond(
    node: Node, bids: Contract, artifacts: TestContracts
) -> None:
    token = artifacts.deploy("FeeOnTransferToken", ANNE.address, 10 * BOND)
    tender = token_tender(node, bids, token)
    with refused("InexactTransfer", token.address, BOND - BOND // 100, BOND):
        tender.commit(ANNE, 1)


def test_a_blocked_bidder_blocks_nobody(
    node: Node, bids: Contract, artifacts: TestContracts
) -> None:
    token = artifacts.deploy("BlockingToken", ANNE.address, 10 * BOND)
    tender = token_tender(node, bids, token)
    node.send(ANNE, token.functions.transfer(BERT.address, BOND))
    node.send(BERT, token.functions.approve(bids.address, BOND))
    for bidder, price in ((ANNE, 1), (BERT, 2)):
        tender.commit(bidder, price)
    node.send(STRANGER, token.functions.blockAccount(ANNE.address))
    tender.end_commits()
    for bidder, price in ((ANNE, 1), (BERT, 2)):
        tender.reveal(bidder, price)
    with pytest.raises(TransactionReverted):
        node.send(ANNE, bids.functions.withdrawCredit(token.address, ANNE.address))
    node.send(BERT, bids.functions.withdrawCredit(token.address, BERT.address))
    node.send(ANNE, bids.functions.withdrawCredit(token.address, STRANGER.address))
    assert node.call(token.functions.balanceOf(bids.address)) == 0


@pytest.mark.parametrize("call", ["commit", "withdrawCredit"])
def test_a_token_that_calls_back_finds_the_door_closed(
    node: Node, bids: Contract, artifacts: TestContracts, call: str
) -> None:
    token = artifacts.deploy("ReentrantToken", ANNE.address, 10 * BOND)
    tender = token_tender(node, bids, token)
    if call == "withdrawCredit":
        tender.commit(ANNE, 1)
        tender.end_commits()
        tender.reveal(ANNE, 1)
    again = bids.encode_abi("withdrawCredit", [token.address, ANNE.address])
    node.send(STRANGER, token.functions.arm(bids.address, again))
    with refused("ReentrancyGuardReentrantCall"):
        if call == "commit":
            tender.commit(ANNE, 1)
        else:
            node.send(ANNE, bids.functions.withdrawCredit(token.address, ANNE.address))


def token_tender(node: Node, bids: Contract, token: Contract) -> TenderBuilder:
    node.send(ANNE, token.functions.approve(bids.address, 10 * BOND))
    tender = TenderBuilder(node, bids, currency=token.address)
    tender.open()
    return tender


# -------------------------------------------------------------------------------------- log


def test_the_log_rebuilds_the_standing(tender: TenderBuilder) -> None:
    opened = TenderBuilder(tender.node, tender.contract, salt=b"\x01" * 32)
    log = tender.events(opened.open())
    assert log[0][1]["tender"]["revealEnd"] == opened.terms.reveal_end
    prices = [5 * WEI, 3 * WEI, None, 4 * WEI]
    for bidder, price in zip(BIDDERS, prices, strict=False):
        log += tender.events(opened.commit(bidder, price or 0))
    opened.end_commits()
    for bidder, price in zip(BIDDERS, prices, strict=False):
        if price is not None:
            log += tender.events(opened.reveal(bidder, price))

    terms = log[0][1]["tender"]
    revealed = {event["bidder"]: event["price"] for name, event in log if name == "BidRevealed"}
    made = [
        Bid(event["bidder"], revealed.get(event["bidder"]))
        for name, event in sorted(log, key=lambda entry: entry[1].get("order", 0))
        if name == "BidSealed"
    ]
    expected = award(made, terms["reserve"], PricingRule(terms["rule"]))
    assert log[-1][1]["leader"] == expected.winner
    opened.end_reveals()
    assert opened.award() == (expected.winner, expected.price)
    standing = opened.call("standingOf", opened.id)
    assert standing[3] == sum(bid.price is None for bid in made)
    assert standing[2] == 1 + len(made)
