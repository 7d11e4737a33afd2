"""Who judges, how verdicts were challenged, which scores were opened, and who was penalised."""

from __future__ import annotations

from marketplace.index import tables
from marketplace.index.contracts import Event, hexadecimal
from marketplace.index.money import bonded
from marketplace.index.rows import Rows
from marketplace.protocol.agreement import committee_digest
from marketplace.protocol.terms import Committee


def rotation_scheduled(rows: Rows, event: Event) -> None:
    """Seat a committee or panel that takes office later."""
    members, version = tuple(map(str, event["members"])), int(event["version"])
    committee = Committee(version, int(event["threshold"]), members)
    for seat, member in enumerate(members):
        rows.add(
            tables.seats,
            office=event.part,
            version=version,
            seat=seat,
            member=member,
            threshold=committee.threshold,
            effective_at=int(event["effectiveAt"]),
            cancelled=False,
            digest=hexadecimal(committee_digest(committee)),
        )


def rotation_cancelled(rows: Rows, event: Event) -> None:
    """Mark a committee or panel that never takes office."""
    for seat in rows.find(tables.seats, office=event.part, version=int(event["version"])):
        rows.put(tables.seats, **(seat | {"cancelled": True}))


def signed(rows: Rows, event: Event) -> None:
    """Note who signed a report, for the list of a trade's parties."""
    trade = rows.get(tables.trades, event.trade)
    seats = rows.find(tables.seats, office="committee", digest=trade["committee"]) if trade else []
    for seat in seats:
        if int(event["signers"]) >> seat["seat"] & 1:
            rows.put(tables.parties, account=seat["member"], trade=event.trade, role="signer")


def scores_opened(rows: Rows, event: Event) -> None:
    """Open scores of an attempt, one for each of its signers in the order of the seats."""
    attempt = rows.get(tables.attempts, event.trade, int(event["attempt"]))
    if attempt is None:
        return
    for seat, score in zip(seats_in(attempt["signers"]), event["scores"], strict=False):
        if int(event["opened"]) >> seat & 1:
            rows.put(
                tables.scores,
                trade=event.trade,
                attempt=attempt["attempt"],
                seat=seat,
                score=int(score),
            )


def challenged(rows: Rows, event: Event) -> None:
    """Open a dispute of a verdict, for a bond."""
    bonded(rows, event)
    rows.put(
        tables.disputes,
        trade=event.trade,
        challenger=event["challenger"],
        claim=hexadecimal(event["claim"]),
        currency=event["currency"],
        bond=int(event["bond"]),
        deadline=int(event["deadline"]),
        ruling="open",
    )


def upheld(rows: Rows, event: Event) -> None:
    """Rule that the verdict is right."""
    rows.change(tables.disputes, event.trade, ruling="upheld")


def overturned(rows: Rows, event: Event) -> None:
    """Rule that the verdict is wrong; its signers were slashed."""
    rows.change(tables.disputes, event.trade, ruling="overturned")
    _penalty(rows, event, "verdict")


def lapsed(rows: Rows, event: Event) -> None:
    """Close a dispute that nobody ruled on in time."""
    rows.change(tables.disputes, event.trade, ruling="lapsed")


def closed_seals_penalised(rows: Rows, event: Event) -> None:
    """Penalise signers that left seals of an earlier attempt closed."""
    _penalty(rows, event, "closed-seals", int(event["attempt"]), int(event["closed"]))


def silence_penalised(rows: Rows, event: Event) -> None:
    """Penalise a committee that left delivered work unjudged."""
    _penalty(rows, event, "silence")


def _penalty(rows: Rows, event: Event, kind: str, attempt: int = 0, seats: int = 0) -> None:
    rows.add(
        tables.penalties,
        block=event.block,
        log_index=event.index,
        trade=event.trade,
        kind=kind,
        attempt=attempt,
        seats=seats,
        slashed=int(event["slashed"]),
    )


def seats_in(bitmap: int) -> list[int]:
    """Return the seats in a bitmap, ascending."""
    return [seat for seat in range(bitmap.bit_length()) if bitmap >> seat & 1]
