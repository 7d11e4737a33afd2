"""Checks of the expert pool: exact Shapley values, and the payouts that follow from them."""

from __future__ import annotations

import re
from fractions import Fraction

from marketplace.audit.archive import Unavailable
from marketplace.audit.case import Case
from marketplace.audit.evidence import account
from marketplace.audit.report import Finding, judged, not_reached
from marketplace.audit.trade import GateReport, Settlement
from marketplace.protocol.documents import Share
from marketplace.protocol.states import Purpose
from marketplace.protocol.units import largest_remainder
from offchain.contribution import payout_weights, shapley

_FRACTION = re.compile(r"-?[0-9]{1,4000}(/[1-9][0-9]{0,3999})?")


def check_shapley(case: Case) -> Finding | None:
    """Check that the settlement's evidence holds the exact Shapley values of the votes.

    v(S) is the score with the experts outside S masked (`docs/protocol.md`, numbers that
    pay, 4; Shapley 1953). Weights are max(value, 0), brought to integers.
    """
    settlement = case.trade.settlement
    if settlement is None:
        return not_reached(case.trade.ended, "settlement")
    if settlement.by_gate:
        return None
    evidence = case.evidence.settlement()
    pool = evidence.expert_pool
    shares = {account(share.expert): share for share in evidence.shares}
    values = _values(case, settlement)
    faults = []
    if shares.keys() != values.keys():
        faults.append(f"shares of {sorted(shares)} stand for the experts {sorted(values)}")
    weights = payout_weights(list(values.values()))
    amounts = largest_remainder(pool, weights) if any(weights) else [0] * len(weights)
    for (expert, value), weight, amount in zip(values.items(), weights, amounts, strict=True):
        share = shares.get(expert)
        if share is None:
            continue
        if _fraction(share) != value:
            faults.append(f"{expert} has {share.shapley[:80]} where {value} is true")
        if (share.weight, share.amount) != (weight, amount):
            faults.append(
                f"{expert} has weight {share.weight} and {share.amount} where {weight} and"
                f" {amount} are due"
            )
    total = sum(values.values(), Fraction(0))
    return judged(faults, f"{len(values)} Shapley values are exact and sum to {total}")


def check_allocation(case: Case) -> Finding | None:
    """Check that each expert was credited its part of the pool, recomputed to the last unit.

    By Shapley value from the evidence, or by the gate's weights when the committee fell
    silent; largest remainder in ascending order of the addresses either way.
    """
    trade, settlement = case.trade, case.trade.settlement
    paid = [(credit.account, credit.amount) for credit in trade.credited(Purpose.EXPERT)]
    if settlement is None or trade.gate is None or trade.acceptance is None:
        faults = [f"{expert} got {amount} without a settlement" for expert, amount in paid]
        return judged(faults, "") if faults else not_reached(trade.ended, "settlement")
    faults = []
    settled = list(zip(settlement.experts, settlement.amounts, strict=False))
    if paid != [entry for entry in settled if entry[1]]:
        faults.append(f"credited was {paid} where settled was {settled}")
    if settlement.experts != trade.gate.experts:
        faults.append(f"settled was with {settlement.experts}, committed {trade.gate.experts}")
    if faults:
        return judged(faults, "")
    pool = trade.acceptance.quote.expert_pool
    weights = _weights(case, settlement, trade.gate)
    if not any(weights):
        return judged(["no expert that was settled with has contributed anything"], "")
    due = largest_remainder(pool, weights)
    if list(settlement.amounts) != due:
        faults.append(f"shared out was {list(settlement.amounts)} where {due} is due")
    how = "the gate's weights" if settlement.by_gate else "Shapley value"
    return judged(faults, f"{pool} were shared among {len(paid)} experts by {how}")


def _weights(case: Case, settlement: Settlement, gate: GateReport) -> list[int]:
    if settlement.by_gate:
        return list(gate.weights)
    return list(payout_weights(list(_values(case, settlement).values())))


def _values(case: Case, settlement: Settlement) -> dict[str, Fraction]:
    """Recompute every settled expert's Shapley value; zero for one that has no votes."""
    attempt = case.trade.passed
    if attempt is None:
        raise Unavailable("missing", "the log names no attempt that passed")
    votes, labels = case.evidence.votes(attempt), case.evidence.labels(attempt)
    metric = case.evidence.task().metric
    try:
        found = shapley(votes.predictions, votes.gates, labels, metric)
    except ValueError as error:
        raise Unavailable("missing", str(error)) from error
    by_expert = dict(zip(votes.experts, found, strict=True))
    return {expert: by_expert.get(expert, Fraction(0)) for expert in settlement.experts}


def _fraction(share: Share) -> Fraction | None:
    # Checked by hand first: Fraction("1e999999999") would keep the machine busy for ever.
    return Fraction(share.shapley) if _FRACTION.fullmatch(share.shapley) else None
