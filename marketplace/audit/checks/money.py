"""Checks of who was paid: data, fees, and that all parts sum to what was locked."""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.audit.case import Case
from marketplace.audit.report import Finding, counted, judged, not_reached
from marketplace.audit.trade import Acceptance, Credit, Payment
from marketplace.protocol.states import Purpose, State
from marketplace.protocol.units import BASIS_POINTS, even_split

Due = tuple[str, str, int]
"""Purpose, account and wei."""


def check_data_payments(case: Case) -> Finding | None:
    """Check that accepted datasets were paid as quoted, and none if the rows are too few."""
    trade = case.trade
    paid = trade.credited(Purpose.DATA)
    if trade.data is None and not paid:
        return not_reached(trade.ended, "data report")
    quotes = trade.acceptance.quote.data_quotes if trade.acceptance else ()
    accepted = trade.data.accepted if trade.data else 0
    rows, least = trade.accepted_rows, trade.request.min_rows
    enough = rows >= least
    due = [
        (Purpose.DATA.name, quote.provider, quote.price)
        for i, quote in enumerate(quotes)
        if enough and accepted >> i & 1 and quote.price
    ]
    faults = _differences(due, paid)
    if accepted >> len(quotes):
        faults.append(f"the report accepts {accepted:#b} of {len(quotes)} deliveries")
    if not enough and trade.state is not State.REFUNDED:
        faults.append(f"{rows} rows of at least {least} were accepted and the trade went on")
    share = f"{accepted.bit_count()} of {len(quotes)} datasets"
    return judged(faults, f"{share} with {rows} rows of at least {least} earned {_total(paid)}")


def check_fees(case: Case) -> Finding | None:
    """Check that signers shared the oracle fee and the others got their fees as quoted."""
    trade = case.trade
    paid = trade.credited(Purpose.BROKER, Purpose.AUDIT, Purpose.ORACLE, Purpose.PROTOCOL)
    if trade.acceptance is None and not paid:
        return not_reached(trade.ended, "accepted quote")
    if not trade.ended and not paid:
        return not_reached(trade.ended, "end")
    due = _fees_due(case, trade.acceptance) if trade.acceptance else []
    return judged(
        _differences(due, paid), f"{counted(len(paid), 'fee')} of {_total(paid)} in all were earned"
    )


def _fees_due(case: Case, acceptance: Acceptance) -> list[Due]:
    trade, quote = case.trade, acceptance.quote
    due: list[tuple[Purpose, str, int]] = []
    if trade.state in (State.SETTLED, State.FAILED) and case.signers:
        # The judges are paid whatever they found; the units left over go to the first seats.
        shares = even_split(quote.oracle_fee, len(case.signers))
        due += [(Purpose.ORACLE, *share) for share in zip(case.signers, shares, strict=True)]
    if trade.state is State.SETTLED:
        protocol_fee = acceptance.components * trade.terms.fee_bps // BASIS_POINTS
        due.append((Purpose.BROKER, trade.request.broker, quote.broker_fee))
        due.append((Purpose.PROTOCOL, trade.terms.treasury, protocol_fee))
        if trade.attested:
            due.append((Purpose.AUDIT, trade.request.auditor, quote.auditor_fee))
    return [(purpose.name, account, amount) for purpose, account, amount in due if amount]


def check_sums(case: Case) -> Finding | None:
    """Check that credits and refund are what was locked, to the last unit of one currency."""
    trade = case.trade
    moved = [*trade.locked, *trade.credits, *trade.refunds]
    currency, buyer = trade.request.currency, trade.request.buyer
    faults = [
        f"{payment.amount} moved in {payment.currency} where the trade is in {currency}"
        for payment in moved
        if payment.currency != currency
    ]
    faults += [
        f"{refund.amount} were refunded to {refund.account} where {buyer} is the buyer"
        for refund in trade.refunds
        if refund.account != buyer
    ]
    sums = (
        f"{_total(trade.locked)} locked, {_total(trade.credits)} credited,"
        f" {_total(trade.refunds)} refunded"
    )
    if trade.escrow < 0 or (trade.ended and trade.escrow):
        faults.append(f"{sums}, which leaves {trade.escrow}")
    if not trade.ended and trade.refunds:
        faults.append(f"{sums} though the trade is running")
    if not trade.ended and not faults:
        return not_reached(trade.ended, "end")
    return judged(faults, sums)


def _differences(due: Sequence[Due], paid: Sequence[Credit]) -> list[str]:
    """Name each payment that was due and not made, and each made and not due."""
    left = list(due)
    faults = []
    for payment in paid:
        made = (payment.purpose.name, payment.account, payment.amount)
        if made in left:
            left.remove(made)
        else:
            faults.append(f"{made[1]} got {made[2]} for {made[0]}, which was not due")
    return faults + [
        f"{account} was due {wei} for {why} and got none" for why, account, wei in left
    ]


def _total(payments: Sequence[Payment]) -> int:
    return sum(payment.amount for payment in payments)
