"""Attempts that had no model: what stands for it is recomputed from the log and the records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from audited_trade import SKILLED, UNSKILLED, AuditedTrade
from tampering import objections

from marketplace.audit import Report, audit
from marketplace.audit.auditor import replayed
from marketplace.audit.holdings import holdings
from marketplace.protocol.documents import TrainingRecord
from offchain.storage.cid import cid_of_digest


def report_on(trade: AuditedTrade) -> Report:
    return audit(trade.market.node.web3.provider, trade.market.address, trade.store)


def found(report: Report, name: str) -> tuple[str, str]:
    return next((c.verdict, c.detail) for c in report.checks if c.name == name and c.trade)


def unmade(trade: AuditedTrade, **changes: Any) -> None:
    """A first attempt without a model, whose second expert put something on record."""
    trade.to_gate()
    trade.record(1)
    trade.after_training()
    trade.attempt_without_model(**changes)


def test_an_attempt_without_a_model_has_failed_and_the_next_one_counts(trade: AuditedTrade) -> None:
    unmade(trade)
    assert report_on(trade).ok
    trade.attempt(SKILLED)
    trade.finish()
    report = report_on(trade)
    assert report.ok
    assert report.trades[0].state == "SETTLED"
    verdict, detail = found(report, "no-model")
    assert verdict == "passed"
    assert "1 attempt had no new model; 1 on record" in detail
    assert "attempt 1 scored 0 ppm" in found(report, "score")[1]
    assert found(report, "seals")[0] == "passed"


def test_a_trade_that_never_had_a_model_fails(trade: AuditedTrade) -> None:
    unmade(trade)
    trade.after_training()
    trade.attempt_without_model()
    trade.finish()
    report = report_on(trade)
    assert report.ok
    assert report.trades[0].state == "FAILED"
    names = {check.name for check in report.checks if check.trade}
    assert "validation-commitment" not in names


def test_models_that_came_again_are_named(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.after_training()
    trade.attempt_without_model(like=1)
    trade.finish()
    assert report_on(trade).ok


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"experts": ()}, "of what is on record where the log says"),
        ({"repeats": 1}, "not those of attempt 1"),
        ({"verdicts": (0, 1)}, "passed without a model"),
        ({"salt": 1}, "its salt is 1 where 0 is the least that the market takes"),
    ],
    ids=["no experts", "no such attempt", "a pass", "another salt"],
)
def test_a_false_document_is_found(trade: AuditedTrade, changes: Any, says: str) -> None:
    unmade(trade, **changes)
    report = report_on(trade)
    assert "no-model" in objections(report)
    assert says in found(report, "no-model")[1]


def test_a_delivery_on_record_that_is_kept_quiet_is_found(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.record(1)
    trade.after_training()
    trade.recorded.clear()
    trade.attempt_without_model()
    report = report_on(trade)
    assert objections(report) == {"no-model"}
    assert trade.experts[1] in found(report, "no-model")[1]


def test_the_last_delivery_on_record_counts(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.record(1, "a first model")
    trade.record(1, "a better one")
    trade.after_training()
    trade.attempt_without_model()
    assert report_on(trade).ok


def test_a_report_in_the_time_to_train_is_found(trade: AuditedTrade) -> None:
    trade.to_gate()
    status = trade.market.status(trade.id)
    trade.next_block_at(status.deadline - status.windows.validation)
    trade.attempt_without_model()
    report = report_on(trade)
    assert objections(report) == {"no-model"}
    assert "before the time to train was over" in found(report, "no-model")[1]


def test_the_first_second_after_is_in_time(trade: AuditedTrade) -> None:
    trade.to_gate()
    status = trade.market.status(trade.id)
    trade.next_block_at(status.deadline - status.windows.validation + 1)
    trade.attempt_without_model()
    assert report_on(trade).ok


def test_a_later_attempt_has_its_own_time_to_train(trade: AuditedTrade) -> None:
    unmade(trade)
    trade.attempt_without_model()
    report = report_on(trade)
    assert "no-model" in objections(report)
    assert found(report, "no-model")[1].startswith("attempt 2: it was reported before")


def test_a_document_of_another_attempt_is_found(trade: AuditedTrade) -> None:
    unmade(trade, attempt=2)
    report = report_on(trade)
    assert objections(report) == {"documents"}
    assert "it is about attempt 2" in found(report, "documents")[1]


def other_models(trade: AuditedTrade) -> dict[str, Any]:
    """Attempt 2's own models, said to be those of attempt 1."""
    return {"like": 1, "training": trade._training(2, lambda signed: signed)}


def no_models(trade: AuditedTrade) -> dict[str, Any]:
    empty = TrainingRecord(trade=trade.name, trainings=())
    return {"like": 1, "training": trade.publish_document(empty)}


def unsaid_models(trade: AuditedTrade) -> dict[str, Any]:
    """New models that were signed for, in a report that says there were none."""
    return {"training": trade._training(2, lambda signed: signed)}


@pytest.mark.parametrize("lie", [other_models, no_models, unsaid_models])
def test_a_false_repetition_is_found(
    trade: AuditedTrade, lie: Callable[[AuditedTrade], dict[str, Any]]
) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.after_training()
    trade.attempt_without_model(**lie(trade))
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"no-model"}
    assert "not those of attempt" in found(report, "no-model")[1]


def test_the_same_models_scored_again_are_found(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt(UNSKILLED, like=1)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"training"}
    assert "its models are those of attempt 1" in found(report, "training")[1]


def test_a_score_above_zero_is_found(trade: AuditedTrade) -> None:
    unmade(trade, sealed=1)
    trade.attempt(SKILLED)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"seals"}
    assert "where it scored 0 ppm" in found(report, "seals")[1]


def test_a_fall_that_only_the_panel_could_see_is_no_objection(trade: AuditedTrade) -> None:
    unmade(trade)
    trade.after_training()
    trade.attempt_without_model()
    trade.challenge()
    trade.overturn()
    trade.publish()
    trade.lapse()
    trade.settle()
    report = report_on(trade)
    assert report.trades[0].state == "REFUNDED"
    assert report.ok


def test_what_is_on_record_is_handed_over_and_not_due(trade: AuditedTrade) -> None:
    unmade(trade)
    history = replayed(trade.market.node.web3.provider, trade.market.address)
    held = holdings(history.trades[trade.id], (), trade.store)
    on_record = [one for one in held if one.what.startswith("delivery on record")]
    assert [one.standing for one in on_record] == ["refused"]
    (said,) = (one for one in held if one.what == "evidence of attempt 1")
    assert str(said.cid) == cid_of_digest(trade.attempts[0].finding.model)
    assert said.standing == "there"
