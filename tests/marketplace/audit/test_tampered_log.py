"""One altered answer of the node at a time, and the checks that it trips: these and no others.

`tampering.objections` says how the names are to be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from audited_trade import UNSKILLED, AuditedTrade, Settled
from cast_of_trade import cast
from eth_keys.constants import SECPK1_N
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from tampering import (
    Alter,
    LyingNode,
    changing,
    dropping,
    is_event,
    objections,
    on_event,
    renaming,
    repeating,
)

from marketplace.audit import audit
from marketplace.protocol.states import Purpose, State

PARTIES = cast()

STORED = {"LEDGER", "STORAGE-STATE", "storage-state"}
"""What the contract itself says, of its balance, of every account, and of the trade."""


def more(amount: int) -> int:
    return amount + 1


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def mirrored(signature: bytes) -> bytes:
    """Negate s and flip v, which recovers the same key (EIP-2)."""
    s = SECPK1_N - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])


def shifted(amounts: list[int]) -> list[int]:
    return [amounts[0] + 1, amounts[1] - 1, *amounts[2:]]


# Which of the credits is for what: three for data, three experts, then the fees.
DATA, EXPERT, BROKER, AUDIT, ORACLE, PROTOCOL = 1, 3, 6, 7, 8, 10

AMOUNTS: dict[str, tuple[Alter, set[str]]] = {
    "a data payment": (
        changing("Credited", (0,), more, DATA),
        {"data-payments", "sums", *STORED},
    ),
    "an expert's payment": (
        changing("Credited", (0,), more, EXPERT),
        {"allocation", "sums", *STORED},
    ),
    "the broker's fee, which it has withdrawn": (
        changing("Credited", (0,), more, BROKER),
        {"fees", "sums", *STORED},
    ),
    "the auditor's fee": (
        changing("Credited", (0,), more, AUDIT),
        {"fees", "sums", *STORED},
    ),
    "the split of the oracle fee": (
        changing("Credited", (0,), more, ORACLE),
        {"fees", "sums", *STORED},
    ),
    "the protocol fee": (
        changing("Credited", (0,), more, PROTOCOL),
        {"fees", "sums", *STORED},
    ),
    "the purpose of a credit": (changing("Credited", (1,), Purpose.AUDIT, ORACLE), {"fees"}),
    "the amount locked": (
        changing("Locked", (0,), more),
        {"price", "sums", "storage-state", "LEDGER"},
    ),
    "the price": (changing("QuoteAccepted", (1,), more), {"price"}),
    "the expert pool in the quote": (
        changing("QuoteAccepted", (0, 2), more),
        {"price", "quote-signatures", "documents", "shapley?", "allocation", "storage-state"},
    ),
    "a data quote": (
        changing("QuoteAccepted", (0, 1, 0, 4), more),
        {"price", "quote-signatures", "data-payments", "storage-state"},
    ),
    "the amounts of the settlement": (
        changing("TradeSettled", (1,), shifted),
        {"allocation", "quorum"},
    ),
    "the amount withdrawn": (changing("Withdrawn", (1,), more), {"LEDGER", "STORAGE-STATE"}),
}

TERMS: dict[str, tuple[Alter, set[str]]] = {
    "the request's salt": (changing("ModelRequested", (0, 12), flipped), {"trade-id"}),
    "the budget": (changing("ModelRequested", (0, 4), more), {"trade-id", "storage-state"}),
    "the threshold": (changing("ModelRequested", (0, 5), more), {"trade-id", "storage-state"}),
    "the validation root": (
        changing("ModelRequested", (0, 9), flipped),
        {
            "trade-id",
            "storage-state",
            "validation-commitment",
            "score?",
            "seals?",
            "shapley?",
            "allocation?",
        },
    ),
    "the specification": (
        changing("ModelRequested", (0, 10), flipped),
        {"trade-id", "documents?", "score?", "seals?", "training?", "shapley?", "allocation?"},
    ),
    "a budget below the price": (
        changing("ModelRequested", (0, 4), 1),
        {"trade-id", "price", "storage-state"},
    ),
    "a quote for another trade": (
        changing("QuoteAccepted", (0, 0), flipped),
        {"quote-signatures"},
    ),
    "a data quote for another trade": (
        changing("QuoteAccepted", (0, 1, 0, 0), flipped),
        {"quote-signatures", "storage-state"},
    ),
    "an expired quote": (
        changing("QuoteAccepted", (0, 6), 1),
        {"states", "quote-signatures"},
    ),
    "providers in another order": (
        changing("QuoteAccepted", (0, 1), lambda quotes: quotes[::-1]),
        {"quote-signatures", "documents", "storage-state"},
    ),
    "the fee of the request": (
        changing("ModelRequested", (2,), more),
        {"terms", "price", "fees", "storage-state"},
    ),
    "the fee in force": (changing("FeeChanged", (0,), more), {"terms"}),
    "the committee's quorum": (changing("CommitteeRotated", (1,), 1), {"COMMITTEE"}),
    "the committee's order": (
        changing("CommitteeRotated", (0,), lambda members: members[::-1]),
        {"COMMITTEE", "fees", "storage-state"},
    ),
    "the committee's version": (
        renaming("CommitteeRotated", 1, "0x02"),
        {"COMMITTEE", "quorum", "fees", "storage-state"},
    ),
}

ROLES: dict[str, tuple[Alter, set[str]]] = {
    "the buyer in the event": (
        renaming("ModelRequested", 2, PARTIES.stranger.address),
        {"trade-id"},
    ),
    "the broker in the event": (
        renaming("ModelRequested", 3, PARTIES.stranger.address),
        {"trade-id"},
    ),
    "an auditor who is the buyer": (
        changing("ModelRequested", (0, 2), PARTIES.buyer.address),
        {"trade-id", "roles", "fees", "storage-state"},
    ),
    "a broker who is the auditor": (
        changing("ModelRequested", (0, 1), PARTIES.auditor.address),
        {"trade-id", "roles", "quote-signatures", "fees", "storage-state"},
    ),
    "a provider who is the buyer": (
        changing("QuoteAccepted", (0, 1, 2, 1), PARTIES.buyer.address),
        {"roles", "quote-signatures", "documents", "data-payments", "storage-state"},
    ),
    "an expert who is a provider": (
        changing("GateCommitted", (0, 0), PARTIES.providers[0].address),
        {"roles", "gate", "quorum", "score", "allocation", "storage-state"},
    ),
    "another auditor attests": (
        renaming("AuditAttested", 2, PARTIES.stranger.address),
        {"roles"},
    ),
    "another pays": (renaming("Locked", 2, PARTIES.stranger.address), {"price"}),
    "another is paid": (
        renaming("Credited", 2, PARTIES.stranger.address, EXPERT),
        {"allocation", "STORAGE-STATE"},
    ),
    "another currency is locked": (
        renaming("Locked", 3, PARTIES.stranger.address),
        {"price", "sums"},
    ),
    "another currency is paid": (
        renaming("Credited", 3, PARTIES.stranger.address, EXPERT),
        {"sums", "LEDGER", "STORAGE-STATE"},
    ),
    "another withdraws": (
        renaming("Withdrawn", 1, PARTIES.stranger.address),
        {"LEDGER", "STORAGE-STATE"},
    ),
}

REPORTS: dict[str, tuple[Alter, set[str]]] = {
    "the broker's signature": (changing("QuoteAccepted", (2,), flipped), {"quote-signatures"}),
    "a provider's signature": (changing("QuoteAccepted", (3, 1), flipped), {"quote-signatures"}),
    "a provider's missing signature": (
        changing("QuoteAccepted", (3,), lambda signatures: signatures[:2]),
        {"quote-signatures"},
    ),
    "a signature under the data report": (
        changing("DataDelivered", (2, 0), flipped),
        {"quorum"},
    ),
    "a signature under the gate report": (
        changing("GateCommitted", (3, 0), flipped),
        {"quorum"},
    ),
    "a signature under an attempt": (
        changing("AttemptReported", (3, 0), flipped, 1),
        {"quorum", "seals"},
    ),
    "a signature under the settlement": (
        changing("TradeSettled", (3, 0), flipped),
        {"quorum"},
    ),
    "one signature for both signers": (
        changing("TradeSettled", (3,), lambda signatures: [signatures[0]] * 2),
        {"quorum"},
    ),
    "one signature too few": (
        changing("TradeSettled", (3,), lambda signatures: signatures[:1]),
        {"quorum"},
    ),
    "the other signature of the same key": (
        changing("GateCommitted", (3, 0), mirrored),
        {"quorum"},
    ),
    "a signature with another recovery id": (
        changing("GateCommitted", (3, 0), lambda signature: signature[:64] + bytes([60])),
        {"quorum"},
    ),
    "a signature of no length": (changing("GateCommitted", (3, 0), b""), {"quorum"}),
    "which datasets were accepted": (
        changing("DataDelivered", (0,), 0b011),
        {"quorum", "documents", "data-payments"},
    ),
    "a gate weight": (
        changing("GateCommitted", (1,), shifted),
        {"gate", "quorum", "storage-state"},
    ),
    "gate weights of less than the whole": (
        changing("GateCommitted", (1, 0), lambda weight: weight - 1),
        {"gate", "quorum", "storage-state"},
    ),
    "a gate weight too few": (
        changing("GateCommitted", (1,), lambda weights: weights[:2]),
        {"gate", "quorum", "storage-state"},
    ),
    "experts in another order": (
        changing("GateCommitted", (0,), lambda experts: experts[::-1]),
        {"gate", "quorum", "allocation", "storage-state"},
    ),
    "a dataset that nobody quoted": (
        changing("DataDelivered", (0,), 0b1111),
        {"quorum", "data-payments"},
    ),
    "the model of an attempt": (
        changing("AttemptReported", (1, 0), flipped, 1),
        {"quorum", "seals"},
    ),
    "a model that is scored again": (
        changing("AttemptReported", (1, 0), lambda model: keccak(text="one model"), None),
        {"attempts", "quorum", "seals"},
    ),
    "a delivery after a failure": (
        changing("AttemptReported", (1, 3), flipped),
        {"attempts", "quorum", "seals"},
    ),
    "a seal too few": (
        changing("AttemptReported", (2,), lambda seals: seals[:1], 1),
        {"quorum", "seals"},
    ),
    "scores opened with nothing in them": (
        changing("ScoresOpened", (3,), lambda salts: [bytes(32)] * len(salts), 1),
        {"seals?"},
    ),
    "the signers of opened scores": (
        changing("ScoresOpened", (1,), lambda signers: signers[::-1]),
        {"seals"},
    ),
    "the experts of the settlement": (
        changing("TradeSettled", (0,), lambda experts: experts[::-1]),
        {"quorum", "allocation"},
    ),
    "the number of an attempt": (
        changing("AttemptReported", (0,), 7, 1),
        {
            "attempts",
            "quorum",
            "documents",
            "training?",
            "validation-commitment?",
            "score?",
            "seals?",
            "shapley?",
            "allocation?",
        },
    ),
    "a sealed score": (changing("AttemptReported", (2, 0), flipped, 1), {"quorum", "seals"}),
    "an opened score": (changing("ScoresOpened", (2, 0), more, 1), {"seals"}),
    "the salt of an opened score": (changing("ScoresOpened", (3, 0), flipped, 1), {"seals"}),
    "the auditor's finding": (changing("AuditAttested", (1,), False), {"documents"}),
    "the final state": (
        changing("TradeEnded", (0,), State.REFUNDED),
        {"states", "fees", "storage-state"},
    ),
    "a request told twice": (repeating("ModelRequested"), {"states"}),
    "an attestation told twice": (repeating("AuditAttested"), {"states"}),
    "a settlement told twice": (repeating("TradeSettled"), {"states"}),
    "money locked twice": (
        repeating("Locked"),
        {"price", "sums", "storage-state", "LEDGER"},
    ),
    "an end that is none": (
        changing("TradeEnded", (0,), State.GATED),
        {"states", "fees", "storage-state"},
    ),
    "an attempt told twice": (repeating("AttemptReported", 0), {"attempts", "storage-state"}),
    "an attempt after the pass": (
        repeating("AttemptReported", 1),
        {"attempts", "states", "storage-state"},
    ),
    "a credit paid twice": (
        repeating("Credited", EXPERT),
        {"allocation", "states", "sums", *STORED},
    ),
}

DROPPED: dict[str, set[str]] = {
    "ModelRequested": {"LOG"},
    "DataRequested": {"states"},
    "QuoteAccepted": {
        "states",
        "documents",
        "data-payments",
        "allocation",
        "fees",
        "storage-state",
    },
    "Locked": {"price", "sums", "storage-state"},
    "DataDelivered": {"states", "data-payments"},
    "GateCommitted": {"states", "training?", "score", "allocation", "storage-state"},
    "AttemptReported": {"attempts", "storage-state"},
    "DeliveryConfirmed": {"states", "storage-state"},
    "AuditAttested": {"fees", "storage-state"},
    "TradeSettled": {"states", "allocation"},
    "TradeEnded": {"states", "fees", "storage-state"},
    "ScoresOpened": {"seals?"},
    "Credited": {"data-payments", "sums", *STORED},
    "Withdrawn": {"LEDGER", "STORAGE-STATE"},
    "CommitteeRotated": {"terms", "quorum", "fees", "storage-state"},
    "FeeChanged": {"terms"},
}


@pytest.mark.parametrize("what", [*AMOUNTS, *TERMS, *ROLES, *REPORTS])
def test_an_altered_value_is_named(settled: Settled, what: str) -> None:
    alter, expected = {**AMOUNTS, **TERMS, **ROLES, **REPORTS}[what]
    report = audit(LyingNode(settled.chain, alter), settled.market, settled.store)
    assert objections(report) == expected


@pytest.mark.parametrize("name", DROPPED)
def test_a_dropped_event_is_missed(settled: Settled, name: str) -> None:
    node = LyingNode(settled.chain, dropping(name))
    assert objections(audit(node, settled.market, settled.store)) == DROPPED[name]


def test_a_pass_that_is_left_out_leaves_nothing_to_pay_by(settled: Settled) -> None:
    node = LyingNode(settled.chain, dropping("AttemptReported", 1))
    assert objections(audit(node, settled.market, settled.store)) == {
        "states",
        "documents",
        "shapley?",
        "allocation?",
        "storage-state",
    }


def reversed_order(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return logs[::-1]


def first_told_again(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [logs[0], *logs]


def in_another_block(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**log, "blockHash": "0x" + "ab" * 32} for log in logs]


def by_a_stranger(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*logs[:-1], {**logs[-1], "address": "0x" + "ab" * 20}]


def unheard_of(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*logs[:-1], {**logs[-1], "topics": ["0x" + "ab" * 32]}]


def cut_short(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**log, "data": log["data"][:66]} if is_event(log, "Withdrawn") else log for log in logs
    ]


def a_topic_less(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**logs[-1], "topics": logs[-1]["topics"][:-1]} if log == logs[-1] else log for log in logs
    ]


@pytest.mark.parametrize(
    "alter",
    [
        a_topic_less,
        changing("ScoresOpened", (2, 0), more),
        dropping("OwnershipTransferred", 1),
        reversed_order,
        first_told_again,
        in_another_block,
        by_a_stranger,
        unheard_of,
        cut_short,
    ],
)
def test_a_log_unlike_the_receipts_is_named(settled: Settled, alter: Alter) -> None:
    node = LyingNode(settled.chain, alter, receipts_too=False)
    assert "LOG" in objections(audit(node, settled.market, settled.store))


@pytest.mark.parametrize(
    ("receipt_of", "said"),
    [
        (lambda receipt: None, "did not succeed"),
        (lambda receipt: {**receipt, "status": "0x0"}, "did not succeed"),
        (lambda receipt: {**receipt, "logs": []}, "holds 0 logs"),
    ],
)
def test_a_receipt_unlike_the_log_is_named(
    settled: Settled, receipt_of: Callable[[Any], Any], said: str
) -> None:
    node = LyingNode(settled.chain, answers={"eth_getTransactionReceipt": receipt_of})
    report = audit(node, settled.market, settled.store)
    assert objections(report) == {"LOG"}
    assert said in report.objections[0].detail


def slow(header: dict[str, Any]) -> dict[str, Any]:
    return {**header, "timestamp": hex(int(header["timestamp"], 16) * 1_000)}


def test_clocks_are_those_of_the_blocks(settled: Settled) -> None:
    node = LyingNode(settled.chain, answers={"eth_getBlockByNumber": slow})
    report = audit(node, settled.market, settled.store)
    assert objections(report) == {"states", "storage-state"}
    late = next(check for check in report.objections if check.name == "states")
    assert "after its deadline" in late.detail


def test_a_market_that_holds_too_little_is_named(settled: Settled) -> None:
    node = LyingNode(settled.chain, answers={"eth_getBalance": lambda wei: hex(int(wei, 16) - 1)})
    report = audit(node, settled.market, settled.store)
    assert objections(report) == {"LEDGER"}
    assert "owes" in report.objections[0].detail


@pytest.mark.parametrize("answer", ["0x", "0x" + "00" * 5, "0x" + "ff" * 1024])
def test_storage_that_answers_nonsense_is_named(settled: Settled, answer: str) -> None:
    calls = []

    def nonsense_but_for_the_committee(result: str) -> str:
        calls.append(result)
        return result if len(calls) == 1 else answer

    node = LyingNode(settled.chain, answers={"eth_call": nonsense_but_for_the_committee})
    found = objections(audit(node, settled.market, settled.store))
    assert found == {"storage-state", "STORAGE-STATE"}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_bit_of_a_trade_s_events_can_change(settled: Settled, data: st.DataObject) -> None:
    honest = settled.chain.make_request(
        "eth_getLogs", [{"fromBlock": "0x0", "address": settled.market}]
    )
    own = [
        log
        for log in honest["result"]
        if settled.trade.name in log["topics"] and log["data"] != "0x"
    ]
    chosen = data.draw(st.sampled_from(own))
    bit = data.draw(st.integers(0, 4 * len(chosen["data"]) - 9))
    changed = int(chosen["data"], 16) ^ 1 << bit
    spoiled = {**chosen, "data": f"0x{changed:0{len(chosen['data']) - 2}x}"}

    def alter(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [spoiled if log == chosen else log for log in logs]

    node = LyingNode(settled.chain, alter)
    assert not audit(node, settled.market, settled.store).ok


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_no_events_of_a_trade_can_be_left_out(settled: Settled, data: st.DataObject) -> None:
    def own(log: dict[str, Any]) -> bool:
        return settled.trade.name in log["topics"] and not is_event(log, "ModelRequested")

    everything = settled.chain.make_request("eth_getLogs", [{"fromBlock": "0x0"}])["result"]
    places = [(log["blockNumber"], log["logIndex"]) for log in everything if own(log)]
    lost = data.draw(st.sets(st.sampled_from(places), min_size=1))

    def alter(logs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [log for log in logs if (log["blockNumber"], log["logIndex"]) not in lost]

    node = LyingNode(settled.chain, alter)
    assert not audit(node, settled.market, settled.store).ok


def test_a_trade_that_used_up_its_attempts_must_end(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt(UNSKILLED)
    node = LyingNode(trade.market.node.web3.provider, dropping("TradeEnded"))
    found = objections(audit(node, trade.market.address, trade.store))
    assert found == {"attempts", "fees", "sums", "storage-state"}


def test_a_running_trade_pays_no_more_than_is_locked(trade: AuditedTrade) -> None:
    trade.to_gate()
    alter = changing("Credited", (0,), 10**18)
    node = LyingNode(trade.market.node.web3.provider, alter)
    found = objections(audit(node, trade.market.address, trade.store))
    assert found == {"data-payments", "sums", *STORED}


def test_a_running_trade_refunds_nothing(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.lapse()
    trade.time_out()
    node = LyingNode(trade.market.node.web3.provider, dropping("TradeEnded"))
    found = objections(audit(node, trade.market.address, trade.store))
    assert found == {"sums", "storage-state"}


@pytest.mark.parametrize(
    ("alter", "said"),
    [
        (repeating("AttemptReported", 0), "3 attempts were reported where 2 are allowed"),
        (repeating("AttemptReported", 1), "after one that passed"),
        (changing("AttemptReported", (0,), 7, 1), "numbered 1, 7"),
    ],
)
def test_what_is_wrong_with_attempts_is_said(settled: Settled, alter: Alter, said: str) -> None:
    report = audit(LyingNode(settled.chain, alter), settled.market, settled.store)
    details = [check.detail for check in report.objections if check.name == "attempts"]
    assert said in details[0]


def test_a_refund_comes_with_the_end(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.lapse()
    trade.time_out()
    elsewhere = "0x" + "ab" * 32
    node = LyingNode(
        trade.market.node.web3.provider,
        on_event("Refunded", lambda log: [{**log, "transactionHash": elsewhere}]),
    )
    assert objections(audit(node, trade.market.address, trade.store)) == {"LOG", "states"}


@pytest.mark.parametrize(
    ("topic", "expected"),
    [(2, {"sums", "STORAGE-STATE"}), (3, {"sums", "STORAGE-STATE", "LEDGER"})],
)
def test_a_refund_goes_to_the_buyer_in_the_trade_s_currency(
    trade: AuditedTrade, topic: int, expected: set[str]
) -> None:
    trade.to_funded()
    trade.lapse()
    trade.time_out()
    alter = renaming("Refunded", topic, trade.parties.stranger.address)
    node = LyingNode(trade.market.node.web3.provider, alter)
    assert objections(audit(node, trade.market.address, trade.store)) == expected
