"""On which document each movement of a trade rests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from eth_utils.crypto import keccak
from telling import BY_NAME, told

from marketplace.audit.abi import Event
from marketplace.audit.postings import Postings
from marketplace.audit.reporting.money import movements, movements_beside
from marketplace.audit.trade import Trade
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import NATIVE
from offchain.storage.cid import cid_of_digest

ONE, TWO = "one account", "another account"
CLAIM, RULING = keccak(text="a claim"), keccak(text="a ruling")


@pytest.fixture
def postings() -> Postings:
    return Postings(BY_NAME, {"the committee": NATIVE, "the panel": NATIVE})


def locked(amount: int = 3) -> Event:
    values: dict[str, Any] = {"from": ONE, "currency": NATIVE, "amount": amount}
    return told("Locked", by="the market", **values)


def credited(*purposes: Purpose) -> Event:
    payments = [{"purpose": each, "account": TWO, "amount": 3} for each in purposes]
    return told("Credited", by="the market", currency=NATIVE, payments=payments)


def slashed(transaction: bytes) -> Event:
    event = told("Slashed", by="the committee", member=ONE, to=TWO, amount=3)
    return replace(event, log=replace(event.log, transaction=transaction))


def ruled(transaction: bytes, name: str = "VerdictOverturned", **values: Any) -> Event:
    event = told(name, by="the challenges", slashed=3, **values)
    return replace(event, log=replace(event.log, transaction=transaction))


def grounds(trade: Trade, postings: Postings, *events: Event) -> dict[str, str | None]:
    return {each.reason: each.evidence for each in movements(trade, events, postings)}


def test_movements_of_a_decided_trade(honest: Trade, postings: Postings) -> None:
    assert honest.data is not None
    verdict = cid_of_digest(honest.attempts[-1].finding.evidence)
    data = honest.data.finding
    assert grounds(honest, postings, locked(), credited(*Purpose)) == {
        "escrow": cid_of_digest(honest.request.spec),
        "data": cid_of_digest(data.data_evidence),
        "expert": verdict,
        "broker": verdict,
        "audit": cid_of_digest(honest.attestations[0].report),
        "oracle": verdict,
        "protocol": verdict,
    }


def test_experts_whom_nobody_judged_are_paid_by_the_gate(honest: Trade, postings: Postings) -> None:
    assert honest.data is not None
    honest.state, honest.ended_from = State.REFUNDED, State.GATED
    honest.attempts, honest.attestations = honest.attempts[:1], []
    of_attempt = cid_of_digest(honest.attempts[0].finding.evidence)
    assert grounds(honest, postings, credited(*Purpose)) == {
        "data": cid_of_digest(honest.data.finding.data_evidence),
        "expert": cid_of_digest(honest.data.finding.gate_evidence),
        **dict.fromkeys(("broker", "oracle", "protocol"), of_attempt),
        "audit": None,
    }


def test_what_is_paid_before_an_attempt_rests_on_the_data(
    honest: Trade, postings: Postings
) -> None:
    assert honest.data is not None
    honest.state, honest.ended_from, honest.attempts = State.REFUNDED, State.GATED, []
    data = cid_of_digest(honest.data.finding.data_evidence)
    found = grounds(honest, postings, credited(Purpose.BROKER, Purpose.DATA))
    assert found == {"broker": data, "data": data}


def test_what_is_paid_before_any_report_rests_on_nothing(honest: Trade, postings: Postings) -> None:
    honest.state, honest.ended_from, honest.attempts = State.REFUNDED, State.FUNDED, []
    honest.data = None
    refund = told("Refunded", by="the market", buyer=ONE, currency=NATIVE, amount=3)
    found = grounds(honest, postings, refund, credited(Purpose.EXPERT, Purpose.DATA))
    assert found == {"refund": None, "expert": None, "data": None}
    honest.request = replace(honest.request, spec=bytes(32))
    assert grounds(honest, postings, locked()) == {"escrow": None}


def test_money_of_a_dispute(honest: Trade, postings: Postings) -> None:
    values: dict[str, Any] = {"challenger": ONE, "currency": NATIVE, "bond": 3, "claim": CLAIM}
    award = told("Awarded", by="the challenges", account=ONE, currency=NATIVE, amount=3)
    found = grounds(honest, postings, told("Challenged", by="the challenges", **values), award)
    assert found == {"bond": cid_of_digest(CLAIM), "award": None}


def test_a_slash_rests_on_the_ruling_of_its_transaction(honest: Trade, postings: Postings) -> None:
    first, second, third = (keccak(text=name) for name in ("first", "second", "third"))
    events = (
        slashed(first),
        ruled(first, evidence=RULING),
        slashed(second),
        ruled(second, "SilencePenalised"),
        slashed(third),
        told("Credited", by="the market", evidence=CLAIM, currency=NATIVE, payments=[]),
    )
    found = movements(honest, events, postings)
    assert [each.reason for each in found] == ["slash"] * 3
    assert [each.evidence for each in found] == [cid_of_digest(RULING), None, None]


def test_what_moves_beside_trades_rests_on_nothing(postings: Postings) -> None:
    values: dict[str, Any] = {"account": ONE, "to": TWO, "currency": NATIVE, "amount": 3}
    withdrawn = told("Withdrawn", 7, by="the market", **values)
    (moved,) = movements_beside([withdrawn, told("Paused")], postings)
    assert (moved.reason, moved.amount, moved.evidence) == ("withdrawal", 3, None)
    assert (moved.payer, moved.payee, moved.contract) == (ONE, TWO, "the market")
    assert (moved.time, moved.block, moved.log_index) == (7, 1, 0)
    assert moved.transaction == "0x" + withdrawn.log.transaction.hex()
