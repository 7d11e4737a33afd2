"""Check of the expert pool's division: exact contributions, and the amounts that follow."""

from __future__ import annotations

from fractions import Fraction

from marketplace.audit.archive import Unavailable
from marketplace.audit.case import Case
from marketplace.audit.records import ReportedAttempt
from marketplace.audit.report import Finding, judged, not_reached
from marketplace.audit.shares import amounts_due, contributions

_RULES = {"shapley": "Shapley value", "skill": "skill"}


def check_allocation(case: Case) -> Finding | None:
    """Check that the pass divided the expert pool by the rule in the specification.

    The rules are in `docs/protocol.md`, numbers that pay, 4. Weights are max(value, 0),
    brought to integers; largest remainder in ascending order of the addresses. An expert
    without votes has zero.
    """
    trade, attempt = case.trade, case.trade.passed
    if attempt is None or trade.gate is None or trade.acceptance is None:
        return not_reached(trade.ended, "pass")
    amounts, experts = attempt.finding.amounts, trade.gate.experts
    pool = trade.acceptance.quote.expert_pool
    faults = []
    if len(amounts) != len(experts):
        faults.append(f"{len(amounts)} amounts stand for {len(experts)} experts")
    if sum(amounts) != pool:
        faults.append(f"the amounts sum to {sum(amounts)} where {pool} is the pool")
    if faults:
        return judged(faults, "")
    values = _values(case, attempt, experts)
    due = amounts_due(pool, values)
    if not due:
        return judged(["no expert has contributed anything"], "")
    if list(amounts) != due:
        faults.append(f"divided was {list(amounts)} where {due} is due by {_listed(values)}")
    paid = sum(amount > 0 for amount in amounts)
    rule = _RULES[case.evidence.specification().division]
    return judged(faults, f"{pool} were divided among {paid} experts by exact {rule}")


def _values(case: Case, attempt: ReportedAttempt, experts: tuple[str, ...]) -> tuple[Fraction, ...]:
    """Recompute what every expert of the gate contributed, in its order."""
    votes, labels = case.evidence.votes(attempt), case.evidence.labels(attempt)
    metric, division = case.evidence.task().metric, case.evidence.specification().division
    try:
        found = contributions(division, votes.predictions, votes.gates, labels, metric)
    except ValueError as error:
        raise Unavailable("missing", str(error)) from error
    by_expert = dict(zip(votes.experts, found, strict=True))
    return tuple(by_expert.get(expert, Fraction(0)) for expert in experts)


def _listed(values: tuple[Fraction, ...]) -> str:
    return ", ".join(map(str, values))
