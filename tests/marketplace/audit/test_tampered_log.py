"""One altered answer of the node at a time, and the checks that it trips: these and no others.

Names in capitals are checks of the whole market. A name with a question mark is a check
that can't recompute anything any more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from audited_trade import Settled
from hypothesis import given, settings
from hypothesis import strategies as st
from tampering import Alter, LyingNode, changing, dropping, is_event, repeating

from marketplace.audit import Report, audit
from marketplace.protocol.states import Purpose, State

STORED = {"LEDGER", "STORAGE-STATE", "storage-state"}
"""What the contract itself says, of its balance, of every account, and of the trade."""


def objections(report: Report) -> set[str]:
    return {
        (check.name if check.trade else check.name.upper())
        + ("?" if check.verdict == "missing" else "")
        for check in report.objections
    }


def more(amount: int) -> int:
    return amount + 1


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


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
        {"price", "quote-signatures", "allocation", "storage-state"},
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
    "the fee of the request": (
        changing("ModelRequested", (2,), more),
        {"terms", "price", "fees", "storage-state"},
    ),
    "the fee in force": (changing("FeeChanged", (0,), more), {"terms"}),
    "the committee's quorum": (changing("CommitteeRotated", (1,), 1), {"COMMITTEE"}),
}

REPORTS: dict[str, tuple[Alter, set[str]]] = {
    "the broker's signature": (changing("QuoteAccepted", (2,), flipped), {"quote-signatures"}),
    "a provider's signature": (changing("QuoteAccepted", (3, 1), flipped), {"quote-signatures"}),
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
    "a signature of no length": (changing("GateCommitted", (3, 0), b""), {"quorum"}),
    "which datasets were accepted": (
        changing("DataDelivered", (0,), 0b011),
        {"quorum", "documents", "data-payments"},
    ),
    "a gate weight": (
        changing("GateCommitted", (1,), shifted),
        {"gate", "quorum", "storage-state"},
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


@pytest.mark.parametrize("what", [*AMOUNTS, *TERMS, *REPORTS])
def test_an_altered_value_is_named(settled: Settled, what: str) -> None:
    alter, expected = {**AMOUNTS, **TERMS, **REPORTS}[what]
    report = audit(LyingNode(settled.chain, alter), settled.market, settled.store)
    assert objections(report) == expected


@pytest.mark.parametrize("name", DROPPED)
def test_a_dropped_event_is_missed(settled: Settled, name: str) -> None:
    node = LyingNode(settled.chain, dropping(name))
    assert objections(audit(node, settled.market, settled.store)) == DROPPED[name]


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


@pytest.mark.parametrize(
    "alter",
    [
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
