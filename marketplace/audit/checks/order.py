"""Checks of what happened when, and on whose word: states, attempts, quorums, verdicts."""

from __future__ import annotations

from marketplace.audit.case import Case
from marketplace.audit.digests import NOTHING
from marketplace.audit.records import Attested, ReportedAttempt
from marketplace.audit.report import Finding, counted, judged, listed, not_reached, shown, unchecked
from marketplace.audit.signatures import objection_to, quorum_faults, signed_by
from marketplace.protocol.terms import AuditReport


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
    if any(attempt.passed for attempt in trade.attempts[:-1]):
        faults.append("an attempt was reported after one that passed")
    models = [attempt.finding.model for attempt in trade.attempts]
    faults += [
        f"model 0x{model.hex()} was scored again in attempt {number}"
        for number, model in enumerate(models, 1)
        if model in models[: number - 1]
    ]
    outcome = "the last passed" if trade.passed else "none passed"
    return judged(faults, f"{count} of {cap} attempts were used, and {outcome}")


def check_verdicts(case: Case) -> Finding | None:
    """Check that each verdict is the majority's: a pass delivers and divides, a failure doesn't."""
    trade = case.trade
    if not trade.attempts:
        return not_reached(trade.ended, "attempt")
    faults = [
        f"attempt {attempt.number}: {fault}"
        for attempt in trade.attempts
        for fault in _verdict_faults(attempt)
    ]
    votes = ", ".join(
        f"{attempt.verdicts.bit_count()} of {attempt.signers.bit_count()}"
        for attempt in trade.attempts
    )
    return judged(faults, f"{votes} signers found that the model passed, as was reported")


def _verdict_faults(attempt: ReportedAttempt) -> list[str]:
    faults = []
    if attempt.verdicts & ~attempt.signers:
        faults.append(f"verdicts {attempt.verdicts:#b} come from signers {attempt.signers:#b}")
    verdict = "passed" if attempt.passed else "failed"
    delivery, amounts = attempt.finding.delivery, attempt.finding.amounts
    if attempt.passed != any(delivery):
        faults.append(f"it {verdict} with delivery 0x{delivery.hex()}")
    if attempt.passed != bool(amounts):
        faults.append(f"it {verdict} and divides the pool among {len(amounts)} experts")
    return faults


def check_quorum(case: Case) -> Finding | None:
    """Check that each report is signed by a quorum of the committee; names who sat where."""
    if not case.reports:
        return not_reached(case.trade.ended, "committee report")
    faults = [fault for report in case.reports for fault in quorum_faults(case.committee, report)]
    office, committee = case.history.committee, case.committee
    return judged(
        faults,
        f"{counted(len(case.reports), 'report')} signed by {committee.threshold} of"
        f" {len(committee.members)} members at least: "
        + "; ".join(signed_by(office, committee, report) for report in case.reports),
    )


def check_audit_signature(case: Case) -> Finding | None:
    """Check that the auditor sent its finding itself, or signed what was sent.

    The signature lies in the transaction and in no event. A contract that stands between
    hides it: the market has seen it then, this check has not. The transaction is that of the
    event's block, which `transactions` looks at: nothing is believed of one that doesn't hash to
    what its block commits to, nor who sent it.
    """
    trade = case.trade
    if not trade.attested:
        return not_reached(trade.ended, "audit")
    faults, gaps, lacking = [], [], []
    for attested in trade.attestations:
        transaction = case.chain.rpc.transaction(attested.transaction, attested.block)
        market, named = case.chain.contracts.market, shown(attested.transaction)
        if transaction is None:
            lacking.append(f"block {attested.block} lacks the finding's transaction {named}")
        elif transaction.recomputed is None:
            gaps.append(
                f"the finding's transaction {named} is, by the node's word, of type"
                f" {transaction.kind}, which this audit can't encode"
            )
        elif transaction.recomputed != attested.transaction:
            faults.append(f"what the node gives for transaction {named} hashes to something else")
        elif transaction.receiver != market:
            gaps.append("the finding came through another contract, which hides its signature")
        else:
            faults += _audit_faults(case, attested, transaction.signer, transaction.data)
    if lacking and not faults:
        return Finding("missing", listed(lacking))
    if gaps and not faults:
        return unchecked("; ".join(gaps))
    return judged(faults, f"{trade.request.auditor} signed its finding, or sent it itself")


def _audit_faults(case: Case, attested: Attested, sender: str | None, data: bytes) -> list[str]:
    market = case.chain.contracts.market
    try:
        function, arguments = case.chain.interfaces[market].called(data)
    except ValueError as error:
        return [f"the transaction of the finding is unreadable: {error}"]
    finding = arguments.get("audit")
    if finding is None or arguments["tradeId"] != case.trade.id:
        return [f"{function} reports no finding of this trade"]
    if (finding.report, finding.approved) != (attested.report, attested.approved):
        return [f"sent was 0x{finding.report.hex()}, approved: {finding.approved}"]
    auditor = case.trade.request.auditor
    if sender == auditor and not finding.signature:
        return []
    deciding = case.trade.deciding
    record = NOTHING if deciding is None else deciding.record
    message = AuditReport(case.trade.id, record, finding.report, finding.approved)
    why = objection_to(
        case.chain.rpc, case.history.domain, auditor, message, finding.signature, attested.block
    )
    return [] if why is None else [f"the signature under the finding: {why}"]
