"""Ways through a trade, from the request to its end."""

from __future__ import annotations

from audited_trade import UNSKILLED, AuditedTrade


def declined(trade: AuditedTrade) -> None:
    trade.ask()
    trade.decline()


def expired(trade: AuditedTrade) -> None:
    trade.ask()
    trade.lapse()
    trade.expire()


def refunded_without_data(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.lapse()
    trade.time_out_delivery()


def refunded_with_unjudged_data(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.put_on_record(trade.parties.providers[1])
    trade.put_on_record(trade.parties.stranger)
    trade.lapse()
    trade.time_out_delivery()
    trade.penalise_silence()


def refunded_with_too_few_rows(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.report_data(accepted=0b100)


def refunded_without_attempt(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.put_on_record(trade.parties.providers[0])
    trade.report_data(accepted=0b011)
    trade.lapse()
    trade.time_out_training()


def refunded_with_unjudged_training(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.put_on_record(trade.parties.experts[0])
    trade.attempt(UNSKILLED, seats=(1, 2))
    for expert in trade.parties.experts[1:]:
        trade.put_on_record(expert)
    trade.lapse()
    trade.time_out_training()
    trade.publish()
    trade.penalise_silence()
    trade.open_failed()


def failed(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt(UNSKILLED - 1, seats=(0, 1, 2))
    trade.finish()


def settled_without_audit(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.finish()


def settled_against_the_auditor(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.attest(approved=False)
    trade.finish()


def settled_with_an_attestation_sent_before(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.attest()
    trade.send_attestation()
    trade.finish()


def settled_with_an_attestation_handed_on(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.attest()
    trade.send_attestation(by=trade.parties.stranger)
    trade.finish()


def settled_by_a_majority(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(seats=(0, 1, 2))
    trade.lapse()
    trade.open_deciding(closed=(0, 2))
    trade.finish()


def settled_in_spite_of_a_challenge(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.challenge()
    trade.uphold()
    trade.finish()


def settled_after_a_challenge_that_nobody_ruled_on(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.challenge()
    trade.lapse()
    trade.lapse_challenge()
    trade.finish()


def failed_in_spite_of_a_challenge(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt(UNSKILLED)
    trade.challenge()
    trade.uphold()
    trade.finish()


def refunded_because_the_verdict_was_overturned(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED, passed=True)
    trade.attest()
    trade.challenge()
    trade.overturn()
    trade.finish()


def refunded_because_a_failure_was_overturned(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(passed=False, seats=(0, 1, 2))
    trade.attempt(UNSKILLED)
    trade.challenge()
    trade.overturn(which=0)
    trade.publish()
    trade.lapse()
    trade.settle()


def refunded_because_the_scores_contradict_the_verdict(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED, passed=True)
    trade.finish()
