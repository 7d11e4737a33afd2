"""What each event changes in the tables; `docs/protocol.md` tells the same in words.

The events are believed: whether they could come is what the audit asks.
"""

from __future__ import annotations

from collections.abc import Callable

from marketplace.index import judging, money, tables, trading
from marketplace.index.contracts import CHALLENGES, COMMITTEE, MARKET, PANEL, Event
from marketplace.index.rows import Rows

Change = Callable[[Rows, Event], None]

_OF_MARKET: dict[str, Change] = {
    "ModelRequested": trading.model_requested,
    "QuoteAccepted": trading.quote_accepted,
    "DataReported": trading.data_reported,
    "AttemptReported": trading.attempt_reported,
    "AuditAttested": trading.audit_attested,
    "TradeDisputed": trading.trade_disputed,
    "DisputeEnded": trading.dispute_ended,
    "TradeEnded": trading.trade_ended,
    "ScoresOpened": judging.scores_opened,
    "Locked": money.locked,
    "Credited": money.credited,
    "Refunded": money.refunded,
    "Withdrawn": money.withdrawn,
}

_OF_CHALLENGES: dict[str, Change] = {
    "Challenged": judging.challenged,
    "Awarded": money.awarded,
    "CreditWithdrawn": money.withdrawn,
    "VerdictUpheld": judging.upheld,
    "VerdictOverturned": judging.overturned,
    "ChallengeLapsed": judging.lapsed,
    "ScoresOpened": judging.scores_opened,
    "ClosedSealsPenalised": judging.closed_seals_penalised,
    "SilencePenalised": judging.silence_penalised,
}

_OF_AN_OFFICE: dict[str, Change] = {
    "RotationScheduled": judging.rotation_scheduled,
    "RotationCancelled": judging.rotation_cancelled,
    "Staked": money.staked,
    "UnstakeRequested": money.unstake_requested,
    "StakeWithdrawn": money.stake_withdrawn,
    "Slashed": money.slashed,
    "CreditWithdrawn": money.withdrawn,
}

_CHANGES: dict[str, dict[str, Change]] = {
    MARKET: _OF_MARKET,
    CHALLENGES: _OF_CHALLENGES,
    COMMITTEE: _OF_AN_OFFICE,
    PANEL: _OF_AN_OFFICE,
}


def take(rows: Rows, event: Event) -> None:
    """Apply one event of any of the contracts; what changes no table is kept as it is.

    Raises
    ------
    ChainError
        If it is of a trade that was never requested: the node left something out.
    """
    rows.add(
        tables.events,
        block=event.block,
        log_index=event.index,
        transaction=event.transaction,
        address=event.address,
        contract=event.part,
        name=event.name,
        trade=event.trade,
        topics=event.topics,
        data=event.data,
    )
    change = _CHANGES.get(event.part, {}).get(event.name)
    if change is not None:
        change(rows, event)
