"""Checks of what happened when, and on whose word: states, attempts, quorums."""

from __future__ import annotations

from marketplace.audit.case import Case
from marketplace.audit.history import ascending
from marketplace.audit.report import Finding, counted, judged, not_reached
from marketplace.audit.signatures import RecoveredReport


def check_states(case: Case) -> Finding:
    """Check that every event came in a state and at a time that the protocol allows."""
    state = case.trade.state.name
    return judged(case.trade.disorder, f"each step came in its turn and time; the state is {state}")


def check_attempts(case: Case) -> Finding | None:
    """Check that attempts are numbered, capped, of different models, and stop at a pass."""
    trade = case.trade
    if not trade.attempts:
        return not_reached(trade.ended, "attempt")
    cap = trade.request.max_attempts
    count = len(trade.attempts)
    faults = []
    if count > cap:
        faults.append(f"{count} attempts were reported where {cap} are allowed")
    if [attempt.number for attempt in trade.attempts] != list(range(1, count + 1)):
        numbers = ", ".join(str(attempt.number) for attempt in trade.attempts)
        faults.append(f"the attempts are numbered {numbers}")
    if any(attempt.report.passed for attempt in trade.attempts[:-1]):
        faults.append("an attempt was reported after one that passed")
    if count >= cap and not trade.passed and not trade.ended:
        faults.append(f"all {cap} attempts failed and the trade goes on")
    models = [attempt.report.model for attempt in trade.attempts]
    faults += [
        f"model 0x{model.hex()} was scored again in attempt {number}"
        for number, model in enumerate(models, 1)
        if model in models[: number - 1]
    ]
    faults += [
        f"attempt {attempt.number} passed: {attempt.report.passed}, with delivery"
        f" 0x{attempt.report.delivery.hex()}"
        for attempt in trade.attempts
        if attempt.report.passed != any(attempt.report.delivery)
    ]
    outcome = "the last passed" if trade.passed else "none passed"
    return judged(faults, f"{count} of {cap} attempts were used, and {outcome}")


def check_quorum(case: Case) -> Finding | None:
    """Check that each report is signed by a quorum of the trade's committee version."""
    if not case.reports:
        return not_reached(case.trade.ended, "committee report")
    faults = [fault for report in case.reports for fault in _quorum_faults(case, report)]
    reports = counted(len(case.reports), "report")
    return judged(faults, f"{reports} signed by at least {case.committee.threshold} members each")


def _quorum_faults(case: Case, report: RecoveredReport) -> list[str]:
    committee = case.committee
    faults = list(report.faults)
    strangers = [signer for signer in report.signers if signer not in committee.members]
    faults += [f"{report.title} is signed by {signer}, who is no member" for signer in strangers]
    if not ascending(report.signers):
        faults.append(f"the signers of {report.title} are not ascending")
    count = len(set(report.signers)) - len(set(strangers))
    if count < committee.threshold or count == 0:
        faults.append(
            f"{report.title} is signed by {count} members where {committee.threshold} are a quorum"
        )
    return faults
