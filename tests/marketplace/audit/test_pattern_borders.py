"""Where a pattern begins: on histories of trades that differ in who paid whom, and how much."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from audited_trade import Settled
from telling import told

from marketplace.audit.auditor import replayed
from marketplace.audit.history import History
from marketplace.audit.patterns.bidding import moving_bids
from marketplace.audit.patterns.dealing import self_dealing
from marketplace.audit.patterns.farming import TINY_PART, farming
from marketplace.audit.records import Credit
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose
from marketplace.protocol.tenders import Tender
from marketplace.protocol.terms import NATIVE

A, B, C, D = (f"0x{number:040x}" for number in (10, 11, 12, 13))

Paying = Callable[[str, str, int], Trade]


@pytest.fixture(scope="session")
def honest(settled: Settled) -> History:
    return replayed(settled.chain, settled.market)


@pytest.fixture
def paying(honest: History) -> Paying:
    """A settled trade in which a buyer paid an expert, and nobody else; the price is as much."""
    (trade,) = honest.trades.values()
    assert trade.acceptance is not None
    quote = replace(trade.acceptance.quote, data_quotes=(), broker_fee=0, auditor_fee=0)
    quote = replace(quote, oracle_fee=0)

    def paid(buyer: str, payee: str, amount: int) -> Trade:
        assert trade.acceptance is not None
        credit = Credit(payee, NATIVE, amount, bytes(32), Purpose.EXPERT)
        acceptance = replace(trade.acceptance, quote=replace(quote, expert_pool=amount))
        return replace(trade, buyer=buyer, credits=[credit], acceptance=acceptance)

    return paid


def history(honest: History, trades: Iterable[Trade]) -> History:
    return replace(honest, trades={bytes([n] * 32): trade for n, trade in enumerate(trades)})


@pytest.mark.parametrize(
    ("flows", "circles"),
    [
        ([(A, B, 1_000), (B, A, 500)], 1),
        ([(A, B, 1_000), (B, A, 499)], 0),
        ([(B, A, 1_000), (A, B, 500)], 1),
        ([(A, B, 1_000), (B, C, 800), (C, A, 500)], 1),
        ([(A, B, 1_000), (B, C, 800), (C, A, 499)], 0),
        ([(A, C, 1_000), (C, B, 800), (B, A, 500)], 1),
        ([(A, B, 1_000), (B, C, 800)], 0),
        # A pair is told as such, and not once more with a third.
        ([(A, B, 1_000), (B, A, 1_000), (B, C, 1_000), (C, A, 1_000)], 1),
        ([(A, A, 5)], 1),
        ([(A, B, 1_000), (B, B, 1_000), (B, A, 100)], 1),
        ([(A, B, 1_000), (B, C, 1_000), (C, D, 1_000), (D, A, 1_000)], 0),
    ],
)
def test_circles(
    honest: History, paying: Paying, flows: list[tuple[str, str, int]], circles: int
) -> None:
    found = self_dealing(history(honest, [paying(*flow) for flow in flows]))
    assert found.verdict == ("warned" if circles else "passed")
    assert found.detail.count(";") + 1 == max(circles, 1)


USUAL = 1_000 * TINY_PART


@pytest.mark.parametrize(
    ("tiny", "price", "others", "farms"),
    [
        (8, 1_000, 2, True),
        (8, 1_001, 2, False),
        (7, 1_000, 2, False),
        (5, 1_000, 1, True),
        (4, 1_000, 1, False),
    ],
)
def test_farming(
    honest: History, paying: Paying, tiny: int, price: int, others: int, farms: bool
) -> None:
    # Two buyers who pay the usual price to somebody else make it the usual one.
    usual = [paying(C, D, USUAL), paying(D, C, USUAL), paying(B, D, USUAL)]
    small = [paying(B, A, price) for _ in range(tiny)]
    large = [paying(C, A, USUAL) for _ in range(others)]
    found = farming(history(honest, [*usual, *small, *large]))
    assert (found.verdict == "warned") is farms
    if farms:
        assert f"{A} was paid in {tiny + others} trades, {tiny} of them tiny" in found.detail


def bidden(
    honest: History, *rounds: tuple[int, ...], until: int = 100, leaders: bool = True
) -> History:
    bids = replace(honest, tenders=type(honest.tenders)())
    for number, prices in enumerate(rounds):
        name = bytes([number] * 32)
        terms = Tender(A, 0, 0, name, NATIVE, 1, 1_000, until - 1, until, name)
        bids.tenders.take(told("TenderOpened", tenderId=name, tender=terms), 1)
        for bidder, price in zip((A, B), prices, strict=False):
            leader = (A if prices[0] <= min(prices) else B) if leaders else None
            reveal = {"bidder": bidder, "price": price, "leader": leader}
            bids.tenders.take(told("BidRevealed", tenderId=name, **reveal), 1)
    return bids


APART = [(100, 107), (230, 237), (350, 357)]


def test_bids_count_when_no_price_can_follow(honest: History) -> None:
    bids = bidden(honest, *APART)
    assert moving_bids(bids, 101).verdict == "warned"
    assert moving_bids(bids, 100).verdict == "passed"


def test_one_bidder_moves_with_nobody(honest: History) -> None:
    assert moving_bids(bidden(honest, (1,), (2,), (4,), (8,)), 101).verdict == "passed"


def test_prices_of_nothing_have_no_ratio(honest: History) -> None:
    assert moving_bids(bidden(honest, (0, 0), (0, 0), (0, 0)), 101).verdict == "passed"


def test_who_leads_nothing_takes_no_turn(honest: History) -> None:
    rounds = [(1, 9), (8, 3), (2, 7), (9, 5), (4, 5), (7, 1)]
    assert moving_bids(bidden(honest, *rounds), 101).verdict == "warned"
    assert moving_bids(bidden(honest, *rounds, leaders=False), 101).verdict == "passed"


def test_who_always_wins_takes_no_turn(honest: History) -> None:
    rounds = [(1, 9), (3, 8), (2, 6), (5, 12), (4, 7), (1, 2)]
    assert moving_bids(bidden(honest, *rounds), 101).verdict == "passed"


@pytest.mark.parametrize(
    ("flows", "warned"),
    [([(A, B, 1_000), (B, A, 1_000)], True), ([(A, A, 1_000)], False), ([(A, B, 1_000)], False)],
)
def test_a_broker_s_fee_counts_unless_the_buyer_is_its_own_broker(
    honest: History, paying: Paying, flows: list[tuple[str, str, int]], warned: bool
) -> None:
    trades = [paying(*flow) for flow in flows]
    for trade in trades:
        trade.credits = [replace(credit, purpose=Purpose.BROKER) for credit in trade.credits]
    assert self_dealing(history(honest, trades)).verdict == ("warned" if warned else "passed")


@pytest.mark.parametrize("last", [(7, 1), (3, 8)])
def test_turns_end_where_the_same_bidder_wins_again(honest: History, last: tuple[int, int]) -> None:
    rounds = [(1, 9), (8, 3), (2, 7), (9, 5), (4, 5), last]
    taking_turns = last[1] < last[0]
    found = moving_bids(bidden(honest, *rounds), 101)
    assert found.verdict == ("warned" if taking_turns else "passed")
