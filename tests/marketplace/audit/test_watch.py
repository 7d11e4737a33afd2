"""What must hold after every transaction: each breach is named once, where it showed first.

The events are told by hand, around contracts that stand on a real chain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from audit_chain import QuickChain
from audited_trade import Settled
from eth_utils.crypto import keccak
from tampering import LyingNode
from telling import told
from web3.providers import BaseProvider

from marketplace.audit.abi import Event
from marketplace.audit.auditor import blank_history, replayed
from marketplace.audit.chain import open_chain
from marketplace.audit.invariants import Watch, trade_faults
from marketplace.audit.log import LogReader
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade, total
from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.protocol.states import Purpose
from marketplace.protocol.terms import NATIVE

ONE, TWO = (f"0x{number:040x}" for number in (1, 2))
NOWHERE = keccak(text="a trade that nobody asked for")

Watching = Callable[..., Watch]


@pytest.fixture
def watching(_chain: tuple[QuickChain, Node, Deployment]) -> Watching:
    """Watch over nothing yet, with a node that says the same balance of every account."""
    chain, _, deployment = _chain

    def watch(held: int = 0) -> Watch:
        node = LyingNode(chain, answers={"eth_getBalance": lambda honest: hex(held)})
        rpc, others = Rpc(node), {"bids": deployment.bids, "payouts": deployment.payouts}
        looked = open_chain(rpc, deployment.market, **others)
        return Watch(blank_history(looked), looked)

    return watch


def placed(event: Event, block: int = 1, transaction: str = "one", index: int = 0) -> Event:
    log = replace(event.log, block=block, transaction=keccak(text=transaction), index=index)
    return replace(event, log=log)


def credited(watch: Watch, amount: int, account: str = ONE) -> Event:
    payment = {"account": account, "amount": amount, "purpose": Purpose.DATA}
    values = {"tradeId": NOWHERE, "currency": NATIVE, "payments": (payment,)}
    return told("Credited", by=watch.history.contracts.market, **values)


def withdrawn(by: str, amount: int, account: str = ONE, name: str = "Withdrawn") -> Event:
    values = {"account": account, "currency": NATIVE, "to": account, "amount": amount}
    return told(name, by=by, **values)


# --------------------------------------------------------------- over an honest log


def followed(source: BaseProvider, market: str) -> tuple[Watch, list[Event]]:
    looked = open_chain(Rpc(source), market)
    reader = LogReader(looked.rpc, looked.interfaces, 0, looked.block.number)
    events, watch = list(reader.events()), Watch(blank_history(looked), looked)
    watch.follow(events)
    return watch, events


def blocks_with_money(watch: Watch, events: list[Event]) -> list[int]:
    """Return the blocks in which coins came into the market, left it, or changed their owner."""
    money = {"Locked", "Credited", "Refunded", "Withdrawn"}
    by_market = [event for event in events if event.log.address == watch.history.contracts.market]
    return sorted({event.log.block for event in by_market if event.name in money})


def test_every_transaction_and_every_block_is_looked_at(settled: Settled) -> None:
    watch, events = followed(settled.chain, settled.market)
    assert (watch.faults, watch.shortages, watch.unasked) == ([], [], 0)
    assert watch.transactions == len({event.log.transaction for event in events})
    staked = {event.log.block for event in events if event.name == "Staked"}
    assert watch.weighed == len(staked | set(blocks_with_money(watch, events)))


def test_a_wei_that_is_missing_is_named_after_each_block_in_which_money_moved(
    settled: Settled,
) -> None:
    lie = {"eth_getBalance": lambda honest: hex(int(honest, 16) - 1)}
    watch, events = followed(LyingNode(settled.chain, answers=lie), settled.market)
    named = [fault for fault in watch.shortages if "the market holds" in fault]
    blocks = blocks_with_money(watch, events)
    assert len(named) == len(blocks) > 3
    for fault, block in zip(named, blocks, strict=True):
        assert fault.startswith(f"after block {block} the market holds ")


# ------------------------------------------------------------------ sums of the market


def test_what_stays_wrong_is_said_once_and_the_market_owes_what_it_said(
    watching: Watching,
) -> None:
    watch = watching(held=4)
    first, second = credited(watch, 5), credited(watch, 7)
    watch.follow([placed(first, 1, index=3), placed(second, 2, "two")])
    sums = f"locked less withdrawn is 0 of {NATIVE}, and escrows and credits are 5"
    assert watch.faults == [f"after block 1, log 3: {sums}"]
    assert watch.shortages == [
        f"after block 1 the market holds 4 of {NATIVE} and owes 5",
        f"after block 2 the market holds 4 of {NATIVE} and owes 12",
    ]


def test_what_another_contract_pays_out_is_still_owed_by_the_market(watching: Watching) -> None:
    watch = watching(held=4)
    payouts = watch.history.contracts.payouts
    assert payouts is not None
    watch.history.payouts.credit[ONE, NATIVE] = 3
    paid = withdrawn(payouts, 3)
    watch.follow([placed(credited(watch, 5)), placed(paid, 2, "two"), *_again(watch, 3)])
    owes = f"the market holds 4 of {NATIVE} and owes 5"
    assert [fault for fault in watch.shortages if "market" in fault] == [
        f"after block 1 {owes}",
        f"after block 3 the market holds 4 of {NATIVE} and owes 6",
    ]


def _again(watch: Watch, block: int) -> list[Event]:
    return [placed(credited(watch, 1), block, "again")]


def test_two_things_that_are_wrong_are_both_said(watching: Watching) -> None:
    watch = watching()
    market = watch.history.contracts.market
    watch.follow(
        [placed(withdrawn(market, 5)), placed(withdrawn(market, 6, TWO), 2, "two", index=4)]
    )
    assert watch.faults == [
        f"after block 1, log 0: the credit of {ONE} is -5",
        f"after block 2, log 4: the credit of {TWO} is -6",
    ]


# ---------------------------------------------------------------------- below zero


MEMBER = {"member": ONE, "to": ONE, "amount": 5}
ACCOUNT = {"account": ONE, "to": ONE, "currency": NATIVE, "amount": 5}
NOTHING = {"account": ONE, "to": ONE, "currency": NATIVE, "amount": 0}
BELOW_ZERO: list[tuple[str, str, dict[str, Any], str]] = [
    ("market", "Withdrawn", ACCOUNT, f"the credit of {ONE}"),
    ("challenges", "CreditWithdrawn", ACCOUNT, f"the award of {ONE}"),
    ("registry", "StakeUnlocked", ACCOUNT, f"the stake of participant {ONE}"),
    ("registry", "StakeWithdrawn", ACCOUNT, f"what {ONE} takes out"),
    *(
        (office, name, values, f"{what} of {ONE} at the {office}")
        for office in ("committee", "panel")
        for name, values, what in (
            ("UnstakeRequested", MEMBER, "the bond"),
            ("StakeWithdrawn", MEMBER, "the unbonding stake"),
            ("CreditWithdrawn", ACCOUNT, "the credit"),
        )
    ),
]
NAMES = [f"{contract}-{name}" for contract, name, *_ in BELOW_ZERO]


@pytest.mark.parametrize(("contract", "name", "values", "what"), BELOW_ZERO, ids=NAMES)
def test_what_falls_below_zero_is_named_where_it_did(
    watching: Watching, contract: str, name: str, values: dict[str, Any], what: str
) -> None:
    """Events before it, about the same account at other contracts, are not to blame."""
    watch = watching(held=100)
    contracts = watch.history.contracts
    beside = [
        told("Withdrawn", by=str(contracts.payouts), **NOTHING),
        told("CreditWithdrawn", by=str(contracts.bids), **NOTHING),
        told("StakeDeposited", by=str(contracts.registry), **NOTHING),
    ]
    others = {"committee": "panel", "panel": "committee"}
    if contract in others:
        office = getattr(contracts, others[contract])
        beside.append(told("Staked", by=office, **MEMBER, **{"from": ONE}))
    events = [*beside, told(name, by=getattr(contracts, contract), **values)]
    watch.follow([placed(event, index=index) for index, event in enumerate(events)])
    (fault,) = watch.faults
    assert fault == f"after block 1, log {len(beside)}: {what} is -5"


@pytest.mark.parametrize(("contract", "name", "values", "what"), BELOW_ZERO, ids=NAMES)
def test_nothing_may_be_left(
    watching: Watching, contract: str, name: str, values: dict[str, Any], what: str
) -> None:
    watch = watching(held=100)
    nothing = {**values, "amount": 0}
    watch.follow([placed(told(name, by=getattr(watch.history.contracts, contract), **nothing))])
    assert watch.faults == []


# ----------------------------------------------------------------------- of a trade


@pytest.fixture(scope="module")
def honest(settled: Settled) -> Trade:
    (trade,) = replayed(settled.chain, settled.market).trades.values()
    return trade


def test_nothing_speaks_against_an_honest_trade(honest: Trade) -> None:
    assert list(trade_faults(honest, 2)) == []


def with_a_cap_of_one(trade: Trade) -> Trade:
    return replace(trade, request=replace(trade.request, max_attempts=1))


def passed_before(trade: Trade) -> Trade:
    first, last = trade.attempts
    attempts = [replace(last, number=1), replace(first, number=2)]
    return replace(trade, attempts=attempts)


def with_an_attempt_lost(trade: Trade) -> Trade:
    return replace(trade, attempts=trade.attempts[1:])


def divided_otherwise(trade: Trade) -> Trade:
    first, last = trade.attempts
    finding = last.finding
    amounts = (finding.amounts[0] + 1, *finding.amounts[1:])
    return replace(
        trade, attempts=[first, replace(last, finding=replace(finding, amounts=amounts))]
    )


def expert_unpaid(trade: Trade) -> Trade:
    """The share of the first expert goes to the broker."""
    credits, paid = list(trade.credits), trade.credited(Purpose.EXPERT)[0]
    credits[credits.index(paid)] = replace(paid, purpose=Purpose.BROKER)
    return replace(trade, credits=credits)


def signed_by_one(trade: Trade) -> Trade:
    first, last = trade.attempts
    return replace(trade, attempts=[first, replace(last, signers=0b1, verdicts=0b1)])


def locked_less(trade: Trade) -> Trade:
    (locked,) = trade.locked
    return replace(trade, locked=[replace(locked, amount=locked.amount - 1)])


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (with_a_cap_of_one, ["there are 2 attempts where 1 are allowed"]),
        (passed_before, ["attempt 2 comes after one that passed"]),
        (with_an_attempt_lost, ["attempt 2 comes as number 1"]),
        (divided_otherwise, ["attempt 2 divides {more} of a pool of {pool}"]),
        (expert_unpaid, ["the experts got {less} of a pool of {pool}, at the end"]),
        (signed_by_one, ["too few signed attempt 2"]),
        (
            locked_less,
            [
                "{locked} are locked where the price is {price}, in the escrow",
                "-1 are held where 0 must be, in the escrow",
            ],
        ),
    ],
)
def test_what_does_not_hold_of_a_trade_is_named(
    honest: Trade, alter: Callable[[Trade], Trade], said: list[str]
) -> None:
    assert honest.acceptance is not None
    pool, price = honest.acceptance.quote.expert_pool, total(honest.locked)
    sums = {
        "pool": pool,
        "more": pool + 1,
        "less": pool - honest.credited(Purpose.EXPERT)[0].amount,
        "price": price,
        "locked": price - 1,
    }
    assert list(trade_faults(alter(honest), 2)) == [each.format(**sums) for each in said]


def test_a_report_on_data_needs_its_quorum(honest: Trade) -> None:
    assert next(trade_faults(honest, 3)) == "too few signed the data report"
