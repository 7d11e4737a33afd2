"""The steps in order, and each party's part on its own."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from marketplace.protocol.errors import UnreadableModel, UnusableData
from offchain.contribution import payout_weights, shapley
from offchain.data import Dataset
from offchain.experts import load_fitted
from offchain.gating import Gate
from offchain.training import (
    Composite,
    Subset,
    compose,
    decode_subset,
    default_roster,
    encode_subset,
    pool,
    probe_subset,
    route,
    run_local,
    train_expert,
)
from offchain.training.predictions import predict_each
from offchain.training.route import restricted_to_called
from offchain.validation import (
    SCALE,
    decide,
    decode_evidence,
    encode_evidence,
    score_votes,
    vote,
)


def test_steps_by_separate_parties_give_what_one_process_gives(credit, trained) -> None:
    """Everything that passes between parties goes through bytes here."""
    task, roster = credit.task, default_roster(credit.task)
    pooled = pool(dict(reversed(credit.providers.items())), task, 3)
    probe = decode_subset(encode_subset(probe_subset(pooled)), task)
    probes = {name: train_expert(kind, probe, task, 3) for name, kind in roster.items()}
    routing = route(pooled, roster, probes, 3)
    models = {
        name: train_expert(roster[name], decode_subset(encode_subset(subset), task), task, 3)
        for name, subset in routing.subsets.items()
    }
    composite = compose(pooled, roster, routing, models)
    evidence = composite.evidence(credit.validation.features)
    assert encode_evidence(evidence) == encode_evidence(trained.evidence)
    assert composite.to_bytes() == trained.composite.to_bytes()


def test_same_seed_gives_the_same_evidence_and_another_does_not(credit, trained) -> None:
    again, other = run_local(credit, seed=3), run_local(credit, seed=4)
    assert encode_evidence(again.evidence) == encode_evidence(trained.evidence)
    assert encode_evidence(other.evidence) != encode_evidence(trained.evidence)


def test_evidence_alone_recomputes_score_and_shares(credit, trained) -> None:
    stored = decode_evidence(encode_evidence(trained.evidence))
    labels, metric = credit.validation.labels, credit.task.metric
    score = score_votes(stored.predictions, stored.gates, labels, metric)
    values = shapley(stored.predictions, stored.gates, labels, metric)
    assert score == trained.score
    assert sum(values) == score.fraction
    assert sum(payout_weights(values)) > 0


def test_composite_survives_delivery(credit, trained) -> None:
    received = Composite.from_bytes(trained.composite.to_bytes())
    rows = credit.validation.features
    assert encode_evidence(received.evidence(rows)) == encode_evidence(trained.evidence)
    np.testing.assert_array_equal(
        received.predict(rows), decide(vote(trained.evidence.predictions, trained.evidence.gates))
    )
    assert received.task == credit.task


def test_it_learns_both_kinds_of_data(credit, digits, trained) -> None:
    assert trained.score.fraction > Fraction(40, 100)
    assert run_local(digits, seed=0).score.fraction > Fraction(60, 100)


def test_gate_is_sparse_and_not_collapsed(trained) -> None:
    gates = trained.evidence.gates
    np.testing.assert_array_equal(gates.sum(axis=1), SCALE)
    assert ((gates > 0).sum(axis=1) <= 4).all()
    loads = gates.mean(axis=0) / SCALE
    assert len(loads) >= 4
    assert loads.max() < 0.8


def test_experts_without_weight_get_nothing(trained) -> None:
    routing = trained.routing
    assert set(routing.subsets) == set(routing.experts)
    assert all((load > 0) == (name in routing.experts) for name, load in routing.loads.items())
    assert sum(routing.loads.values()) == pytest.approx(1)
    for subset in routing.subsets.values():
        assert 0 < len(subset) <= len(trained.pooled.dataset)
        assert (subset.weights > 0).all()


def test_an_expert_that_is_called_nowhere_gets_no_rows(trained) -> None:
    """As can happen among experts that answer alike, of which a gate calls any four."""
    roster, features = default_roster(trained.pooled.task), trained.pooled.dataset.features
    answers = predict_each(
        [load_fitted(roster[name], trained.probes[name]) for name in sorted(roster)], features, 2
    )
    labels, weights = trained.pooled.dataset.labels, trained.pooled.weights
    gate = Gate.fit(features, answers, labels, weights, 3)
    steps = torch.arange(len(roster), dtype=torch.float32)
    alone = replace(
        gate,
        pool=replace(gate.pool, logits=-50.0 * steps),
        residual=replace(
            gate.residual,
            second=torch.zeros_like(gate.residual.second),
            second_bias=torch.zeros_like(gate.residual.second_bias),
        ),
    )
    asked = np.arange(len(roster))[::-1].copy()
    found, kept, shares = restricted_to_called(replace(alone, top_k=2), asked, features)
    assert set(kept) == {0, 1}
    assert shares.shape == (len(features), 2)
    assert shares.any(axis=0).all()
    assert np.array_equal(found.weights(features), shares)


def test_an_expert_that_does_not_deliver_is_dropped(credit, trained) -> None:
    roster = default_roster(credit.task)
    missing, *present = trained.routing.experts
    models = {name: trained.composite.experts[name].to_bytes() for name in present}
    composite = compose(trained.pooled, roster, trained.routing, models)
    evidence = composite.evidence(credit.validation.features)
    assert evidence.experts == tuple(present)
    assert missing not in evidence.experts
    np.testing.assert_array_equal(evidence.gates.sum(axis=1), SCALE)
    with pytest.raises(UnreadableModel, match="no chosen expert"):
        compose(trained.pooled, roster, trained.routing, {})


def test_progress_tells_each_step(credit) -> None:
    said: list[str] = []
    run_local(credit, seed=1, roster={"a": "logistic", "b": "additive"}, progress=said.append)
    assert [line.split()[0] for line in said[:4]] == ["pooled", "probing", "probing", "fitting"]
    assert said[-1].startswith("validating")


def test_a_later_attempt_works_harder(credit) -> None:
    roster = {"net": "logistic", "trees": "boosted-trees"}
    first, second = (run_local(credit, 1, attempt=attempt, roster=roster) for attempt in (1, 2))
    assert len(second.composite.to_bytes()) > 1.5 * len(first.composite.to_bytes())
    assert second.routing.experts == first.routing.experts


def test_pool_takes_each_row_once_and_in_any_order_of_providers(credit) -> None:
    copied = dict(credit.providers) | {"zz-copier": credit.providers["bank-owners"]}
    plain, more = pool(credit.providers, credit.task, 0), pool(copied, credit.task, 0)
    np.testing.assert_array_equal(plain.dataset.features, more.dataset.features)
    assert more.providers[-1] == "zz-copier"
    assert (more.provider < len(credit.providers)).all()


def test_probe_and_gate_rows_divide_the_pool(credit, digits) -> None:
    for scenario in (credit, digits):
        pooled = pool(scenario.providers, scenario.task, 0)
        rows = np.concatenate([pooled.probe, pooled.gate])
        np.testing.assert_array_equal(np.sort(rows), np.arange(len(pooled.dataset)))
        assert len(pooled.probe) == pytest.approx(len(rows) / 4, abs=1)
        assert set(pooled.provider[pooled.probe]) == set(range(len(scenario.providers)))


def test_metric_decides_what_a_row_counts(credit, digits) -> None:
    balanced = pool(credit.providers, credit.task, 0)
    labels = balanced.dataset.labels
    sums = [balanced.weights[labels == label].sum() for label in (0, 1)]
    assert sums[0] == pytest.approx(sums[1], rel=1e-4)
    assert (pool(digits.providers, digits.task, 0).weights == 1).all()


def test_too_few_rows_are_refused(credit) -> None:
    few = {"only": credit.providers["bank-owners"].take(np.arange(39))}
    with pytest.raises(UnusableData, match="39 distinct rows"):
        pool(few, credit.task, 0)
    twice = {"a": few["only"], "b": few["only"]}
    with pytest.raises(UnusableData, match="39 distinct rows"):
        pool(twice, credit.task, 0)


def test_a_provider_with_one_class_joins(credit) -> None:
    good = credit.providers["bank-owners"]
    only = good.take(np.flatnonzero(good.labels == 0))
    run = run_local(
        type(credit)(
            credit.task, dict(credit.providers) | {"bank-owners": only}, credit.validation
        ),
        seed=0,
        roster={"a": "logistic", "b": "boosted-trees", "c": "nearest-neighbours"},
    )
    assert run.score.fraction > Fraction(1, 5)


def test_a_probe_that_answers_nonsense_is_refused(credit, trained) -> None:
    roster = default_roster(credit.task)
    wrong = Dataset(np.zeros((40, 5), np.float32), np.arange(40) % 2)
    other = train_expert("additive", Subset(wrong, np.ones(40, np.float32)), credit.task, 0)
    with pytest.raises(UnreadableModel):
        route(trained.pooled, roster, {"additive": other}, 0)
    with pytest.raises(UnreadableModel):
        route(trained.pooled, roster, {"additive": b"nothing"}, 0)


@pytest.mark.parametrize("data", [b"", b"composite", b"\x00" * 60])
def test_composite_of_other_bytes_is_refused(data) -> None:
    with pytest.raises(UnreadableModel):
        Composite.from_bytes(data)
