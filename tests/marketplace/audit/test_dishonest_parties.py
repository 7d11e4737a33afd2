"""Whole trades on real contracts in which somebody lies and signs it.

The contract can't know; the audit can. Each test has one lie, and the check that names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from audited_trade import SKILLED, UNSKILLED, AuditedTrade
from cast_of_trade import Cast, validation_commitment, votes
from eth_utils.address import to_checksum_address
from safetensors.numpy import save
from tampering import objections

from marketplace.audit import Report, audit, shares
from marketplace.chain.market import Market
from marketplace.protocol.documents import Division, Training
from marketplace.protocol.terms import TrainingCommitment
from offchain.storage.cid import digest_of
from offchain.storage.disk import DiskStore
from offchain.validation import encode_openings


def report_on(trade: AuditedTrade) -> Report:
    return audit(trade.market.node.web3.provider, trade.market.address, trade.store)


def detail(report: Report, name: str) -> str:
    return next(check.detail for check in report.checks if check.name == name and check.trade)


# ------------------------------------------------------------- gate, data, delivery


def test_gate_weights_that_the_routing_does_not_give(trade: AuditedTrade) -> None:
    trade.to_funded()
    true = trade.true_weights()
    trade.report_data(weights=[true[0] + 1, true[1] - 1, true[2]])
    trade.attempt()
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"gate"}
    assert str(true[0] + 1) in detail(report, "gate")


def test_an_expert_without_load_is_left_out(trade: AuditedTrade) -> None:
    trade.routing = trade.routing.copy()
    trade.routing[:, 2] = 0
    trade.to_funded()
    trade.report_data(weights=[400_000, 300_000, 300_000])
    assert objections(report_on(trade)) == {"gate"}


def test_a_routed_row_that_weighs_more_than_another(trade: AuditedTrade) -> None:
    trade.routing = trade.routing.copy()
    trade.routing[0, 0] += 1
    trade.routing[1, 0] -= 1  # so the loads, and the weights on chain, are as they were
    trade.to_gate()
    report = report_on(trade)
    assert objections(report) == {"gate"}
    assert detail(report, "gate") == "a row of the routing array sums to 2046 where 2047 is due"


@pytest.mark.parametrize(("rows", "expected"), [(100, set()), (101, {"gate"})])
def test_more_rows_routed_than_were_bought(
    trade: AuditedTrade, rows: int, expected: set[str]
) -> None:
    trade.routing = np.resize(trade.routing, (rows, len(trade.experts)))
    trade.to_gate()
    report = report_on(trade)
    assert objections(report) == expected
    assert ("101 rows where 100 were accepted" in detail(report, "gate")) == bool(expected)


@pytest.mark.parametrize("instead", ["nobody", "one twice", "a stranger"])
def test_subsets_for_others_than_who_rows_are_routed_to(trade: AuditedTrade, instead: str) -> None:
    first, second, third = trade.experts
    given = {
        "nobody": (first, second),
        "one twice": (first, second, third, third.lower()),
        "a stranger": (first, second, trade.parties.stranger.address),
    }[instead]
    trade.subsets = {name: trade.seal(f"subset of {name}") for name in given}
    trade.to_gate()
    report = report_on(trade)
    assert objections(report) == {"gate"}
    named = [to_checksum_address(name) for name in given]
    assert detail(report, "gate").startswith(f"subsets went to {named} where")


def no_candidate(trade: AuditedTrade) -> bytes:
    return save({"routing": trade.routing[:, :2].copy()})


def no_load(trade: AuditedTrade) -> bytes:
    return save({"routing": np.zeros_like(trade.routing)})


def below_zero(trade: AuditedTrade) -> bytes:
    return save({"routing": -trade.routing})


def too_wide(trade: AuditedTrade) -> bytes:
    return save({"routing": trade.routing.astype(np.int64)})


def empty(trade: AuditedTrade) -> bytes:
    return save({"routing": trade.routing[:0].copy()})


def flat(trade: AuditedTrade) -> bytes:
    return save({"routing": trade.routing.reshape(-1)})


def under_another_name(trade: AuditedTrade) -> bytes:
    return save({"weights": trade.routing})


def too_deep(trade: AuditedTrade) -> bytes:
    """An array of a hundred dimensions, which its format allows, and numpy doesn't."""
    return _safetensors(dtype="I16", shape=[1] * 100, data_offsets=[0, 2]) + bytes(2)


def of_another_kind(trade: AuditedTrade) -> bytes:
    """Numbers that numpy doesn't know."""
    return _safetensors(dtype="BF16", shape=[1, 1], data_offsets=[0, 2]) + bytes(2)


def _safetensors(**routing: object) -> bytes:
    header = json.dumps({"routing": routing}).encode()
    return len(header).to_bytes(8, "little") + header


def no_array(trade: AuditedTrade) -> bytes:
    return b"weights: about a third each"


@pytest.mark.parametrize(
    "file",
    [
        *(no_candidate, no_load, below_zero, too_wide, empty, flat),
        *(under_another_name, too_deep, of_another_kind, no_array),
    ],
)
def test_a_routing_array_that_is_none(
    trade: AuditedTrade, file: Callable[[AuditedTrade], bytes]
) -> None:
    trade.routing_file = file(trade)
    trade.to_gate()
    report = report_on(trade)
    # The trade is running: that the gate can't be recomputed is no objection yet.
    assert objections(report) == {"documents"}
    assert "routing array" in detail(report, "documents")
    assert {check.verdict for check in report.checks if check.name == "gate"} == {"missing"}


def test_a_manifest_that_contradicts_the_report(trade: AuditedTrade) -> None:
    trade.to_funded()
    trade.report_data(accepted=0b111, manifest_says=0b101)
    report = report_on(trade)
    assert objections(report) == {"documents"}
    assert "data manifest" in detail(report, "documents")


def test_an_accepted_dataset_that_nobody_delivered(trade: AuditedTrade) -> None:
    trade.never_delivered = (1,)
    trade.to_gate()
    report = report_on(trade)
    assert objections(report) == {"documents"}
    assert f"{trade.parties.providers[1].address} delivered nothing" in detail(report, "documents")


def test_a_refused_dataset_need_not_be_there(trade: AuditedTrade) -> None:
    trade.never_delivered = (2,)
    trade.to_funded()
    trade.report_data(accepted=0b011)
    assert objections(report_on(trade)) == set()


def test_sealed_evidence_that_is_named_and_not_there(trade: AuditedTrade) -> None:
    trade.sealed_evidence = trade.seal("evidence")
    trade.to_passed()
    assert objections(report_on(trade)) == set()
    (trade.store.path / "blocks" / trade.sealed_evidence.ciphertext).unlink()
    (check,) = (check for check in report_on(trade).checks if check.name == "documents")
    assert check.verdict == "missing"


def test_an_attestation_that_contradicts_the_event(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.attest(approved=False, said=True)
    trade.finish()
    assert objections(report_on(trade)) == {"documents"}


def test_documents_of_another_trade(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    other = AuditedTrade(market, store, parties, salt="another")
    other.data_request = trade.quote.data_request
    other.to_funded()
    report = audit(market.node.web3.provider, market.address, store, trade=other.id)
    assert objections(report) == {"documents"}
    assert trade.name in detail(report, "documents")


# ------------------------------------------------------------------ scores, labels


def test_a_pass_that_the_votes_do_not_bear_out(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED, passed=True, sealed=lambda score: trade.request.threshold)
    trade.finish()
    report = report_on(trade)
    assert report.trades[0].state == "SETTLED"
    assert objections(report) == {"score", "seals"}


def test_a_failure_that_the_votes_do_not_bear_out(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(passed=False, sealed=lambda score: 0)
    trade.attempt(UNSKILLED)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"score", "seals"}
    assert "attempt 1" in detail(report, "score")


def test_a_true_verdict_that_was_overturned(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.challenge()
    trade.overturn()
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"score"}
    assert "bears it out" in detail(report, "score")


def test_a_true_verdict_that_its_own_scores_contradict(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(sealed=lambda score: 0)
    trade.finish()
    report = report_on(trade)
    assert report.trades[0].state == "REFUNDED"
    assert objections(report) == {"score", "seals"}


def test_sealed_scores_that_are_not_the_true_one(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(sealed=lambda score: score + 1)
    trade.finish()
    assert objections(report_on(trade)) == {"seals"}


def test_a_signer_whose_score_is_against_its_verdict(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(seats=(0, 1, 2), verdicts=(0, 1))
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"seals"}
    assert trade.parties.signers[2].address in detail(report, "seals")


def test_a_signer_that_was_outvoted_is_no_objection(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(seats=(0, 1, 2), verdicts=(0, 1))
    trade.publish()
    trade.lapse(trade.request.windows.settlement)
    trade.settle(closed=(2,))
    assert "seals" not in objections(report_on(trade))


def test_scores_that_nobody_opens_are_missing(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.publish()
    trade.lapse(trade.request.windows.settlement)
    trade.settle(closed=(0, 1))
    trade.lapse()
    trade.withdraw(trade.parties.broker)
    assert objections(report_on(trade)) == {"seals?"}


def other_label() -> bytes:
    """Open the first row with another label than the buyer committed to."""
    first, *rest = validation_commitment().openings
    return encode_openings([replace(first, label=first.label + 1), *rest])


def a_row_less() -> bytes:
    return encode_openings(validation_commitment().openings[:-1])


@pytest.mark.parametrize("openings", [other_label, a_row_less])
def test_labels_that_the_buyer_did_not_commit_to(
    trade: AuditedTrade, openings: Callable[[], bytes]
) -> None:
    trade.to_gate()
    trade.attempt(openings=openings())
    trade.finish()
    assert objections(report_on(trade)) == {
        "validation-commitment",
        "score?",
        "seals?",
        "allocation?",
    }


def test_a_root_of_other_rows(market: Market, store: DiskStore, parties: Cast) -> None:
    trade = AuditedTrade(market, store, parties, validation_root=bytes(31) + b"\1")
    trade.to_passed()
    trade.finish()
    assert "validation-commitment" in objections(report_on(trade))


def test_votes_on_fewer_rows(trade: AuditedTrade) -> None:
    full = votes(trade.experts, 10)
    trade.to_gate()
    trade.attempt(
        evidence=replace(full, predictions=full.predictions[:, :-1], gates=full.gates[:-1]),
        passed=True,
    )
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"documents", "score?", "seals?", "training?", "allocation?"}
    assert "votes of attempt 1" in detail(report, "documents")


@pytest.mark.parametrize(
    "change",
    [
        {"trade": "0x" + "00" * 32},
        {"attempt": 2},
        {"training": "0x" + "00" * 32},
        {"metric": "accuracy"},
        {"classes": 4},
        {"votes": "bafkreiunheardof"},
    ],
)
def test_evidence_of_something_else(trade: AuditedTrade, change: dict[str, object]) -> None:
    trade.to_gate()
    trade.attempt(**change)
    trade.finish()
    report = report_on(trade)
    assert "documents" in objections(report)
    assert {"score?", "seals?", "allocation?"} <= objections(report)


def test_votes_in_another_order(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(evidence=votes(trade.experts[::-1], 9))
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"score"}
    assert "ascending" in detail(report, "score")


def test_gate_weights_of_a_row_that_are_not_whole(trade: AuditedTrade) -> None:
    full = votes(trade.experts, 10)
    trade.to_gate()
    trade.attempt(evidence=replace(full, gates=(full.gates // 2).astype(np.int16)))
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"score"}
    assert "2047" in detail(report, "score")


def test_votes_of_somebody_without_a_gate_weight(trade: AuditedTrade) -> None:
    stranger = trade.parties.stranger.address
    trade.to_gate()
    trade.attempt(evidence=votes((*trade.experts[:2], stranger), 10))
    trade.finish()
    found = objections(report_on(trade))
    assert {"score", "training"} <= found


# -------------------------------------------------------------------- contributions


def shifted(amounts: list[int]) -> list[int]:
    return [amounts[0] - 1, amounts[1] + 1, *amounts[2:]]


def by_position(amounts: list[int]) -> list[int]:
    return amounts[::-1]


def all_to_one(amounts: list[int]) -> list[int]:
    return [sum(amounts), *(0 for _ in amounts[1:])]


@pytest.mark.parametrize("amounts", [shifted, by_position, all_to_one])
def test_a_division_that_is_not_by_shapley_value(
    trade: AuditedTrade, amounts: Callable[[list[int]], list[int]]
) -> None:
    trade.to_gate()
    trade.attempt(amounts=amounts)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"allocation"}
    assert "is due by" in detail(report, "allocation")


def test_the_rule_that_the_request_froze_divides(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    trade = AuditedTrade(market, store, parties, division="skill")
    trade.to_gate()
    trade.attempt()
    trade.finish()
    report = report_on(trade)
    assert report.ok, report.objections
    assert "by exact skill" in detail(report, "allocation")


def by_the_other_rule(trade: AuditedTrade) -> Callable[[list[int]], list[int]]:
    def amounts(true: list[int]) -> list[int]:
        trade.division = "shapley" if trade.division == "skill" else "skill"
        other = trade.true_amounts(votes(trade.experts, SKILLED))
        assert other != true
        return other

    return amounts


@pytest.mark.parametrize("division", ["shapley", "skill"])
def test_a_division_by_another_rule_than_the_request_froze(
    division: Division, market: Market, store: DiskStore, parties: Cast
) -> None:
    trade = AuditedTrade(market, store, parties, division=division)
    trade.to_gate()
    trade.attempt(amounts=by_the_other_rule(trade))
    trade.finish()
    assert objections(report_on(trade)) == {"allocation"}


def test_a_division_is_recomputed_before_it_is_paid(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(amounts=shifted)
    trade.publish()
    assert objections(report_on(trade)) == {"allocation"}


def test_a_pool_that_nobody_earned(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(0, passed=True, sealed=lambda score: trade.request.threshold)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"score", "seals", "allocation"}
    assert "contributed anything" in detail(report, "allocation")


def test_an_expert_that_harms_is_paid_nothing(trade: AuditedTrade) -> None:
    wrong = votes(trade.experts, 10)
    wrong.predictions[0] = np.roll(wrong.predictions[0], 1, axis=1)
    trade.to_gate()
    trade.attempt(evidence=wrong, passed=True)
    trade.finish()
    report = report_on(trade)
    assert "allocation" not in objections(report)
    assert 0 in trade.true_amounts(wrong)


def test_a_division_among_more_than_can_be_listed_is_not_recomputed(
    trade: AuditedTrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade.to_passed()
    trade.finish()
    assert report_on(trade).ok
    monkeypatch.setattr(shares, "MAX_EXPERTS", 2)
    report = report_on(trade)
    assert objections(report) == {"allocation?"}
    assert "3 experts together are over 2" in detail(report, "allocation")


def test_an_expert_that_delivered_no_model_is_paid_nothing(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(evidence=votes(trade.experts[1:], 9), trainings=lambda found: found[1:])
    trade.finish()
    report = report_on(trade)
    assert report.ok
    assert "among 2 experts" in detail(report, "allocation")


# ------------------------------------------------------------------------- training


def unsigned(trainings: list[Training]) -> list[Training]:
    return trainings[1:]


def by_another(trainings: list[Training]) -> list[Training]:
    first, second, *rest = trainings
    return [first.model_copy(update={"signature": second.signature}), second, *rest]


def unreadable(trainings: list[Training]) -> list[Training]:
    return [trainings[0].model_copy(update={"signature": "0xzz"}), *trainings[1:]]


def short(trainings: list[Training]) -> list[Training]:
    return [trainings[0].model_copy(update={"model": "0x12"}), *trainings[1:]]


def from_the_future(trainings: list[Training]) -> list[Training]:
    return [trainings[0].model_copy(update={"attempt": 2}), *trainings[1:]]


@pytest.mark.parametrize("change", [unsigned, by_another, unreadable, short, from_the_future])
def test_training_commitments_that_do_not_hold(
    trade: AuditedTrade, change: Callable[[list[Training]], list[Training]]
) -> None:
    trade.to_gate()
    trade.attempt(trainings=change)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"training"}
    assert trade.experts[0] in detail(report, "training")


def test_training_on_another_expert_s_subset(trade: AuditedTrade) -> None:
    expert = trade.parties.experts[0]
    stolen = digest_of(trade.subsets[trade.experts[1]].ciphertext)

    def on_the_stolen_subset(trainings: list[Training]) -> list[Training]:
        model = bytes.fromhex(trainings[0].model[2:])
        commitment = TrainingCommitment(trade.id, expert.address, 1, stolen, model)
        signature = trade.sign(commitment, expert)
        update = {"subset": "0x" + stolen.hex(), "signature": "0x" + signature.hex()}
        return [trainings[0].model_copy(update=update), *trainings[1:]]

    trade.to_gate()
    trade.attempt(trainings=on_the_stolen_subset)
    trade.finish()
    assert objections(report_on(trade)) == {"training"}


def test_training_on_a_subset_that_the_gate_names_by_nothing(trade: AuditedTrade) -> None:
    expert = trade.experts[0]
    given = trade.subsets[expert]
    trade.to_funded()
    trade.subsets[expert] = given.model_copy(update={"ciphertext": "the usual one"})
    trade.report_data()
    trade.subsets[expert] = given
    trade.attempt()
    trade.finish()
    report = report_on(trade)
    assert "training" in objections(report)
    said = detail(report, "training")
    assert expert in said
    assert "it can't be read: 'the usual one' is" in said


def test_a_commitment_of_somebody_who_was_given_nothing(trade: AuditedTrade) -> None:
    stranger = trade.parties.stranger

    def one_more(trainings: list[Training]) -> list[Training]:
        update = {"expert": stranger.address}
        return [*trainings, trainings[0].model_copy(update=update)]

    trade.to_gate()
    trade.attempt(trainings=one_more)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"training"}
    assert stranger.address in detail(report, "training")


def test_an_account_that_is_none_spoils_its_document(trade: AuditedTrade) -> None:
    def nobody(trainings: list[Training]) -> list[Training]:
        return [trainings[0].model_copy(update={"expert": "[bold]me[/bold]\x1b"}), *trainings[1:]]

    trade.to_gate()
    trade.attempt(trainings=nobody)
    trade.finish()
    report = report_on(trade)
    assert objections(report) == {"documents", "training?"}
    assert "\x1b" not in detail(report, "documents")


def test_a_lone_opened_seal_that_is_against_the_verdict(trade: AuditedTrade) -> None:
    """One of two can't turn the verdict, and is found to have sealed a lie."""
    trade.to_gate()
    trade.attempt(sealed=lambda score: trade.request.threshold - 1)
    trade.publish()
    trade.lapse(grace=trade.request.windows.settlement)
    trade.settle(closed=(0,))
    report = report_on(trade)
    assert report.trades[0].state == "SETTLED"
    assert objections(report) == {"seals"}
    assert "against their verdict" in detail(report, "seals")


def test_a_verdict_that_fell_over_evidence_that_is_missing(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED, passed=True)
    trade.challenge()
    trade.overturn()
    trade.lapse()
    trade.settle()
    assert "score?" in objections(report_on(trade))


@pytest.mark.parametrize(("late", "verdict"), [(0, "open"), (1, "missing")])
def test_seals_of_a_failed_attempt_may_be_opened_until_the_last_second(
    trade: AuditedTrade, late: int, verdict: str
) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt()
    trade.publish()
    trade.lapse()
    trade.settle()
    trade.next_block_at(trade.market.status(trade.id).deadline + late)
    trade.withdraw(trade.parties.broker)
    found = {check.name: check.verdict for check in report_on(trade).checks if check.trade}
    assert found["seals"] == verdict
