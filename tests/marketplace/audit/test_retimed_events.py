"""Each step of a trade in the first and last second it may come in, a second off, and twice.

The log of an honest trade is folded in memory, with the time of one step changed. What the
windows allow is computed here anew, from the request and the times of the steps before.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import courses
import pytest
from audit_chain import QuickChain
from audited_trade import UNSKILLED, AuditedTrade
from cast_of_trade import Cast
from telling import told
from web3.types import RPCEndpoint

from marketplace.audit.abi import Event
from marketplace.audit.auditor import blank_history
from marketplace.audit.chain import open_chain
from marketplace.audit.history import History
from marketplace.audit.log import LogReader
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade
from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import NATIVE, NOBODY, Request
from offchain.storage.disk import DiskStore

Step = tuple[Event, ...]
"""The events of one transaction."""


@dataclass(frozen=True)
class Told:
    """The log of one trade, transaction by transaction."""

    id: bytes
    blank: History
    steps: tuple[Step, ...]

    def fold(self, steps: Sequence[Step]) -> Trade:
        history = copy.deepcopy(self.blank)
        for step in steps:
            for event in step:
                history.take(event)
        return history.trades[self.id]

    def own(self) -> Iterator[tuple[tuple[Step, ...], Step]]:
        """Yield each step after the request, and all steps before it."""
        for number, step in enumerate(self.steps):
            names = [event.name for event in step if event.trade == self.id]
            if names and names[0] != "ModelRequested":
                yield self.steps[:number], step


def penalised(trade: AuditedTrade) -> None:
    """An earlier attempt's score is still closed when its time is over."""
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt()
    trade.publish()
    trade.lapse()
    trade.settle()
    trade.open_failed(closed=(1,))
    trade.lapse()
    trade.penalise_closed_seals()


def settled_late(trade: AuditedTrade) -> None:
    """A signer's score stays closed, which the settlement waits for."""
    trade.to_gate()
    trade.attempt(seats=(0, 1, 2))
    trade.publish()
    trade.lapse(grace=trade.request.windows.settlement)
    trade.settle(closed=(2,))


def on_record(trade: AuditedTrade) -> None:
    """Providers and experts put their deliveries on record, those of two attempts, too."""
    trade.to_funded()
    trade.put_on_record(trade.parties.providers[0])
    trade.report_data()
    trade.put_on_record(trade.parties.experts[0])
    trade.attempt(UNSKILLED)
    trade.put_on_record(trade.parties.experts[0])


COURSES = {
    play.__name__: play
    for play in (
        courses.declined,
        courses.expired,
        courses.refunded_with_unjudged_data,
        courses.refunded_with_too_few_rows,
        courses.refunded_without_attempt,
        courses.refunded_with_unjudged_training,
        courses.failed,
        courses.settled_with_an_attestation_sent_before,
        courses.settled_by_a_majority,
        courses.settled_in_spite_of_a_challenge,
        courses.settled_after_a_challenge_that_nobody_ruled_on,
        courses.failed_in_spite_of_a_challenge,
        courses.refunded_because_a_failure_was_overturned,
        penalised,
        settled_late,
        on_record,
    )
}


@pytest.fixture(scope="session")
def tell(
    _chain: tuple[QuickChain, Node, Deployment],
    parties: Cast,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], Told]:
    known: dict[str, Told] = {}

    def tale(name: str) -> Told:
        if name not in known:
            known[name] = _told(_chain, parties, DiskStore(tmp_path_factory.mktemp(name)), name)
        return known[name]

    return tale


def _told(
    chain: tuple[QuickChain, Node, Deployment], parties: Cast, store: DiskStore, name: str
) -> Told:
    quick, node, deployment = chain
    at_the_start = quick.make_request(RPCEndpoint("evm_snapshot"), [])["result"]
    trade = AuditedTrade(Market(node, deployment.market), store, parties)
    COURSES[name](trade)
    looked = open_chain(Rpc(quick), deployment.market)
    events = LogReader(looked.rpc, looked.interfaces, 0, looked.block.number).events()
    grouped = groupby(events, key=lambda event: (event.log.block, event.log.transaction))
    tale = Told(trade.id, blank_history(looked), tuple(tuple(each) for _, each in grouped))
    quick.make_request(RPCEndpoint("evm_revert"), [at_the_start])
    return tale


def at(step: Step, timestamp: int) -> Step:
    return tuple(replace(event, timestamp=timestamp) for event in step)


def latest(steps: Sequence[Step]) -> dict[str, int]:
    """Return when each kind of event came last."""
    return {event.name: event.timestamp for step in steps for event in step}


def last_second(request: Request, before: Sequence[Step], step: Step) -> int | None:
    """Return the last second that a step may come in; None if it has no deadline."""
    when, windows = latest(before), request.windows
    names = {event.name for event in step}
    judged = max(when.get("DataReported", 0), when.get("AttemptReported", 0))
    if "QuoteAccepted" in names:
        return when["ModelRequested"] + windows.quote
    if "ScoresOpened" in names and "TradeEnded" in when:
        return when["TradeEnded"] + windows.settlement
    if "WorkDelivered" in names and not judged:
        return when["QuoteAccepted"] + windows.delivery
    if "WorkDelivered" in names:
        return judged + windows.training
    if "DataReported" in names:
        return when["QuoteAccepted"] + windows.delivery + windows.judging
    if "AttemptReported" in names:
        return judged + windows.training + windows.validation
    return judged + windows.review if "TradeDisputed" in names else None


def first_second(request: Request, before: Sequence[Step], step: Step) -> int | None:
    """Return the first second that a step may come in; None if it waits for nothing."""
    when, windows = latest(before), request.windows
    event = {event.name: event for event in step}
    judged = max(when.get("DataReported", 0), when.get("AttemptReported", 0))
    if "ClosedSealsPenalised" in event:
        return when["TradeEnded"] + windows.settlement + 1
    reviewed = max(when.get("DisputeEnded", 0), judged + windows.review) + 1
    if set(event) == {"ScoresOpened"} and "TradeEnded" not in when:
        return reviewed
    if "TradeEnded" not in event or {"QuoteDeclined", "DataReported"} & event.keys():
        return None
    state = event["TradeEnded"]["state"]
    if state is State.EXPIRED:
        return when["ModelRequested"] + windows.quote + 1
    if not judged:
        return when["QuoteAccepted"] + windows.delivery + windows.judging + 1
    last = [each for step in before for each in step if each.name == "AttemptReported"]
    decided = last and (last[-1]["verdicts"] or len(last) == request.max_attempts)
    if not decided:
        return judged + windows.training + windows.validation + 1
    opened = [each for each in (*sum(before, ()), *step) if each.name == "ScoresOpened"]
    bitmap = 0
    for each in opened:
        bitmap |= each["opened"] if each["attempt"] == last[-1]["attempt"] else 0
    patience = windows.settlement if bitmap != last[-1]["signers"] else 0
    return reviewed + patience


@pytest.mark.parametrize("name", COURSES)
def test_a_step_may_come_in_its_last_second_and_no_later(
    tell: Callable[[str], Told], name: str
) -> None:
    tale = tell(name)
    request = tale.fold(tale.steps).request
    for before, step in tale.own():
        last = last_second(request, before, step)
        if last is None:
            continue
        assert tale.fold([*before, at(step, last)]).disorder == [], step[0].name
        (fault,) = tale.fold([*before, at(step, last + 1)]).disorder
        assert f"came at {last + 1}, after its deadline {last}" in fault


ENDING = {"Credited", "Refunded", "TradeEnded", "ClosedSealsPenalised", "ScoresOpened"}


@pytest.mark.parametrize("name", COURSES)
def test_a_step_may_come_in_its_first_second_and_no_earlier(
    tell: Callable[[str], Told], name: str
) -> None:
    tale = tell(name)
    request = tale.fold(tale.steps).request
    for before, step in tale.own():
        first = first_second(request, before, step)
        if first is None:
            continue
        assert tale.fold([*before, at(step, first)]).disorder == [], step[0].name
        faults = tale.fold([*before, at(step, first - 1)]).disorder
        named = {fault.partition(" in ")[0] for fault in faults}
        # A settlement that doesn't wait for closed seals pays in time, and ends too early.
        waiting = ENDING - {"TradeEnded"} if name == settled_late.__name__ else set()
        assert named == {event.name for event in step} & ENDING - waiting


DECIDED = {State.PASSED, State.REJECTED, State.DISPUTED}
NEEDED: dict[str, set[State]] = {
    "QuoteDeclined": {State.REQUESTED},
    "QuoteAccepted": {State.REQUESTED},
    "WorkDelivered": {State.FUNDED, State.GATED},
    "DataReported": {State.FUNDED},
    "AttemptReported": {State.GATED},
    "TradeDisputed": {State.PASSED, State.REJECTED},
    "DisputeEnded": {State.DISPUTED},
    "AuditAttested": DECIDED,
    "ScoresOpened": {State.PASSED, State.REJECTED},
}
"""In which states a step may come, by `docs/protocol.md`."""


@pytest.mark.parametrize("kind", NEEDED)
def test_a_step_comes_in_its_states_only(tell: Callable[[str], Told], kind: str) -> None:
    tales = [tell(name) for name in COURSES]
    (model, *_) = (
        event
        for tale in tales
        for step in tale.steps
        for event in step
        if event.name == kind and event.log.address == tale.blank.contracts.market
    )
    met = set()
    for tale in tales:
        for before, step in tale.own():
            for steps in (before, (*before, step)):
                state = tale.fold(steps).state
                # In the next transaction, and the same second.
                strange = replace(model, values={**model.values, "tradeId": tale.id})
                strange = replace(strange, timestamp=steps[-1][0].timestamp)
                faults = tale.fold([*steps, (strange,)]).disorder
                wrong = f"came while the trade was {state.name}"
                assert any(wrong in fault for fault in faults) is (state not in NEEDED[kind])
                met.add(state)
    assert met >= {State.REQUESTED, State.FUNDED, State.GATED, State.SETTLED, *DECIDED}


AGAIN = {"WorkDelivered", "ScoresOpened", "Locked", "Credited", "Refunded", "AttemptReported"}
"""What may come more than once by its order; how often, and how much, other checks look at."""


@pytest.mark.parametrize("name", COURSES)
def test_no_step_comes_twice(tell: Callable[[str], Told], name: str) -> None:
    tale = tell(name)
    for before, step in tale.own():
        for event in step:
            of_market = event.log.address == tale.blank.contracts.market
            if not of_market or event.trade != tale.id or event.name in AGAIN:
                continue
            faults = tale.fold([*before, step, (event,)]).disorder
            assert any(event.name in fault for fault in faults), event.name


def payable(state: State, lapsed: bool, attested: bool) -> set[Purpose]:
    """Return what may be paid for in a transaction of its own, by `docs/protocol.md`."""
    if not lapsed:
        return set()
    decided = {Purpose.ORACLE, Purpose.AUDIT} if attested else {Purpose.ORACLE}
    return {
        State.FUNDED: {Purpose.DATA},
        State.GATED: {Purpose.EXPERT, Purpose.ORACLE},
        State.PASSED: {Purpose.EXPERT, Purpose.BROKER, Purpose.PROTOCOL} | decided,
        State.REJECTED: decided,
    }.get(state, set())


@pytest.mark.parametrize("name", COURSES)
def test_nothing_is_paid_out_of_turn(tell: Callable[[str], Told], name: str) -> None:
    tale = tell(name)
    for before, step in tale.own():
        for steps in (before, (*before, step)):
            trade = tale.fold(steps)
            then = max(trade.deadline, steps[-1][0].timestamp)
            for timestamp in (then, then + 1):
                lapsed = timestamp > trade.deadline
                due = payable(trade.state, lapsed, trade.attested)
                for purpose in Purpose:
                    faults = tale.fold([*steps, (credited(tale, purpose, timestamp),)]).disorder
                    assert ("outside the step" in " ".join(faults)) is (purpose not in due)
                faults = tale.fold([*steps, (refunded(tale, timestamp),)]).disorder
                may_refund = bool(trade.locked) and not trade.ended and lapsed
                assert ("refunded a trade" in " ".join(faults)) is not may_refund


def credited(tale: Told, purpose: Purpose, timestamp: int) -> Event:
    payment = {"account": NOBODY, "amount": 1, "purpose": purpose}
    values = {"tradeId": tale.id, "currency": NATIVE, "payments": (payment,)}
    return told("Credited", timestamp, by=tale.blank.contracts.market, **values)


def refunded(tale: Told, timestamp: int) -> Event:
    values = {"tradeId": tale.id, "buyer": NOBODY, "currency": NATIVE, "amount": 1}
    return told("Refunded", timestamp, by=tale.blank.contracts.market, **values)


def test_only_a_report_of_too_few_rows_ends_a_funded_trade_at_once(
    tell: Callable[[str], Told],
) -> None:
    """The same report, with the money and the end one transaction later, or with enough rows."""
    tale = tell(courses.refunded_with_too_few_rows.__name__)
    *before, step = tale.steps
    assert tale.fold(tale.steps).disorder == []
    report, *rest = (event for event in step if event.trade == tale.id)
    assert report.name == "DataReported"
    later = [replace(e, log=replace(e.log, transaction=bytes(32))) for e in rest]
    late = tale.fold([*before, (report,), tuple(later)]).disorder
    assert {fault.partition(" in ")[0] for fault in late} == {"Credited", "Refunded", "TradeEnded"}
    enough = replace(report.values["report"], accepted=0b111)
    full = replace(report, values={**report.values, "report": enough})
    paid = tale.fold([*before, (full, *rest)]).disorder
    assert {fault.partition(" in ")[0] for fault in paid} == {"Credited", "Refunded", "TradeEnded"}


@pytest.mark.parametrize("name", COURSES)
def test_no_event_that_is_left_out_breaks_the_fold(tell: Callable[[str], Told], name: str) -> None:
    """What a liar leaves out is for the checks to name: the fold goes on without it."""
    tale = tell(name)
    kinds = {event.name for step in tale.steps for event in step if event.trade == tale.id}
    for kind in sorted(kinds - {"ModelRequested"}):
        steps = [tuple(event for event in step if event.name != kind) for step in tale.steps]
        trade = tale.fold([step for step in steps if step])
        assert (trade.deciding is None) or kind != "AttemptReported"
