"""Patterns that no rule forbids: on a chain that shows them they warn, and fail nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from audited_trade import AuditedTrade
from cast_of_trade import Cast
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from marketplace.audit import Report, audit
from marketplace.audit.auditor import replayed
from marketplace.audit.chain import open_chain
from marketplace.audit.funds import PUBLIC_SOURCE
from marketplace.audit.patterns.farming import FARMED_TRADES
from marketplace.audit.patterns.funding import funders
from marketplace.audit.rpc import Rpc
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.errors import NoContract
from marketplace.protocol.tenders import PricingRule, Service, Tender, bid_seal, tender_id
from marketplace.protocol.terms import NATIVE
from offchain.storage.disk import DiskStore

BOND = 10**15
SENT = 10**15


def report_on(trade: AuditedTrade, **asked: Any) -> Report:
    return audit(trade.market.node.web3.provider, trade.market.address, trade.store, **asked)


def warned(report: Report) -> dict[str, str]:
    assert report.ok, report.objections
    return {check.name: check.detail for check in report.warnings}


# ---------------------------------------------------------------------------- funders


def test_who_funds_two_sides_of_a_trade(trade: AuditedTrade, parties: Cast) -> None:
    funder, sides = parties.stranger.address, (parties.buyer, parties.providers[1])
    for party in sides:
        send(trade.market, funder, party.address)
    trade.to_funded()
    send(trade.market, funder, parties.auditor.address)  # its role was filled before
    detail = warned(report_on(trade, follow_funds=True))["funders"]
    assert detail.count(funder) == 1
    assert all(party.address in detail for party in sides)
    assert "funders" not in {check.name for check in report_on(trade).checks}


def test_who_funds_by_token_until_the_gate(
    market: Market, store: DiskStore, parties: Cast, deployment: Deployment
) -> None:
    node, funder, expert = market.node, parties.stranger, parties.experts[2]
    token = node.contract("DevToken", str(deployment.token))
    trade = AuditedTrade(market, store, parties, currency=token.address)
    node.send(funder, token.functions.mint(funder.address, 10**19))
    node.send(funder, token.functions.transfer(parties.buyer.address, 10**18))
    node.send(parties.buyer, token.functions.approve(market.address, 10**18))
    trade.to_funded()
    node.send(funder, token.functions.transfer(expert.address, 1))
    trade.report_data()
    detail = warned(report_on(trade, follow_funds=True))["funders"]
    assert f"its expert {expert.address}" in detail


def test_a_funder_of_a_trade_that_nobody_accepted(trade: AuditedTrade, parties: Cast) -> None:
    for party in (parties.buyer, parties.auditor):
        send(trade.market, parties.stranger.address, party.address)
    trade.ask()
    assert warned(report_on(trade, follow_funds=True)) == {}


def test_what_comes_in_the_block_of_the_acceptance_counts(
    trade: AuditedTrade, parties: Cast
) -> None:
    for party in (parties.buyer, parties.auditor):
        send(trade.market, parties.stranger.address, party.address)
    trade.to_funded()
    accepted = trade.market.node.web3.eth.block_number
    chain = open_chain(Rpc(trade.market.node.web3.provider), trade.market.address)
    history = replayed(trade.market.node.web3.provider, trade.market.address)
    (known,) = history.trades.values()
    assert known.acceptance is not None
    assert known.acceptance.block == accepted
    sent = [block.number for block in blocks_that_send(trade)][-1]
    for block, verdict in ((sent, "warned"), (sent - 1, "passed")):
        known.acceptance = replace(known.acceptance, block=block)
        assert funders(history, chain, 0).verdict == verdict


def blocks_that_send(trade: AuditedTrade) -> list[Any]:
    eth = trade.market.node.web3.eth
    blocks = [eth.get_block(n, True) for n in range(eth.block_number + 1)]
    return [b for b in blocks if any(t["value"] == SENT for t in b["transactions"])]  # type: ignore[index]


def test_a_source_of_many_says_nothing_of_two(trade: AuditedTrade, parties: Cast) -> None:
    funder = parties.stranger.address
    for party in (parties.buyer, parties.auditor):
        send(trade.market, funder, party.address)
    for number in range(PUBLIC_SOURCE):
        send(trade.market, funder, to_checksum_address(f"0x{0xABCD0000 + number:040x}"))
    trade.to_funded()
    assert warned(report_on(trade, follow_funds=True)) == {}


def test_who_was_paid_by_the_market_was_not_funded_by_it(
    market: Market, store: DiskStore, parties: Cast, deployment: Deployment
) -> None:
    node, token = market.node, market.node.contract("DevToken", str(deployment.token))
    node.send(parties.buyer, token.functions.mint(parties.buyer.address, 10**19))
    node.send(parties.buyer, token.functions.approve(market.address, 10**19))
    before = AuditedTrade(market, store, parties, salt="before", currency=token.address)
    before.to_passed()
    before.attest()
    before.finish()
    for party in (parties.providers[0], parties.auditor):
        before.withdraw(party)
    trade = AuditedTrade(market, store, parties, currency=token.address)
    trade.to_funded()
    assert "funders" not in warned(report_on(trade, follow_funds=True))


def test_an_honest_trade_warns_of_nothing(
    trade: AuditedTrade, parties: Cast, deployment: Deployment
) -> None:
    send(trade.market, parties.stranger.address, parties.buyer.address)
    trade.to_gate()
    send(trade.market, parties.stranger.address, parties.providers[0].address)
    report = report_on(trade, follow_funds=True, bids=deployment.bids)
    assert warned(report) == {}
    looked = {check.name for check in report.checks if check.trade is None}
    assert looked >= {"judges", "funders", "self-dealing", "farming", "bids"}


def send(market: Market, sender: str, receiver: str) -> None:
    draft: Any = {"from": sender, "to": receiver, "value": SENT}
    market.node.web3.eth.send_transaction(draft)


# ----------------------------------------------------------------- dealing and farming


def test_money_that_comes_back(market: Market, store: DiskStore, parties: Cast) -> None:
    first, *others = parties.providers
    swapped = sorted((parties.buyer, *others), key=lambda account: int(account.address, 16))
    back = replace(parties, buyer=first, providers=tuple(swapped))
    for cast in (parties, back):
        trade = AuditedTrade(market, store, cast, salt=cast.buyer.address)
        trade.prices = (10**15, 10**15, 10**15)
        trade.to_gate()
    detail = warned(report_on(trade))["self-dealing"]
    assert detail.count("paid") == 2
    assert f"{parties.buyer.address} paid {10**15} to {first.address}" in detail
    assert f"{first.address} paid {10**15} to {parties.buyer.address}" in detail


@pytest.mark.parametrize(("part", "farms"), [(1_000, True), (1, False)])
def test_many_trades_farm_a_name_only_if_they_are_tiny(
    market: Market, store: DiskStore, parties: Cast, part: int, farms: bool
) -> None:
    for number in range(FARMED_TRADES + 1):
        trade = AuditedTrade(market, store, parties, salt=f"trade {number}")
        if number:
            first, second, third = (price // part for price in trade.prices)
            trade.prices = first, second, third
            trade.expert_pool //= part
            first, second, third = (fee // part for fee in trade.fees)
            trade.fees = first, second, third
        trade.to_gate()
    warnings = warned(report_on(trade))
    assert set(warnings) == ({"farming"} if farms else set())
    if farms:
        assert all(provider.address in warnings["farming"] for provider in parties.providers)


# ------------------------------------------------------------------------------- bids


class Auctions:
    """Tenders that are opened, bid for and revealed one after the other."""

    def __init__(self, market: Market, bids: str, parties: Cast) -> None:
        self.node, self.parties = market.node, parties
        self.contract = market.node.contract("SealedBids", bids)

    def hold(self, *prices: int) -> None:
        """Let the experts bid these prices, in their order."""
        node, now = self.node, self.node.now()
        tender = Tender(
            requester=self.parties.buyer.address,
            service=Service.EXPERT,
            rule=PricingRule.SECOND_PRICE,
            spec=keccak(text="work"),
            currency=NATIVE,
            bond=BOND,
            reserve=10**18,
            commit_end=now + 1_000,
            reveal_end=now + 5_000,
            salt=keccak(text=str(now)),
        )
        terms, salt = tender.as_tuple(), keccak(text="salt")
        name = tender_id(node.chain_id, self.contract.address, tender)
        bids = list(zip(self.parties.experts, prices, strict=False))
        node.send(self.parties.buyer, self.contract.functions.open(terms))
        where = (node.chain_id, self.contract.address, name)
        for bidder, price in bids:
            seal = bid_seal(*where, bidder.address, price, salt)
            node.send(bidder, self.contract.functions.commit(terms, seal), value=BOND)
        node.advance_time(1_001)
        for bidder, price in bids:
            reveal = self.contract.functions.reveal(terms, bidder.address, price, salt)
            node.send(bidder, reveal)
        node.advance_time(4_001)


@pytest.mark.parametrize(
    ("rounds", "told"),
    [
        ([(100, 107), (230, 237), (350, 357)], "differences"),
        ([(100, 150), (200, 300), (70, 105)], "ratios"),
        ([(1, 9), (8, 3), (2, 7), (9, 5), (4, 5), (7, 1)], "won in turn in 6"),
        ([(100, 107), (100, 107), (100, 107), (230, 237)], None),
        ([(5, 9), (6, 3), (2, 7), (9, 15), (4, 5), (7, 1)], None),
    ],
)
def test_bids_that_move_together(
    trade: AuditedTrade,
    parties: Cast,
    deployment: Deployment,
    rounds: Sequence[tuple[int, int]],
    told: str | None,
) -> None:
    auctions = Auctions(trade.market, deployment.bids, parties)
    for prices in rounds:
        auctions.hold(*prices)
    trade.ask()
    warnings = warned(report_on(trade, bids=deployment.bids))
    assert set(warnings) == ({"bids"} if told else set())
    assert (told or "") in warnings.get("bids", "")


def test_an_address_without_tenders_is_refused(trade: AuditedTrade) -> None:
    trade.ask()
    with pytest.raises(NoContract, match="no contract of tenders"):
        report_on(trade, bids=trade.market.address)
