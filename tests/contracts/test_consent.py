"""Consent: its end is the provider's to set, and starts the maintainer's deadline at no cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from expectations import refused, refused_for_one_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office import bitmap
from participants import forgetting
from parties import PARTIES
from quick_chain import move_to
from web3.contract import Contract
from web3.types import TxReceipt
from whole_trade import DAY, SEATS, WholeTrade, World, commitment, quote_hash

from marketplace.chain.client import Node
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.states import State

WINDOW = 30 * DAY
PROVIDER, OTHER = PARTIES.providers[0], PARTIES.providers[1]
BROKER, STRANGER = PARTIES.broker, PARTIES.stranger
DATASET = commitment("dataset 0")
REPORT = commitment("new validation")


class Standing(IntEnum):
    UNLINKED = 0
    CLEAR = 1
    WITHDRAWN = 2
    REVALIDATED = 3
    OVERDUE = 4


@dataclass(frozen=True)
class Office:
    """The market and the registry of consent."""

    world: World
    contract: Contract

    def send(self, by: LocalAccount, function: str, *arguments: Any) -> TxReceipt:
        call = getattr(self.contract.functions, function)(*arguments)
        return self.world.node.send(by, call)

    def settled(self, **fields: Any) -> WholeTrade:
        return WholeTrade(self.world, **fields).fund().deliver().settle()

    def state(self, trade: WholeTrade) -> State:
        status = self.world.node.call(self.world.market.functions.statusOf(trade.id))
        return State(status & 0xFF)

    def training(self, trade: WholeTrade, **other: Any) -> dict[str, Any]:
        return {
            "quote": trade.quote,
            "deal": trade.deal,
            "dropped": trade.dropped,
            "report": trade.data_report,
            "judges": self.world.judges,
            "signers": bitmap(SEATS),
            "signatures": trade.signed_data_report,
            "history": trade.history,
            "amounts": trade.amounts,
            "record": trade.record_digest,
        } | other

    def link(self, trade: WholeTrade, index: int = 0, **other: Any) -> TxReceipt:
        return self.send(STRANGER, "link", self.training(trade, **other), index)

    def linked(self, **fields: Any) -> WholeTrade:
        trade = self.settled(**fields)
        self.link(trade)
        return trade

    def revalidate(self, trade: WholeTrade, by: LocalAccount = BROKER) -> TxReceipt:
        return self.send(by, "revalidate", trade.id, PROVIDER.address, DATASET, REPORT)

    def standing(
        self, trade: WholeTrade, provider: LocalAccount = PROVIDER, dataset: bytes = DATASET
    ) -> tuple[Standing, int]:
        call = self.contract.functions.standingOf(trade.id, provider.address, dataset)
        standing, deadline = self.world.node.call(call)
        return Standing(standing), deadline

    @property
    def now(self) -> int:
        return self.world.node.now()


@pytest.fixture
def office(node: Node) -> Iterator[Office]:
    with forgetting(node):
        world = World.deploy(node)
        address = world.market.address
        yield Office(world, node.deploy(PARTIES.admin, "ConsentRegistry", address, WINDOW))


def test_a_withdrawal_counts_against_every_linked_model(office: Office) -> None:
    trades = [office.settled(salt=salt) for salt in ("one", "two")]
    for trade in trades:
        assert office.standing(trade) == (Standing.UNLINKED, 0)
        office.link(trade)
        assert office.standing(trade) == (Standing.CLEAR, 0)
    office.send(PROVIDER, "withdrawConsent", DATASET)
    assert {office.standing(trade) for trade in trades} == {
        (Standing.WITHDRAWN, office.now + WINDOW)
    }


def test_the_maintainer_has_until_the_deadline_to_the_second(office: Office) -> None:
    trade, late = office.linked(salt="one"), office.linked(salt="two")
    office.send(PROVIDER, "withdrawConsent", DATASET)
    deadline = office.now + WINDOW
    move_to(office.world.node, deadline - 1)
    office.revalidate(trade)  # in the next second, the last
    assert office.standing(trade) == (Standing.REVALIDATED, deadline)
    assert office.standing(late) == (Standing.WITHDRAWN, deadline)
    move_to(office.world.node, deadline + 1)
    assert office.standing(trade) == (Standing.REVALIDATED, deadline)
    assert office.standing(late) == (Standing.OVERDUE, deadline)
    with refused("WrongStanding", Standing.OVERDUE, Standing.WITHDRAWN):
        office.revalidate(late)
    reported = office.contract.functions.reportOf(trade.id, PROVIDER.address, DATASET)
    assert office.world.node.call(reported) == REPORT


def test_only_the_maintainer_reports_and_only_when_it_has_to(office: Office) -> None:
    trade = office.settled()
    with refused("WrongStanding", Standing.UNLINKED, Standing.WITHDRAWN):
        office.revalidate(trade)
    office.link(trade)
    with refused("WrongStanding", Standing.CLEAR, Standing.WITHDRAWN):
        office.revalidate(trade)
    office.send(PROVIDER, "withdrawConsent", DATASET)
    for other in (PROVIDER, PARTIES.buyer, STRANGER):
        with refused("NotTheMaintainer", other.address, BROKER.address):
            office.revalidate(trade, by=other)
    with refused("ZeroReport"):
        office.send(BROKER, "revalidate", trade.id, PROVIDER.address, DATASET, bytes(32))
    office.revalidate(trade)
    with refused("WrongStanding", Standing.REVALIDATED, Standing.WITHDRAWN):
        office.revalidate(trade)


def test_an_expiry_is_a_withdrawal_without_a_transaction(office: Office) -> None:
    trade = office.linked()
    ends_at = office.now + 10 * DAY
    office.send(PROVIDER, "setConsentEnd", DATASET, ends_at)
    move_to(office.world.node, ends_at - 1)
    assert office.standing(trade) == (Standing.CLEAR, 0)
    move_to(office.world.node, ends_at)
    assert office.standing(trade) == (Standing.WITHDRAWN, ends_at + WINDOW)
    move_to(office.world.node, ends_at + WINDOW + 1)
    assert office.standing(trade) == (Standing.OVERDUE, ends_at + WINDOW)


def test_no_end_lies_in_the_past_and_none_that_came_is_undone(office: Office) -> None:
    for ends_at in (0, office.now, office.now + 1):  # the transaction is in the next second
        with refused("EndInThePast", ends_at):
            office.send(PROVIDER, "setConsentEnd", DATASET, ends_at)
    ends_at = office.now + DAY
    office.send(PROVIDER, "setConsentEnd", DATASET, ends_at)
    office.send(PROVIDER, "setConsentEnd", DATASET, ends_at + DAY)  # it may change its mind
    office.send(PROVIDER, "setConsentEnd", DATASET, ends_at)
    move_to(office.world.node, ends_at)
    for function, arguments in (
        ("setConsentEnd", (DATASET, ends_at + DAY)),
        ("withdrawConsent", (DATASET,)),
    ):
        with refused("ConsentHasEnded", ends_at):
            office.send(PROVIDER, function, *arguments)


def test_a_provider_speaks_for_the_datasets_that_it_quoted(office: Office) -> None:
    trade = office.linked()
    for other in (OTHER, STRANGER, BROKER):
        office.send(other, "withdrawConsent", DATASET)
        assert office.standing(trade, other) == (Standing.UNLINKED, 0)
    assert office.standing(trade) == (Standing.CLEAR, 0)
    office.send(PROVIDER, "withdrawConsent", commitment("dataset 1"))
    assert office.standing(trade) == (Standing.CLEAR, 0)


def test_a_late_link_leaves_the_maintainer_its_time(office: Office) -> None:
    office.send(PROVIDER, "withdrawConsent", DATASET)
    trade = office.settled()
    move_to(office.world.node, office.now + 2 * WINDOW)
    office.link(trade)
    assert office.standing(trade) == (Standing.WITHDRAWN, office.now + WINDOW)


def test_a_dataset_is_linked_once(office: Office) -> None:
    trade = office.linked()
    with refused("AlreadyLinked", trade.id, DATASET):
        office.link(trade)
    office.link(trade, index=1)
    assert office.standing(trade, OTHER, commitment("dataset 1")) == (Standing.CLEAR, 0)


def test_data_that_was_not_delivered_trained_nothing(office: Office) -> None:
    trade = office.settled(accepted=0b101)
    with refused("NotDelivered", 1):
        office.link(trade, index=1)
    with refused("NoSuchQuote", 3, 3):
        office.link(trade, index=3)
    office.link(trade, index=2)


def test_a_trade_that_runs_has_no_model(office: Office) -> None:
    trade = WholeTrade(office.world)
    for step in (lambda: None, trade.fund, trade.deliver):
        step()
        with refused("NothingDelivered", trade.id):
            office.link(trade)
    trade.settle()
    office.link(trade)


def test_a_model_that_was_delivered_and_not_paid_for_is_linked(office: Office) -> None:
    trade = WholeTrade(office.world, request_fields={"approvalRequired": True})
    trade.fund().deliver().settle(approved=False)
    assert office.state(trade) == State.REFUNDED
    office.link(trade)
    office.send(PROVIDER, "withdrawConsent", DATASET)
    assert office.standing(trade) == (Standing.WITHDRAWN, office.now + WINDOW)


def test_a_model_that_failed_is_linked_to_nothing(office: Office) -> None:
    trade = WholeTrade(office.world, passed=False, request_fields={"maxAttempts": 1})
    trade.fund().deliver().settle()
    assert office.state(trade) == State.FAILED
    with refused("NothingDelivered", trade.id):
        office.link(trade)
    with refused_for_one_of("RecordMismatch"):
        office.link(trade, amounts=bytes(32))


def test_a_forged_training_is_refused(office: Office) -> None:
    trade = office.settled(accepted=0b101)
    report = trade.data_report
    for other in (
        {"deal": trade.deal | {"broker": STRANGER.address}},
        {"dropped": 0},
        {"report": report | {"weights": [200_000] * 5}},
        {"judges": (1, 1, [STRANGER.address])},
        {"amounts": bytes(32)},
        {"record": bytes(32)},
    ):
        with refused_for_one_of("RecordMismatch"):
            office.link(trade, **other)
    all_delivered = report | {"accepted": 0b111}
    for forged in (all_delivered, report | {"dataEvidence": bytes(32)}):
        with refused_for_one_of("BadSeatSignature"):
            office.link(trade, report=forged)
    with refused("QuorumNotReached", 1, 2):
        office.link(trade, signers=1, signatures=trade.signed_data_report[:64])


def test_only_the_quote_that_was_accepted_links(office: Office) -> None:
    trade = office.settled()
    planted = [dict(quote) for quote in trade.quote["dataQuotes"]]
    planted[0]["provider"] = STRANGER.address
    earlier = {fee: trade.quote[fee] + 1 for fee in ("expertPool", "brokerFee")}
    for change in ({"dataQuotes": planted}, {"dataQuotes": planted[1:]}, earlier):
        other = trade.quote | change  # it doesn't count whether the broker signed this one, too
        with refused("QuoteMismatch", quote_hash(other), quote_hash(trade.quote)):
            office.link(trade, quote=other)


@dataclass
class Model:
    """The rules in plain Python, from the times of end, link and report."""

    end: int | None = None
    linked: int | None = None
    reported: bool = False

    def standing(self, now: int) -> tuple[Standing, int]:
        if self.linked is None:
            return Standing.UNLINKED, 0
        if self.end is None or now < self.end:
            return Standing.CLEAR, 0
        deadline = max(self.end, self.linked) + WINDOW
        if self.reported:
            return Standing.REVALIDATED, deadline
        return (Standing.WITHDRAWN if now <= deadline else Standing.OVERDUE), deadline

    def may(self, action: str, ends_in: int, now: int) -> bool:
        if action == "link":
            return self.linked is None
        if action == "revalidate":
            return self.standing(now)[0] is Standing.WITHDRAWN
        in_force = self.end is None or now < self.end
        return in_force and (action == "withdrawConsent" or ends_in > 0)

    def do(self, action: str, ends_in: int, now: int) -> None:
        if action == "link":
            self.linked = now
        elif action == "revalidate":
            self.reported = True
        else:
            self.end = now + (ends_in if action == "setConsentEnd" else 0)


WALK = st.lists(
    st.one_of(
        st.tuples(st.just("setConsentEnd"), st.integers(-2 * DAY, 40 * DAY)),
        st.tuples(st.sampled_from(["withdrawConsent", "revalidate", "link"]), st.just(0)),
        st.tuples(st.just("wait"), st.sampled_from([1, DAY, WINDOW, WINDOW + DAY])),
    ),
    max_size=8,
)


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(WALK)
def test_any_walk_agrees_with_the_rules_in_python(
    office: Office, walk: list[tuple[str, int]]
) -> None:
    node = office.world.node
    with forgetting(node):
        trade, model = office.settled(), Model()
        for action, number in walk:
            now = office.now + 1  # when the next transaction is mined
            calls = {
                "setConsentEnd": lambda ends_at=now + number: office.send(
                    PROVIDER, "setConsentEnd", DATASET, ends_at
                ),
                "withdrawConsent": lambda: office.send(PROVIDER, "withdrawConsent", DATASET),
                "link": lambda: office.link(trade),
                "revalidate": lambda: office.revalidate(trade),
            }
            if action == "wait":
                node.advance_time(number)
            elif model.may(action, number, now):
                calls[action]()
                model.do(action, number, now)
            else:
                with pytest.raises(TransactionReverted):
                    calls[action]()
            assert office.standing(trade) == model.standing(office.now)
