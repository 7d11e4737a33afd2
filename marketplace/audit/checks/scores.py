"""Checks of the verdicts: the validation set, the scores, and the signers' sealed scores."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median_high, median_low

from marketplace.audit.case import Case
from marketplace.audit.checks.attempts import over_attempts
from marketplace.audit.history import ascending
from marketplace.audit.report import Finding, listed, not_reached
from marketplace.audit.trade import ReportedAttempt
from marketplace.protocol.ids import score_seal
from offchain.validation.commitment import opened_labels
from offchain.validation.quantise import SCALE
from offchain.validation.score import score_votes


def check_validation_commitment(case: Case) -> Finding | None:
    """Check that the opened labels and no others are what the buyer committed to."""
    trade = case.trade
    if not trade.attempts:
        return not_reached(trade.ended, "attempt")
    root, rows = trade.request.validation_root, trade.request.validation_rows

    def faults_of(attempt: ReportedAttempt) -> Iterator[str]:
        openings = case.evidence.openings(attempt)
        if len(openings) != rows:
            yield f"{len(openings)} labels are opened where the request commits to {rows}"
        elif opened_labels(root, openings) is None:
            yield f"the opened labels don't lead to the root 0x{root.hex()}"

    return over_attempts(case, faults_of, lambda: f"{rows} opened labels lead to the root")


def check_score(case: Case) -> Finding | None:
    """Check that each score, recomputed from votes and labels, agrees with the verdict.

    Votes, decisions and scores as in `docs/protocol.md`, numbers that pay, 1 to 3.
    """
    trade = case.trade
    if not trade.attempts:
        return not_reached(trade.ended, "attempt")
    threshold = trade.request.threshold
    scores: list[str] = []

    def faults_of(attempt: ReportedAttempt) -> Iterator[str]:
        score = recomputed_score(case, attempt)
        scores.append(f"attempt {attempt.number} scored {score} ppm")
        yield from _odd_votes(case, attempt)
        if (score >= threshold) != attempt.report.passed:
            verdict = "passed" if attempt.report.passed else "failed"
            yield f"reported as {verdict} where it scored {score} ppm of {threshold} needed"

    return over_attempts(case, faults_of, lambda: listed([*scores, f"{threshold} ppm pass"]))


def recomputed_score(case: Case, attempt: ReportedAttempt) -> int:
    """Score an attempt from its evidence alone, in parts per million."""
    votes, labels = case.evidence.votes(attempt), case.evidence.labels(attempt)
    metric = case.evidence.task().metric
    return score_votes(votes.predictions, votes.gates, labels, metric).ppm


def _odd_votes(case: Case, attempt: ReportedAttempt) -> Iterator[str]:
    """Name what the protocol forbids about an attempt's votes, whatever their score."""
    votes = case.evidence.votes(attempt)
    committed = case.trade.gate.experts if case.trade.gate else ()
    for expert in votes.experts:
        if expert not in committed:
            yield f"{expert} votes without a gate weight"
    if not ascending(votes.experts):
        yield "the experts in the votes are not ascending"
    odd = set(votes.gates.sum(axis=1, dtype="int64").tolist()) - {0, SCALE}
    if odd:
        yield f"the gate weights of a row sum to {min(odd)} where {SCALE} or nothing is due"


def check_seals(case: Case) -> Finding | None:
    """Check that opened seals hold what was sealed, and the middle one the true score.

    Of an even number both middle ones must be: two signers who disagree don't average
    out to the truth.
    """
    trade = case.trade
    if not trade.attempts or not trade.ended:
        return not_reached(trade.ended, "end with attempts")
    counts: list[int] = []

    def faults_of(attempt: ReportedAttempt) -> Iterator[str]:
        scores: dict[str, int] = {}
        yield from _open(case, attempt, scores)
        counts.append(len(attempt.seals) - len(scores))
        if not scores:
            return
        opened, true = list(scores.values()), recomputed_score(case, attempt)
        if not median_low(opened) == true == median_high(opened):
            yield f"the signers sealed {opened} where it scored {true} ppm"

    found = over_attempts(case, faults_of, lambda: "all seals were opened and hold the true score")
    if found.verdict != "passed" or not any(counts):
        return found
    seals = sum(len(attempt.seals) for attempt in trade.attempts)
    opened_all = [count < len(a.seals) for count, a in zip(counts, trade.attempts, strict=True)]
    if all(opened_all):
        return Finding("sealed", f"{sum(counts)} of {seals} seals stay closed; the others agree")
    return Finding("missing", f"{opened_all.count(False)} attempts have no opened seal at all")


def _open(case: Case, attempt: ReportedAttempt, scores: dict[str, int]) -> Iterator[str]:
    """Collect the scores of an attempt that match their seals; name those that don't."""
    signers = case.signers_of(attempt)
    for opened in case.trade.openings:
        if opened.attempt != attempt.number:
            continue
        if opened.signers != signers:
            yield f"it was opened for {list(opened.signers)}, who are not its signers"
            continue
        revealed = zip(signers, attempt.seals, opened.scores, opened.salts, strict=False)
        for signer, seal, score, salt in revealed:
            if not any(salt):
                continue
            if score_seal(case.trade.id, attempt.number, signer, score, salt) == seal:
                scores[signer] = score
            else:
                yield f"{signer} opened {score} ppm, which is not what it sealed"
