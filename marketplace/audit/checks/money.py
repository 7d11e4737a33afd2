"""Checks of who was paid: data, experts, fees, and that all parts sum to what was locked."""

from __future__ import annotations

from collections.abc import Sequence

from marketplace.audit.case import Case
from marketplace.audit.dues import Due, data_due, experts_due, fees_due, timed_out
from marketplace.audit.records import Credit
from marketplace.audit.report import Finding, counted, judged, not_reached
from marketplace.audit.trade import total
from marketplace.protocol.states import Purpose, State


def check_data_payments(case: Case) -> Finding | None:
    """Check that accepted datasets were paid as quoted, and none if the rows are too few.

    If nobody judged the data in time, those are paid who put their delivery on record.
    """
    trade = case.trade
    paid = trade.credited(Purpose.DATA)
    faults = _differences(data_due(trade), paid)
    if trade.data is None:
        if not trade.ended and not faults:
            return not_reached(trade.ended, "data report")
        if not faults and not timed_out(trade):
            return None
        return judged(faults, f"{counted(len(paid), 'unjudged delivery')} earned {total(paid)}")
    accepted, offered = trade.data.finding.accepted, trade.supplies
    dropped = sum(supply.price for i, supply in enumerate(offered) if not accepted >> i & 1)
    if accepted >> len(offered):
        faults.append(f"the report accepts {accepted:#b} of {len(offered)} deliveries")
    if trade.data.dropped != dropped:
        faults.append(f"{trade.data.dropped} is said to be saved where {dropped} is")
    if not trade.enough_rows and trade.state is not State.REFUNDED:
        faults.append("too few rows were accepted and the trade went on")
    rows = sum(supply.rows for supply in trade.accepted)
    share = f"{accepted.bit_count()} of {len(offered)} datasets"
    least = trade.request.min_rows
    return judged(faults, f"{share} with {rows} rows of at least {least} earned {total(paid)}")


def check_expert_payments(case: Case) -> Finding | None:
    """Check that the experts of a settled trade were credited what the report divided.

    If nobody judged their work in time, those are paid who put it on record, by the gate's
    weights. In every other end experts get nothing.
    """
    trade = case.trade
    paid = trade.credited(Purpose.EXPERT)
    faults = _differences(experts_due(trade), paid)
    if not faults and not trade.ended:
        return not_reached(trade.ended, "end")
    if not faults and trade.gate is None:
        return None
    return judged(faults, f"{counted(len(paid), 'expert')} earned {total(paid)}")


def check_fees(case: Case) -> Finding | None:
    """Check that signers shared the oracle fee and the others got their fees as quoted.

    A signer whose deciding score stays sealed gets none, nor does one of a verdict that fell,
    nor one that left an expert's delivery unjudged.
    """
    trade = case.trade
    paid = trade.credited(Purpose.BROKER, Purpose.AUDIT, Purpose.ORACLE, Purpose.PROTOCOL)
    faults = _differences(fees_due(trade), paid)
    if not faults and (trade.acceptance is None or not trade.ended):
        return not_reached(trade.ended, "end" if trade.acceptance else "accepted quote")
    return judged(faults, f"{counted(len(paid), 'fee')} of {total(paid)} in all were earned")


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
        f"{total(trade.locked)} locked, {total(trade.credits)} credited,"
        f" {total(trade.refunds)} refunded"
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
        made = Due(payment.purpose, payment.account, payment.amount)
        if made in left:
            left.remove(made)
        else:
            faults.append(f"{made.account} got {made.amount} for {made.purpose.name}, not due")
    return faults + [
        f"{account} was due {wei} for {why.name} and got none" for why, account, wei in left
    ]
