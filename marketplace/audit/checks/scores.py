"""Checks of the verdicts: the validation set, the scores, and the signers' sealed scores."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median_high, median_low

from marketplace.audit.case import Case
from marketplace.audit.checks.attempts import over_attempts
from marketplace.audit.office import ascending
from marketplace.audit.records import ReportedAttempt
from marketplace.audit.report import Finding, judged, listed, not_reached
from marketplace.audit.trade import seats_in
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

    if all(attempt.finding.without_model for attempt in trade.attempts):
        return not_reached(trade.ended, "attempt with a model")

    def faults_of(attempt: ReportedAttempt) -> Iterator[str]:
        if attempt.finding.without_model:
            return
        openings = case.evidence.openings(attempt)
        if len(openings) != rows:
            yield f"{len(openings)} labels are opened where the request commits to {rows}"
        elif opened_labels(root, openings) is None:
            yield f"the opened labels don't lead to the root 0x{root.hex()}"

    return over_attempts(case, faults_of, lambda: f"{rows} opened labels lead to the root")


def check_score(case: Case) -> Finding | None:
    """Check that each score, recomputed from votes and labels, agrees with the verdict.

    Votes, decisions and scores as in `docs/protocol.md`, numbers that pay, 1 to 3. If the
    verdict fell, by a ruling or by its own opened scores, one of them must not agree.
    """
    trade = case.trade
    if not trade.attempts:
        return not_reached(trade.ended, "attempt")
    threshold = trade.request.threshold
    scores: list[str] = []
    wrong: list[str] = []

    def faults_of(attempt: ReportedAttempt) -> Iterator[str]:
        score = recomputed_score(case, attempt)
        scores.append(f"attempt {attempt.number} scored {score} ppm")
        if not attempt.finding.without_model:
            yield from _odd_votes(case, attempt)
        if (score >= threshold) == attempt.passed:
            return
        verdict = "passed" if attempt.passed else "failed"
        fault = f"reported as {verdict} where it scored {score} ppm of {threshold} needed"
        wrong.append(f"attempt {attempt.number} was {fault}")
        if not trade.fell:
            yield fault

    found = over_attempts(case, faults_of, lambda: listed([*scores, f"{threshold} ppm pass"]))
    unscored = trade.deciding is not None and trade.deciding.finding.without_model
    # That a model was there, which only the panel could open, no score can bear out.
    if not trade.fell or unscored or found.verdict != "passed":
        return found
    faults = [] if wrong else ["the verdict fell, and every score bears it out"]
    return judged(faults, listed([*wrong, "that verdict fell"]))


def recomputed_score(case: Case, attempt: ReportedAttempt) -> int:
    """Score an attempt from its evidence alone, in parts per million; zero without a model."""
    if attempt.finding.without_model:
        return 0
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

    Each must bear out its own signer's verdict, and the lower middle one that of all. Of an
    even number both middle ones must be true: two signers who disagree don't average out to
    the truth. The contract itself refunds a trade whose median contradicts its verdict.
    """
    trade = case.trade
    if not trade.attempts or not trade.ended:
        return not_reached(trade.ended, "end with attempts")
    closed: dict[int, int] = {}

    def faults_of(attempt: ReportedAttempt) -> Iterator[str]:
        scores: dict[int, int] = {}
        yield from _open(case, attempt, scores)
        closed[attempt.number] = attempt.signers.bit_count() - len(scores)
        if not scores:
            return
        opened, true = list(scores.values()), recomputed_score(case, attempt)
        if not median_low(opened) == true == median_high(opened):
            yield f"the signers sealed {opened} where it scored {true} ppm"
        threshold = trade.request.threshold
        passing = median_low(opened) >= threshold
        if passing != attempt.passed and not trade.fell:
            yield f"the signers sealed {opened}, against their verdict at {threshold} ppm"

    found = over_attempts(case, faults_of, lambda: "all seals were opened and hold the true score")
    return _closed(case, closed) if found.verdict == "passed" and any(closed.values()) else found


def _closed(case: Case, closed: dict[int, int]) -> Finding:
    """Say of seals that are not open, by attempt, whether they still may be."""
    trade, now = case.trade, case.chain.block.timestamp
    seals, still = sum(a.signers.bit_count() for a in trade.attempts), sum(closed.values())
    may_open = (
        [] if now > trade.deadline else [a for a in trade.attempts if a is not trade.deciding]
    )
    shut = [a for a in trade.attempts if closed[a.number] == a.signers.bit_count()]
    if any(attempt not in may_open for attempt in shut):
        return Finding("missing", "an attempt has no opened seal, and none may be opened any more")
    if any(closed[attempt.number] for attempt in may_open):
        return Finding("open", f"{still} of {seals} seals may be opened until {trade.deadline}")
    return Finding("sealed", f"{still} of {seals} seals stay closed; the others agree")


def _open(case: Case, attempt: ReportedAttempt, scores: dict[int, int]) -> Iterator[str]:
    """Collect by seat the scores of an attempt that match their seals; name those that don't."""
    trade, seats = case.trade, seats_in(attempt.signers)
    for opened in trade.openings:
        if opened.attempt != attempt.number:
            continue
        if not len(opened.scores) == len(opened.salts) == len(seats) == len(attempt.seals):
            yield f"{len(opened.scores)} scores were opened for {len(seats)} signers"
            continue
        if opened.seats & ~attempt.signers:
            yield f"seats {opened.seats:#b} were opened where {attempt.signers:#b} signed"
        revealed = zip(seats, attempt.seals, opened.scores, opened.salts, strict=True)
        for seat, seal, score, salt in revealed:
            if not opened.seats >> seat & 1:
                if score or any(salt):
                    yield f"a score of seat {seat} is told, and not said to be opened"
                continue
            member = trade.members[seat] if seat < len(trade.members) else f"seat {seat}"
            if not _is_sealed(case, attempt, seat, seal, score, salt):
                yield f"{member} opened {score} ppm, which is not what it sealed"
                continue
            scores[seat] = score
            passing = score >= trade.request.threshold
            if passing != attempt.voted(seat) and not trade.fell:
                yield f"{member} opened {score} ppm, against its own verdict"


def _is_sealed(
    case: Case, attempt: ReportedAttempt, seat: int, seal: bytes, score: int, salt: bytes
) -> bool:
    members = case.trade.members
    if seat >= len(members):
        return False
    return score_seal(case.trade.id, attempt.number, members[seat], score, salt) == seal
