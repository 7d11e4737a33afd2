"""How a check goes over all validation attempts of a trade."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from marketplace.audit.archive import Unavailable
from marketplace.audit.case import Case
from marketplace.audit.records import ReportedAttempt
from marketplace.audit.report import Finding, judged


def over_attempts(
    case: Case,
    faults_of: Callable[[ReportedAttempt], Iterable[str]],
    otherwise: Callable[[], str],
) -> Finding:
    """Judge all attempts: a fault in one outweighs evidence that another one lacks.

    Parameters
    ----------
    faults_of
        Yields sentences about one attempt; may raise `Unavailable`.
    otherwise
        Says what holds if there are none.
    """
    faults: list[str] = []
    gaps: list[Unavailable] = []
    for attempt in case.trade.attempts:
        try:
            faults += [f"attempt {attempt.number}: {fault}" for fault in faults_of(attempt)]
        except Unavailable as gap:
            gaps.append(gap)
    if gaps and not faults:
        return gaps[0].finding
    return judged(faults, otherwise())
