"""Which contract's events count for what: the same event told by another one changes nothing.

What an event does is seen in the history; the books of what each contract holds are folded alone.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from audit_chain import QuickChain
from audited_trade import Settled
from eth_utils.crypto import keccak
from telling import told

from marketplace.audit.abi import Event
from marketplace.audit.auditor import blank_history, replayed
from marketplace.audit.books import Books
from marketplace.audit.chain import open_chain
from marketplace.audit.history import History
from marketplace.audit.log import LogReader
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade
from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.protocol.states import Purpose
from marketplace.protocol.tenders import Tender
from marketplace.protocol.terms import NATIVE, NOBODY

ONE, TWO, THREE = (f"0x{number:040x}" for number in (1, 2, 3))
NOWHERE, TENDER, GROUP = (keccak(text=text) for text in ("a trade", "a tender", "a group"))


@pytest.fixture(scope="module")
def blank(_chain: tuple[QuickChain, Node, Deployment]) -> History:
    chain, _, deployment = _chain
    others = {"bids": deployment.bids, "payouts": deployment.payouts}
    return blank_history(open_chain(Rpc(chain), deployment.market, **others))


@pytest.fixture
def history(blank: History) -> History:
    """One of all contracts, before the first event."""
    return copy.deepcopy(blank)


PAYMENT = {"account": ONE, "amount": 5, "purpose": Purpose.DATA}
TERMS = Tender(ONE, 0, 0, bytes(32), NATIVE, 3, 1_000, 8, 9, bytes(32))
CHALLENGE = {
    "tradeId": NOWHERE,
    "challenger": ONE,
    "claim": TENDER,
    "salt": GROUP,
    "currency": NATIVE,
    "bond": 5,
}

Seen = Callable[[History], Any]

EVENTS: dict[str, tuple[str, dict[str, Any], Seen, Any]] = {
    "Credited": (
        "market",
        {"tradeId": NOWHERE, "currency": NATIVE, "payments": (PAYMENT,)},
        lambda history: dict(history.credit),
        {(ONE, NATIVE): 5},
    ),
    "Refunded": (
        "market",
        {"tradeId": NOWHERE, "buyer": TWO, "currency": NATIVE, "amount": 4},
        lambda history: dict(history.credit),
        {(TWO, NATIVE): 4},
    ),
    "ChallengeAnnounced": (
        "challenges",
        {"seal": TENDER},
        lambda history: dict(history.disputes.announced),
        {TENDER: 0},
    ),
    "Challenged": ("challenges", CHALLENGE, lambda history: len(history.disputes.acts), 1),
    "StakeDeposited": (
        "registry",
        {"account": ONE, "amount": 5},
        lambda history: dict(history.deposits.staked),
        {ONE: 5},
    ),
    "GroupJoined": (
        "registry",
        {"account": ONE, "group": GROUP, "effectiveAt": 0},
        lambda history: history.affiliations.group_of(ONE, 0),
        GROUP,
    ),
    "TenderOpened": (
        "bids",
        {"tenderId": TENDER, "requester": ONE, "tender": TERMS},
        lambda history: list(history.tenders.biddings),
        [TENDER],
    ),
    "Funded": (
        "payouts",
        {"currency": NATIVE, "from": ONE, "amount": 5, "funded": 5},
        lambda history: dict(history.payouts.funded),
        {NATIVE: 5},
    ),
    "Staked at the committee": (
        "committee",
        {"member": ONE, "from": TWO, "amount": 5},
        lambda history: dict(history.committee.bonded),
        {ONE: 5},
    ),
    "Staked at the panel": (
        "panel",
        {"member": ONE, "from": TWO, "amount": 5},
        lambda history: dict(history.panel.bonded),
        {ONE: 5},
    ),
}
CONTRACTS = (
    *("market", "rules", "committee", "panel", "challenges", "registry", "bids", "payouts"),
)


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_counts_if_its_own_contract_tells_it(history: History, kind: str) -> None:
    own, values, seen, expected = EVENTS[kind]
    before = copy.deepcopy(seen(history))
    name, also = kind.partition(" ")[0], {"tenderId": TENDER}  # which tenders ask every event for
    for contract in CONTRACTS:
        if contract == own:
            continue
        other = copy.deepcopy(history)
        other.take(told(name, by=getattr(history.contracts, contract), **{**also, **values}))
        assert seen(other) == before, contract
    history.take(told(name, by=getattr(history.contracts, own), **values))
    assert seen(history) == expected


# ----------------------------------------------------------- what was never requested


@pytest.mark.parametrize(
    ("contract", "name", "values"),
    [
        ("market", "Locked", {"from": ONE, "currency": NATIVE, "amount": 5}),
        ("market", "TradeEnded", {"state": 0}),
        ("challenges", "Challenged", CHALLENGE),
        ("challenges", "ScoresOpened", {"attempt": 1, "opened": 1, "scores": (), "salts": ()}),
    ],
)
def test_events_of_a_trade_that_nobody_asked_for_are_strays(
    history: History, contract: str, name: str, values: dict[str, Any]
) -> None:
    by = getattr(history.contracts, contract)
    history.take(told(name, by=by, **{**values, "tradeId": NOWHERE}))
    assert history.strays == [
        f"{name} in block 1, log 0 is of trade 0x{NOWHERE.hex()}, which was never requested"
    ]
    assert history.trades == {}


# -------------------------------------------------------------- rules and offices


@pytest.fixture(scope="module")
def request_of(settled: Settled) -> Event:
    looked = open_chain(Rpc(settled.chain), settled.market)
    reader = LogReader(looked.rpc, looked.interfaces, 0, looked.block.number)
    return next(event for event in reader.events() if event.name == "ModelRequested")


def test_a_request_is_held_against_the_rules_before_it(history: History, request_of: Event) -> None:
    contracts = history.contracts
    rules: list[tuple[str, dict[str, Any]]] = [
        ("FeeChanged", {"feeBps": 70, "treasury": ONE}),
        ("ReviewChanged", {"baseReview": 60, "reviewShift": 3}),
        ("ReviewShiftChanged", {"currency": TWO, "reviewShift": 2}),
        ("ReviewShiftChanged", {"currency": THREE, "reviewShift": 4}),
        ("ReviewShiftChanged", {"currency": THREE, "reviewShift": 0}),
        ("RequestsPaused", {"paused": True}),
        ("AuthorityUpdated", {"authority": ONE}),  # no rule of the market's
    ]
    for name, values in rules:
        history.take(told(name, by=contracts.rules, **values))
    strange = {"feeBps": 9_999, "treasury": NOBODY}
    for contract in ("committee", "panel", "challenges", "registry", "payouts"):
        history.take(told("FeeChanged", by=getattr(contracts, contract), **strange))
    history.take(replace(request_of, log=replace(request_of.log, address=contracts.market)))
    (trade,) = history.trades.values()
    found = trade.in_force
    assert (found.fee_bps, found.treasury, found.paused) == (70, ONE, True)
    assert (found.base_review, found.review_shift, found.own_shifts) == (60, 3, {TWO: 2})
    assert [found.review_of(currency, 64) for currency in (TWO, THREE)] == [60 + 16, 60 + 8]


def slashed(by: str, amount: int, transaction: bytes) -> Event:
    event = told("Slashed", by=by, member=ONE, to=TWO, amount=amount)
    return replace(event, log=replace(event.log, transaction=transaction))


def test_an_act_counts_what_stakes_lost_before_it_in_its_transaction(history: History) -> None:
    """Committee's and panel's stakes alike; what comes by itself belongs to no act."""
    contracts = history.contracts
    act = told("SilencePenalised", by=str(contracts.challenges), tradeId=NOWHERE, slashed=2)
    here = act.log.transaction
    taken = slashed(contracts.panel, 1, here), slashed(contracts.committee, 2, here)
    before = slashed(contracts.committee, 3, b"another transaction")
    after = slashed(contracts.committee, 4, here)
    elsewhere = slashed(str(contracts.registry), 5, here)  # it takes no such stakes
    for event in (before, *taken, elsewhere, act, after):
        history.take(event)
    (found,) = history.disputes.acts[NOWHERE]
    assert [slash.amount for slash in found.slashes] == [1, 2]
    assert [slash.amount for slash in history.disputes.unclaimed] == [3, 4]


# ------------------------------------------------------------- challenges and groups


@pytest.fixture
def disputed(settled: Settled) -> tuple[History, Trade]:
    """A trade whose buyer is of one group with the first member of the panel."""
    history = replayed(settled.chain, settled.market)
    (trade,) = history.trades.values()
    jury = history.panel.of(trade.request.panel).members
    for account in (trade.buyer, jury[0]):
        joined = {"account": account, "group": GROUP, "effectiveAt": 0}
        history.take(told("GroupJoined", by=str(history.contracts.registry), **joined))
    return history, trade


def test_a_challenge_bars_who_of_the_panel_is_of_one_party(
    disputed: tuple[History, Trade],
) -> None:
    history, trade = disputed
    by, values = str(history.contracts.challenges), {**CHALLENGE, "tradeId": trade.id}
    history.take(told("Challenged", 1, by=by, **{**values, "challenger": trade.buyer}))
    assert history.affiliations.barred == {trade.id: (0b1, 0b1)}
    assert history.affiliations.challengers == {trade.id: 0b1}
    assert history.affiliations.judges == []


def test_of_a_rejection_the_buyers_group_bars_nobody_from_overturning(
    disputed: tuple[History, Trade],
) -> None:
    history, trade = disputed
    trade.attempts[:] = [attempt for attempt in trade.attempts if not attempt.passed]
    by, values = str(history.contracts.challenges), {**CHALLENGE, "tradeId": trade.id}
    history.take(told("Challenged", 1, by=by, **{**values, "challenger": NOBODY}))
    assert history.affiliations.barred == {trade.id: (0b1, 0)}
    jury = history.panel.of(trade.request.panel).members
    trade.request = replace(trade.request, buyer=jury[1])
    history.take(told("Challenged", 1, by=by, **{**values, "challenger": NOBODY}))
    assert history.affiliations.barred == {trade.id: (0b10, 0b10)}


def test_the_treasury_upholds_nothing(disputed: tuple[History, Trade]) -> None:
    history, trade = disputed
    jury = history.panel.of(trade.request.panel).members
    trade.request = replace(trade.request, buyer=NOBODY, treasury=jury[2])
    by, values = str(history.contracts.challenges), {**CHALLENGE, "tradeId": trade.id}
    history.take(told("Challenged", 1, by=by, **{**values, "challenger": NOBODY}))
    assert history.affiliations.barred == {trade.id: (0b100, 0)}


@pytest.mark.parametrize("name", ["VerdictUpheld", "VerdictOverturned"])
@pytest.mark.parametrize(("signers", "own"), [(0b011, 1), (0b110, 0)])
def test_a_ruling_by_a_party_of_its_own_is_seen(
    disputed: tuple[History, Trade], name: str, signers: int, own: int
) -> None:
    history, trade = disputed
    by = str(history.contracts.challenges)
    history.take(told(name, 1, by=by, tradeId=trade.id, signers=signers))
    assert len(history.affiliations.judges) == own
    assert all(said.startswith(f"{name} of trade") for said in history.affiliations.judges)
    assert (history.affiliations.barred, history.strays) == ({}, [])


def test_a_challenge_that_lapses_was_ruled_on_by_nobody(disputed: tuple[History, Trade]) -> None:
    history, trade = disputed
    history.take(told("ChallengeLapsed", 1, by=str(history.contracts.challenges), tradeId=trade.id))
    assert (history.affiliations.judges, history.affiliations.barred) == ([], {})


# ------------------------------------------------------------ what each contract holds


def books(history: History, *events: Event) -> Books:
    for event in events:
        history.books.take(event)
    return history.books


def test_only_what_comes_in_and_leaves_changes_what_a_contract_holds(history: History) -> None:
    contracts = history.contracts
    market, committee, payouts = contracts.market, contracts.committee, str(contracts.payouts)
    staked = {"member": ONE, "from": TWO, "amount": 7}
    found = books(
        history,
        told("Locked", by=market, **{"from": ONE}, currency=NATIVE, amount=50),
        told("Credited", by=market, currency=NATIVE, payments=(PAYMENT,)),
        told("Staked", by=committee, **staked),
        told("UnstakeRequested", by=committee, member=ONE, amount=2),
    )
    assert found.held == {(market, NATIVE): 50, (committee, NATIVE): 7}
    assert found.moved() == sorted([(market, NATIVE), (committee, NATIVE)])
    assert found.moved() == []
    leaving = {"account": ONE, "currency": NATIVE, "amount": 5}
    books(history, told("Withdrawn", by=market, to=ONE, **leaving))
    assert found.held == {(market, NATIVE): 45, (committee, NATIVE): 7}
    assert found.moved() == [(market, NATIVE)]
    books(history, told("Withdrawn", by=market, to=payouts, **leaving))
    assert found.held == {(market, NATIVE): 40, (committee, NATIVE): 7, (payouts, NATIVE): 5}
    assert found.moved() == sorted([(market, NATIVE), (payouts, NATIVE)])
