"""What each event of a trade means, in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from marketplace.audit.abi import Event
from marketplace.audit.report import counted
from marketplace.audit.reporting.records import Occurrence
from marketplace.protocol.structs import Struct
from marketplace.protocol.units import in_percent
from offchain.storage.cid import cid_of_digest

_DOCUMENTS = {
    "spec",
    "licence",
    "data_request",
    "data_evidence",
    "gate_evidence",
    "training",
    "delivery",
    "evidence",
    "claim",
}
"""Digests of documents among the values of events."""


def timeline(events: Iterable[Event]) -> list[Occurrence]:
    """Return the events of a trade with their meaning, in their order."""
    return [
        Occurrence(
            name=event.name,
            meaning=_MEANINGS[event.name](event) if event.name in _MEANINGS else "",
            block=event.log.block,
            transaction="0x" + event.log.transaction.hex(),
            log_index=event.log.index,
            time=event.timestamp,
            evidence=tuple(cid_of_digest(digest) for digest in _named(event)),
        )
        for event in events
    ]


def _named(event: Event) -> Iterator[bytes]:
    for name, value in event.values.items():
        inner = vars(value) if isinstance(value, Struct) else {name: value}
        yield from (inner[key] for key in inner if key in _DOCUMENTS and any(inner[key]))
    if event.name == "AuditAttested":
        yield event["report"]


def _requested(event: Event) -> str:
    request = event["request"]
    return (
        f"buyer {request.buyer} asks broker {request.broker} for a model that reaches"
        f" {in_percent(request.threshold)}, for {request.budget} wei at most"
    )


def _accepted(event: Event) -> str:
    offers = event["quote"].data_quotes
    return f"the buyer accepts the broker's quote, with {counted(len(offers), 'dataset')}"


def _data_reported(event: Event) -> str:
    finding = event["report"]
    return (
        f"the committee, {_seats(event)}, reports that {_bits(finding.accepted, 'dataset')} came"
        f" as quoted, and lets {counted(len(finding.experts), 'expert')} train"
    )


def _attempted(event: Event) -> str:
    signers, passing = event["signers"].bit_count(), event["verdicts"].bit_count()
    outcome = "passed" if 2 * passing > signers else "did not pass"
    return f"attempt {event['attempt']} {outcome}: {passing} of {signers} signers say it did"


def _credited(event: Event) -> str:
    payments = event["payments"]
    whole = sum(payment["amount"] for payment in payments)
    purposes = sorted({payment["purpose"].name.lower() for payment in payments})
    return f"the escrow credits {whole} wei, {counted(len(payments), 'payment')}: " + ", ".join(
        purposes
    )


def _attested(event: Event) -> str:
    found = "approves" if event["approved"] else "does not approve"
    return f"auditor {event['auditor']} {found}"


def _ruled(event: Event) -> str:
    return f"the dispute is over; the verdict {'fell' if event['overturned'] else 'stands'}"


def _opened(event: Event) -> str:
    return f"{_bits(event['opened'], 'sealed score')} of attempt {event['attempt']} are revealed"


def _seats(event: Event) -> str:
    return counted(event["signers"].bit_count(), "signature")


def _bits(bitmap: int, noun: str) -> str:
    return counted(bitmap.bit_count(), noun)


def _said(sentence: str) -> Callable[[Event], str]:
    """Return a sentence with the event's values in their places."""

    def fill(event: Event) -> str:
        values: dict[str, Any] = dict(event.values)
        return sentence.format_map(values)

    return fill


_MEANINGS: dict[str, Callable[[Event], str]] = {
    "ModelRequested": _requested,
    "QuoteDeclined": _said("the buyer declines the broker's quote"),
    "QuoteAccepted": _accepted,
    "Locked": _said("{from} locks {amount} wei, the whole price, in the escrow"),
    "WorkDelivered": _said("{account} puts its delivery on record, lest nobody judges it in time"),
    "DataReported": _data_reported,
    "AttemptReported": _attempted,
    "AuditAttested": _attested,
    "TradeDisputed": _said("the settlement is frozen until there is a ruling"),
    "DisputeEnded": _ruled,
    "ScoresOpened": _opened,
    "Credited": _credited,
    "Refunded": _said("the escrow credits buyer {buyer} with {amount} wei, all that is left"),
    "TradeEnded": lambda event: f"the trade has ended, {event['state'].name}",
    "Challenged": _said("{challenger} challenges the verdict and puts up {bond} wei"),
    "VerdictUpheld": _said("the panel executed the work again: the verdict stands"),
    "VerdictOverturned": _said(
        "the panel executed the work again: the verdict falls, and its signers lose {slashed} wei"
    ),
    "ChallengeLapsed": _said("nobody ruled on the challenge in time"),
    "Awarded": _said("{account} is awarded {amount} wei"),
    "ClosedSealsPenalised": _said(
        "signers whose scores of attempt {attempt} stayed sealed lose {slashed} wei of stake"
    ),
    "SilencePenalised": _said("members who judged nothing in time lose {slashed} wei of stake"),
}
