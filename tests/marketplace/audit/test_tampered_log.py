"""One altered answer of the node at a time, and the checks that it trips: these and no others.

`tampering.objections` says how the names are to be read.
"""

from __future__ import annotations

from typing import Any

import pytest
from audit_chain import TERMS
from audited_trade import WINDOWS, AuditedTrade, Settled
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
    retold,
)

from marketplace.audit import audit
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.terms import LEAST_SETTLEMENT
from marketplace.protocol.typed_data import expanded

PARTIES = cast()

STORED = {"LEDGER", "STORED-CREDITS"}
"""What the contract itself says of its balance, and of every account."""

SHORT = {"SOLVENCY", "BALANCES"}
"""Less is held than came in: after some block, and at the end."""


CALLS_TO_FIND_THE_CONTRACTS = 5


def more(amount: int) -> int:
    return amount + 1


def flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def mirrored(signature: bytes) -> bytes:
    """Negate s and flip v, which recovers the same key (EIP-2)."""
    s = SECPK1_N - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])


def mirrored_compact(signature: bytes) -> bytes:
    """Negate s and flip the parity, which leaves no room for the other s in 64 bytes."""
    return compact_unchecked(mirrored(expanded(signature)))


def compact_unchecked(signature: bytes) -> bytes:
    """Pack 65 bytes into 64 whatever the size of s."""
    s = int.from_bytes(signature[32:64], "big") | (signature[64] - 27) << 255
    return signature[:32] + s.to_bytes(32, "big")


def flipped_top(data: bytes) -> bytes:
    return bytes([data[0] ^ 0x80]) + data[1:]


def shifted(amounts: list[int]) -> list[int]:
    return [amounts[0] + 1, amounts[1] - 1, *amounts[2:]]


# Which list of credits is for what, and where in it: first the data, then all the rest.
DATA, EXPERT, BROKER, PROTOCOL, AUDIT, ORACLE = (0, 0), (1, 0), (1, 3), (1, 4), (1, 5), (1, 6)


def paying(part: tuple[int, int], place: int, value: Any) -> Alter:
    """Change account (0), amount (1) or purpose (2) of one credit."""
    which, position = part
    return changing("Credited", (0, position, place), value, which)


AMOUNTS: dict[str, tuple[Alter, set[str]]] = {
    "a data payment": (paying(DATA, 1, more), {"INVARIANTS", "data-payments", "sums", *STORED}),
    "an expert's payment": (
        paying(EXPERT, 1, more),
        {"INVARIANTS", "expert-payments", "sums", *STORED},
    ),
    "the broker's fee, which it has withdrawn": (
        paying(BROKER, 1, more),
        {"INVARIANTS", "fees", "sums", *STORED},
    ),
    "the auditor's fee": (paying(AUDIT, 1, more), {"INVARIANTS", "fees", "sums", *STORED}),
    "the split of the oracle fee": (
        paying(ORACLE, 1, more),
        {"INVARIANTS", "fees", "sums", *STORED},
    ),
    "the protocol fee": (paying(PROTOCOL, 1, more), {"INVARIANTS", "fees", "sums", *STORED}),
    "the purpose of a credit": (paying(ORACLE, 2, Purpose.AUDIT), {"fees"}),
    "a payment that is left out": (
        changing("Credited", (0,), lambda all: all[1:], 1),
        {"INVARIANTS", "expert-payments", "sums"},
    ),
    "a payment that is made twice": (
        changing("Credited", (0,), lambda all: [*all, all[0]], 1),
        {"INVARIANTS", "expert-payments", "sums", *STORED},
    ),
    "the amount locked": (
        changing("Locked", (0,), more),
        {"INVARIANTS", "LEDGER", "price", "sums", *SHORT},
    ),
    "the expert pool in the quote": (
        changing("QuoteAccepted", (0, 3), more),
        {"INVARIANTS", "allocation", "price", "quote-signatures", "stored-agreement"},
    ),
    "the broker's fee in the quote": (
        changing("QuoteAccepted", (0, 4), more),
        {"INVARIANTS", "fees", "price", "quote-signatures", "stored-agreement"},
    ),
    "a data quote": (
        changing("QuoteAccepted", (0, 2, 0, 4), more),
        {"INVARIANTS", "data-payments", "price", "quote-signatures", "stored-agreement"},
    ),
    "the rows of a data quote": (
        changing("QuoteAccepted", (0, 2, 0, 3), more),
        {"quote-signatures", "stored-agreement"},
    ),
    "the price of what was dropped": (
        changing("DataReported", (1,), more),
        {"data-payments", "stored-agreement"},
    ),
    "the division of the pool": (
        changing("AttemptReported", (1, 4), shifted, 1),
        {"allocation", "expert-payments", "quorum", "stored-agreement"},
    ),
    "a division of more than the pool": (
        changing("AttemptReported", (1, 4, 0), more, 1),
        {"INVARIANTS", "allocation", "expert-payments", "quorum", "stored-agreement"},
    ),
    "a division among fewer": (
        changing("AttemptReported", (1, 4), lambda amounts: amounts[:2], 1),
        {"INVARIANTS", "allocation", "expert-payments", "quorum", "stored-agreement"},
    ),
    "the amount withdrawn": (changing("Withdrawn", (1,), more), {"INVARIANTS", *STORED}),
    "a stake": (changing("Staked", (0,), more), {"STAKES", *SHORT}),
    "a stake that was taken out": (
        retold("Staked", "StakeWithdrawn", topics=2, before=bytes(32)),
        {"COMMITTEES", "INVARIANTS", "STAKES"},
    ),
    "a stake that is on its way out": (
        retold("Staked", "UnstakeRequested", topics=2),
        {"COMMITTEES", "INVARIANTS", "STAKES"},
    ),
}

RULES: dict[str, tuple[Alter, set[str]]] = {
    "the request's salt": (changing("ModelRequested", (0, 19), flipped), {"trade-id"}),
    "the budget": (changing("ModelRequested", (0, 4), more), {"trade-id"}),
    "a budget below the price": (changing("ModelRequested", (0, 4), 1), {"price", "trade-id"}),
    "the threshold": (changing("ModelRequested", (0, 5), more), {"stored-agreement", "trade-id"}),
    "the cap on attempts": (
        changing("ModelRequested", (0, 6), more),
        {"stored-status", "trade-id"},
    ),
    "the least rows": (changing("ModelRequested", (0, 7), more), {"stored-agreement", "trade-id"}),
    "more rows than there are": (
        changing("ModelRequested", (0, 7), 1_000),
        {
            "INVARIANTS",
            "data-payments",
            "expert-payments",
            "fees",
            "score",
            "states",
            "stored-agreement",
            "trade-id",
        },
    ),
    "the validation root": (
        changing("ModelRequested", (0, 9), flipped),
        {"allocation?", "score?", "seals?", "trade-id", "validation-commitment"},
    ),
    "the specification": (
        changing("ModelRequested", (0, 10), flipped),
        {"allocation?", "documents?", "score?", "seals?", "trade-id", "training?"},
    ),
    "the licence": (changing("ModelRequested", (0, 11), flipped), {"trade-id", "documents?"}),
    "whether an approval is needed": (
        changing("ModelRequested", (0, 13), True),
        {"stored-agreement", "trade-id"},
    ),
    "the committee in the request": (
        changing("ModelRequested", (0, 14), flipped),
        {"fees", "quorum", "seals", "stored-agreement", "terms", "trade-id"},
    ),
    "the panel in the request": (
        changing("ModelRequested", (0, 15), flipped),
        {"terms", "trade-id"},
    ),
    "the fee of the request": (
        changing("ModelRequested", (0, 16), more),
        {"INVARIANTS", "fees", "price", "stored-agreement", "terms", "trade-id"},
    ),
    "the treasury of the request": (
        changing("ModelRequested", (0, 17), PARTIES.stranger.address),
        {"fees", "stored-agreement", "terms", "trade-id"},
    ),
    "a window": (changing("ModelRequested", (0, 18, 4), more), {"stored-status", "trade-id"}),
    "the last window": (
        changing("ModelRequested", (0, 18, 6), more),
        {"stored-status", "trade-id"},
    ),
    "a review in force that is just as long": (
        changing("ReviewChanged", (0,), WINDOWS.review - (10**18 >> TERMS.review_shift)),
        {"RULES"},
    ),
    "a review in force that is a second longer": (
        changing("ReviewChanged", (0,), WINDOWS.review - (10**18 >> TERMS.review_shift) + 1),
        {"RULES", "terms"},
    ),
    "a review that is too short": (
        changing("ModelRequested", (0, 18, 5), 60),
        {"stored-status", "terms", "trade-id"},
    ),
    "a settlement that is just long enough": (
        changing("ModelRequested", (0, 18, 6), LEAST_SETTLEMENT),
        {"stored-status", "trade-id"},
    ),
    "a settlement that is too short": (
        changing("ModelRequested", (0, 18, 6), LEAST_SETTLEMENT - 1),
        {"stored-status", "terms", "trade-id"},
    ),
    "a quote for another trade": (
        changing("QuoteAccepted", (0, 0), flipped),
        {"quote-signatures", "stored-agreement"},
    ),
    "a data quote for another trade": (
        changing("QuoteAccepted", (0, 2, 0, 0), flipped),
        {"quote-signatures", "stored-agreement"},
    ),
    "an expired quote": (
        changing("QuoteAccepted", (0, 7), 1),
        {"quote-signatures", "states", "stored-agreement"},
    ),
    "an expired data quote": (
        changing("QuoteAccepted", (0, 2, 1, 5), 1),
        {"quote-signatures", "states", "stored-agreement"},
    ),
    "what the broker asked for": (
        changing("QuoteAccepted", (0, 1), flipped),
        {"documents?", "quote-signatures", "stored-agreement"},
    ),
    "providers in another order": (
        changing("QuoteAccepted", (0, 2), lambda quotes: quotes[::-1]),
        {"documents", "quote-signatures", "stored-agreement"},
    ),
    "the fee in force": (changing("FeeChanged", (0,), more), {"RULES", "terms"}),
    "the review in force": (changing("ReviewChanged", (0,), 10_001), {"RULES", "terms"}),
    "the committee's quorum": (
        changing("RotationScheduled", (1,), 1),
        {"COMMITTEES", "fees", "quorum", "seals", "terms"},
    ),
    "the committee's order": (
        changing("RotationScheduled", (0,), lambda members: members[::-1]),
        {"COMMITTEES", "fees", "quorum", "seals", "terms"},
    ),
    "the committee's version": (
        renaming("RotationScheduled", 1, "0x02"),
        {"COMMITTEES", "fees", "quorum", "seals", "terms"},
    ),
    "when the committee took office": (changing("RotationScheduled", (2,), more), {"COMMITTEES"}),
    "the panel's quorum": (changing("RotationScheduled", (1,), 3, 1), {"PANELS", "terms"}),
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
        {"audit-signature", "fees", "roles", "stored-agreement", "trade-id"},
    ),
    "a broker who is the auditor": (
        changing("ModelRequested", (0, 1), PARTIES.auditor.address),
        {"fees", "quote-signatures", "roles", "stored-agreement", "trade-id"},
    ),
    "a treasury that is the auditor": (
        changing("ModelRequested", (0, 17), PARTIES.auditor.address),
        {"fees", "roles", "stored-agreement", "terms", "trade-id"},
    ),
    "a treasury that is a judge": (
        changing("ModelRequested", (0, 17), PARTIES.signers[0].address),
        {"fees", "roles", "stored-agreement", "terms", "trade-id"},
    ),
    "a provider who is the buyer": (
        changing("QuoteAccepted", (0, 2, 2, 1), PARTIES.buyer.address),
        {"data-payments", "documents", "quote-signatures", "roles", "stored-agreement"},
    ),
    "an expert who is a provider": (
        changing("DataReported", (0, 1, 0), PARTIES.providers[0].address),
        {"allocation", "expert-payments", "gate", "quorum", "roles", "score", "stored-agreement"},
    ),
    "another auditor attests": (renaming("AuditAttested", 2, PARTIES.stranger.address), {"roles"}),
    "another pays": (renaming("Locked", 2, PARTIES.stranger.address), {"price"}),
    "another is paid": (
        paying(EXPERT, 0, PARTIES.stranger.address),
        {"STORED-CREDITS", "expert-payments"},
    ),
    "another currency is locked": (
        renaming("Locked", 3, PARTIES.stranger.address),
        {"INVARIANTS", "price", "sums", "BALANCES"},
    ),
    "another currency is paid": (
        renaming("Credited", 2, PARTIES.stranger.address, 1),
        {"INVARIANTS", "SOLVENCY", "sums", *STORED},
    ),
    "another withdraws": (
        renaming("Withdrawn", 1, PARTIES.stranger.address),
        {"INVARIANTS", *STORED},
    ),
}

MISNUMBERED = {
    "audit-signature",
    "INVARIANTS",
    "allocation?",
    "attempts",
    "documents",
    "fees",
    "quorum",
    "score?",
    "seals?",
    "states",
    "stored-agreement",
    "stored-seals",
    "training?",
    "validation-commitment?",
}
"""What an attempt trips whose number is not that of its evidence."""

REPORTS: dict[str, tuple[Alter, set[str]]] = {
    "the broker's signature": (changing("QuoteAccepted", (1, 0), flipped), {"quote-signatures"}),
    "a provider's signature": (changing("QuoteAccepted", (1, 1), flipped), {"quote-signatures"}),
    "a provider's missing signature": (
        changing("QuoteAccepted", (1,), lambda signatures: signatures[:3]),
        {"quote-signatures"},
    ),
    "the other signature of the broker's key": (
        changing("QuoteAccepted", (1, 0), mirrored),
        {"quote-signatures"},
    ),
    "a signature with another recovery id": (
        changing("QuoteAccepted", (1, 0), lambda signature: signature[:64] + bytes([60])),
        {"quote-signatures"},
    ),
    "a signature of no length": (changing("QuoteAccepted", (1, 0), b""), {"quote-signatures"}),
    "a signature under the data report": (changing("DataReported", (3,), flipped), {"quorum"}),
    "a signature under an attempt": (changing("AttemptReported", (5,), flipped, 1), {"quorum"}),
    "the parity of a signature": (
        changing("DataReported", (3,), lambda packed: packed[:32] + flipped_top(packed[32:])),
        {"quorum"},
    ),
    "the other signature of the same key": (
        changing("DataReported", (3,), lambda packed: mirrored_compact(packed[:64]) + packed[64:]),
        {"quorum"},
    ),
    "one signature for both signers": (
        changing("DataReported", (3,), lambda packed: packed[:64] * 2),
        {"quorum"},
    ),
    "one signature too few": (
        changing("DataReported", (3,), lambda packed: packed[:64]),
        {"quorum"},
    ),
    "signers of the data report": (
        changing("DataReported", (2,), 0b101),
        {"fees", "quorum", "stored-status"},
    ),
    "a signer that has no seat": (
        changing("DataReported", (2,), 0b1001),
        {"fees", "quorum", "stored-status"},
    ),
    "fewer signers than a quorum": (
        changing("DataReported", (2,), 0b001),
        {"INVARIANTS", "quorum"},
    ),
    "signers of an attempt": (
        changing("AttemptReported", (2,), 0b101, 1),
        {
            "audit-signature",
            "fees",
            "quorum",
            "seals",
            "states",
            "stored-agreement",
            "stored-seals",
            "stored-status",
            "verdicts",
        },
    ),
    "a verdict of the deciding attempt": (
        changing("AttemptReported", (3,), 0b01, 1),
        {
            "audit-signature",
            "fees",
            "quorum",
            "states",
            "stored-agreement",
            "stored-seals",
            "verdicts",
        },
    ),
    "a verdict of an earlier attempt": (
        changing("AttemptReported", (3,), 0b10, 0),
        {"quorum", "seals", "stored-agreement"},
    ),
    "a verdict of nobody": (
        changing("AttemptReported", (3,), 0b111, 1),
        {"audit-signature", "stored-agreement", "verdicts"},
    ),
    "which datasets were accepted": (
        changing("DataReported", (0, 0), 0b011),
        {"INVARIANTS", "data-payments", "documents", "quorum"},
    ),
    "a dataset that nobody quoted": (
        changing("DataReported", (0, 0), 0b1111),
        {"data-payments", "quorum"},
    ),
    "the evidence of the data": (
        changing("DataReported", (0, 3), flipped),
        {"documents?", "quorum"},
    ),
    "the evidence of the gate": (
        changing("DataReported", (0, 4), flipped),
        {"documents?", "gate?", "quorum", "training?"},
    ),
    "a gate weight": (
        changing("DataReported", (0, 2), shifted),
        {"gate", "quorum", "stored-agreement"},
    ),
    "gate weights of less than the whole": (
        changing("DataReported", (0, 2, 0), lambda weight: weight - 1),
        {"gate", "quorum", "stored-agreement"},
    ),
    "a gate weight too few": (
        changing("DataReported", (0, 2), lambda weights: weights[:2]),
        {"gate", "quorum", "stored-agreement"},
    ),
    "experts in another order": (
        changing("DataReported", (0, 1), lambda experts: experts[::-1]),
        {"allocation", "expert-payments", "gate", "quorum", "stored-agreement"},
    ),
    "the model of an attempt": (
        changing("AttemptReported", (1, 0), flipped, 1),
        {"audit-signature", "quorum", "stored-agreement"},
    ),
    "a model that is scored again": (
        changing("AttemptReported", (1, 0), lambda model: keccak(text="one model"), None),
        {"audit-signature", "attempts", "quorum", "stored-agreement"},
    ),
    "a delivery after a failure": (
        changing("AttemptReported", (1, 2), flipped),
        {"documents?", "quorum", "stored-agreement", "verdicts"},
    ),
    "a division after a failure": (
        changing("AttemptReported", (1, 4), [1]),
        {"quorum", "verdicts"},
    ),
    "an attempt without a number": (changing("AttemptReported", (0,), 0, 1), MISNUMBERED),
    "fewer signers of an attempt than a quorum": (
        changing("AttemptReported", (2,), 0b01, 1),
        {"audit-signature", "INVARIANTS", "quorum", "seals", "stored-agreement", "verdicts"},
    ),
    "a seal too few": (
        changing("AttemptReported", (4,), lambda seals: seals[:1], 1),
        {"audit-signature", "quorum", "seals", "stored-agreement"},
    ),
    "the number of an attempt": (changing("AttemptReported", (0,), 7, 1), MISNUMBERED),
    "a sealed score": (
        changing("AttemptReported", (4, 0), flipped, 1),
        {"audit-signature", "quorum", "seals", "stored-agreement"},
    ),
    "an opened score": (changing("ScoresOpened", (2, 0), more), {"seals"}),
    "the salt of an opened score": (changing("ScoresOpened", (3, 0), flipped), {"seals"}),
    "an opened score of a failed attempt": (changing("ScoresOpened", (2, 0), more, 1), {"seals"}),
    "which scores were opened": (
        changing("ScoresOpened", (1,), 0b01),
        {"fees", "seals", "states", "stored-seals"},
    ),
    "an opened score of nobody": (changing("ScoresOpened", (1,), 0b111), {"seals"}),
    "an opened score too few": (
        changing("ScoresOpened", (2,), lambda scores: scores[:1]),
        {"fees", "seals", "states", "stored-seals"},
    ),
    "the attempt of the opened scores": (
        changing("ScoresOpened", (0,), 1),
        {"fees", "seals", "states", "stored-seals"},
    ),
    "the auditor's report": (
        changing("AuditAttested", (0,), flipped),
        {"audit-signature", "documents?"},
    ),
    "the auditor's finding": (
        changing("AuditAttested", (1,), False),
        {"audit-signature", "documents", "stored-status"},
    ),
    "the final state": (
        changing("TradeEnded", (0,), State.REFUNDED),
        {"expert-payments", "fees", "states", "stored-status"},
    ),
    "an end that is none": (
        changing("TradeEnded", (0,), State.GATED),
        {"INVARIANTS", "expert-payments", "fees", "states", "stored-status"},
    ),
    "a request told twice": (repeating("ModelRequested"), {"states"}),
    "an attestation told twice": (repeating("AuditAttested"), {"states"}),
    "an end told twice": (repeating("TradeEnded"), {"states"}),
    "money locked twice": (
        repeating("Locked"),
        {"INVARIANTS", "LEDGER", "price", "sums", *SHORT},
    ),
    "an attempt told twice": (
        repeating("AttemptReported", 0),
        {"INVARIANTS", "attempts", "states", "stored-agreement", "stored-status"},
    ),
    "an attempt after the pass": (
        repeating("AttemptReported", 1),
        {"INVARIANTS", "attempts", "states", "stored-agreement", "stored-seals", "stored-status"},
    ),
    "credits paid twice": (
        repeating("Credited", 1),
        {"INVARIANTS", "expert-payments", "fees", "states", "sums", *STORED},
    ),
}

DROPPED: dict[str, set[str]] = {
    "ModelRequested": {"INVARIANTS", "LOG"},
    "QuoteAccepted": {
        "INVARIANTS",
        "data-payments",
        "documents",
        "expert-payments",
        "fees",
        "score",
        "states",
        "stored-agreement",
    },
    "Locked": {"INVARIANTS", "price", "sums"},
    "DataReported": {
        "INVARIANTS",
        "data-payments",
        "expert-payments",
        "score",
        "states",
        "stored-agreement",
        "training?",
    },
    "AttemptReported": {"INVARIANTS", "attempts", "stored-agreement", "stored-status", "training"},
    "AuditAttested": {"fees", "states", "stored-status"},
    "TradeEnded": {"INVARIANTS", "expert-payments", "fees", "states", "stored-status"},
    "ScoresOpened": {"fees", "seals?", "states", "stored-seals"},
    "Credited": {"INVARIANTS", "data-payments", "sums", *STORED},
    "Withdrawn": {*SHORT, *STORED},
    "RotationScheduled": {"COMMITTEES", "fees", "quorum", "seals", "terms"},
    "FeeChanged": {"RULES", "terms"},
    "ReviewChanged": {"RULES", "terms"},
    "Staked": {"COMMITTEES", "STAKES"},
}


@pytest.mark.parametrize("what", [*AMOUNTS, *RULES, *ROLES, *REPORTS])
def test_an_altered_value_is_named(settled: Settled, what: str) -> None:
    alter, expected = {**AMOUNTS, **RULES, **ROLES, **REPORTS}[what]
    report = audit(LyingNode(settled.chain, alter), settled.market, settled.store)
    assert objections(report) == expected


SENTENCES = {
    "a division of more than the pool": ("allocation", "the amounts sum to"),
    "a division among fewer": ("allocation", "2 amounts stand for 3 experts"),
    "more rows than there are": ("data-payments", "too few rows were accepted and the trade"),
    "providers in another order": ("quote-signatures", "the providers are not ascending"),
    "a data quote for another trade": ("quote-signatures", "is for trade 0x"),
    "a quote for another trade": ("quote-signatures", "is for trade 0x"),
    "the committee's order": ("committees", "the members of version 1 are not ascending"),
    "the committee's version": ("committees", "version 2 follows version 0"),
    "the committee's quorum": ("committees", "1 of 3 make no majority"),
    "when the committee took office": ("committees", "takes office at"),
    "the panel's quorum": ("panels", "version 1 of the panel is 0x"),
    "a stake": ("stakes", "at stake in storage and"),
    "a stake that was taken out": ("invariants", "the unbonding stake of"),
    "a stake that is on its way out": ("invariants", "the bond of"),
    "fewer signers of an attempt than a quorum": ("invariants", "too few signed attempt 2"),
    "gate weights of less than the whole": ("gate", "don't share out 1000000"),
    "a gate weight too few": ("gate", "2 weights stand for 3 experts"),
    "experts in another order": ("gate", "the experts are not ascending"),
    "the attempt of the opened scores": ("states", "which decided nothing"),
    "credits paid twice": ("states", "outside the step that orders it"),
    "an attempt after the pass": ("states", "AttemptReported in block"),
    "an end told twice": ("states", "ended the trade as SETTLED from SETTLED"),
}
"""What a check says of a fault, where another sentence of the same check would fail it, too."""


@pytest.mark.parametrize("what", SENTENCES)
def test_each_fault_is_said(settled: Settled, what: str) -> None:
    alter, _ = {**AMOUNTS, **RULES, **ROLES, **REPORTS}[what]
    report = audit(LyingNode(settled.chain, alter), settled.market, settled.store)
    name, sentence = SENTENCES[what]
    (check,) = (check for check in report.checks if check.name == name)
    assert sentence in check.detail


@pytest.mark.parametrize("name", DROPPED)
def test_a_dropped_event_is_missed(settled: Settled, name: str) -> None:
    node = LyingNode(settled.chain, dropping(name))
    assert objections(audit(node, settled.market, settled.store)) == DROPPED[name]


def test_a_pass_that_is_left_out_leaves_nothing_to_pay_by(settled: Settled) -> None:
    node = LyingNode(settled.chain, dropping("AttemptReported", 1))
    found = objections(audit(node, settled.market, settled.store))
    assert {"states", "expert-payments", "fees", "stored-status", "stored-agreement"} <= found


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
        dropping("AuthorityUpdated", 2),
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
    assert objections(audit(node, settled.market, settled.store)) == {"SERVED-LOG"}


def slow(header: dict[str, Any]) -> dict[str, Any]:
    return {**header, "timestamp": hex(int(header["timestamp"], 16) * 1_000)}


def test_clocks_are_those_of_the_blocks(settled: Settled) -> None:
    node = LyingNode(settled.chain, header=slow)
    report = audit(node, settled.market, settled.store)
    assert objections(report) == {"COMMITTEES", "PANELS", "states", "stored-status"}
    late = next(check for check in report.objections if check.name == "states")
    assert "after its deadline" in late.detail


def test_a_market_that_holds_too_little_is_named(settled: Settled) -> None:
    node = LyingNode(settled.chain, answers={"eth_getBalance": lambda wei: hex(int(wei, 16) - 1)})
    report = audit(node, settled.market, settled.store)
    assert objections(report) == {"LEDGER", "STAKES", "STATE-PROOFS", *SHORT}
    assert "owes" in report.objections[0].detail


@pytest.mark.parametrize("answer", ["0x", "0x" + "00" * 5, "0x" + "ff" * 1024])
def test_storage_that_answers_nonsense_is_named(settled: Settled, answer: str) -> None:
    calls = []

    def nonsense_once_the_contracts_are_found(result: str) -> str:
        calls.append(result)
        return result if len(calls) <= CALLS_TO_FIND_THE_CONTRACTS else answer

    answers = {"eth_call": nonsense_once_the_contracts_are_found}
    found = objections(
        audit(LyingNode(settled.chain, answers=answers), settled.market, settled.store)
    )
    assert found == {
        "CONTRACTS",
        "COMMITTEES",
        "PANELS",
        "RULES",
        "STAKES",
        "STORED-CREDITS",
        "STATE-PROOFS",
        "stored-status",
        "stored-agreement",
        "stored-seals",
        "stored-deliveries",
    }


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


def test_a_data_report_that_is_left_out_of_a_running_trade(trade: AuditedTrade) -> None:
    trade.to_gate()
    node = LyingNode(trade.market.node.web3.provider, dropping("DataReported"))
    found = objections(audit(node, trade.market.address, trade.store))
    assert found == {"INVARIANTS", "data-payments", "states", "stored-agreement", "stored-status"}


def test_requests_may_be_paused_and_none_comes_meanwhile(trade: AuditedTrade) -> None:
    market, admin = trade.market, trade.parties.admin
    for paused in (True, False):
        market.node.send(admin, market.rules.functions.pauseRequests(paused))
    trade.ask()
    honest = market.node.web3.provider
    assert objections(audit(honest, market.address, trade.store)) == set()
    node = LyingNode(honest, dropping("RequestsPaused", 1))
    report = audit(node, market.address, trade.store)
    assert objections(report) == {"RULES", "terms"}
    assert report.objections[-1].detail == "requests were paused"


def test_a_closed_seal_is_told_as_nothing(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(seats=(0, 1, 2))
    trade.publish()
    trade.lapse(grace=trade.request.windows.settlement)
    trade.settle(closed=(1,))
    for alter in (changing("ScoresOpened", (2, 1), 5), changing("ScoresOpened", (3, 1), flipped)):
        node = LyingNode(trade.market.node.web3.provider, alter)
        report = audit(node, trade.market.address, trade.store)
        assert objections(report) == {"seals"}
        assert "a score of seat 1 is told" in report.objections[0].detail


def test_a_currency_has_a_review_of_its_own(trade: AuditedTrade) -> None:
    node, currency = trade.market.node, trade.request.currency
    rules = trade.market.rules.functions
    for own in (currency, trade.parties.stranger.address):
        node.send(trade.parties.admin, rules.setReviewShift(own, 60))
    trade.ask()
    chain, market = node.web3.provider, trade.market.address
    assert objections(audit(chain, market, trade.store)) == set()
    for alter, expected in (
        (changing("ReviewShiftChanged", (0,), 1), {"RULES", "terms"}),
        (changing("ReviewShiftChanged", (0,), 1, 1), {"RULES"}),
        (changing("ReviewShiftChanged", (0,), 0), {"RULES"}),
    ):
        found = objections(audit(LyingNode(chain, alter), market, trade.store))
        assert found == expected


def test_a_running_trade_pays_no_more_than_is_locked(trade: AuditedTrade) -> None:
    trade.to_gate()
    node = LyingNode(trade.market.node.web3.provider, paying(DATA, 1, 10**18))
    found = objections(audit(node, trade.market.address, trade.store))
    assert found == {"INVARIANTS", "data-payments", "sums", *STORED}


def test_a_running_trade_pays_nobody_but_for_data(trade: AuditedTrade) -> None:
    trade.to_gate()
    node = LyingNode(trade.market.node.web3.provider, paying(DATA, 2, Purpose.EXPERT))
    found = objections(audit(node, trade.market.address, trade.store))
    assert found == {"states", "data-payments", "expert-payments"}


def test_judges_are_paid_for_idle_experts_and_for_no_delivery_unjudged(
    trade: AuditedTrade,
) -> None:
    trade.to_gate()
    trade.put_on_record(trade.parties.stranger)
    trade.lapse()
    trade.time_out_training()
    chain, market = trade.market.node.web3.provider, trade.market.address
    assert objections(audit(chain, market, trade.store)) == set()
    nobody_paid = LyingNode(chain, changing("Credited", (0,), [], 1))
    found = objections(audit(nobody_paid, market, trade.store))
    assert found == {"INVARIANTS", "fees", "sums"}
    expert = renaming("WorkDelivered", 2, trade.parties.experts[0].address)
    found = objections(audit(LyingNode(chain, expert), market, trade.store))
    assert found == {"expert-payments", "fees", "stored-deliveries", "stored-status"}


def test_a_running_trade_refunds_nothing(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.lapse()
    trade.time_out_delivery()
    node = LyingNode(trade.market.node.web3.provider, dropping("TradeEnded"))
    found = objections(audit(node, trade.market.address, trade.store))
    assert found == {"INVARIANTS", "sums", "stored-status"}


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
    trade.time_out_delivery()
    elsewhere = "0x" + "ab" * 32
    node = LyingNode(
        trade.market.node.web3.provider,
        on_event("Refunded", lambda log: [{**log, "transactionHash": elsewhere}]),
    )
    assert objections(audit(node, trade.market.address, trade.store)) == {
        "INVARIANTS",
        "RECEIPTS",
        "states",
    }


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        (2, {"sums", "STORED-CREDITS"}),
        (3, {"INVARIANTS", "LEDGER", "SOLVENCY", "STORED-CREDITS", "sums"}),
    ],
)
def test_a_refund_goes_to_the_buyer_in_the_trade_s_currency(
    trade: AuditedTrade, topic: int, expected: set[str]
) -> None:
    trade.to_funded()
    trade.lapse()
    trade.time_out_delivery()
    alter = renaming("Refunded", topic, trade.parties.stranger.address)
    node = LyingNode(trade.market.node.web3.provider, alter)
    assert objections(audit(node, trade.market.address, trade.store)) == expected
