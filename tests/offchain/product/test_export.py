"""Whole composites as ONNX: equal labels, sparse as dense, and the same bytes every time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import onnx
import pytest

from marketplace.protocol.errors import ConfigurationError
from offchain.product import compare, export, run
from offchain.training import Composite
from offchain.validation import vote

CASES = [("table_model", "tumours"), ("image_model", "digits")]


@pytest.fixture(params=CASES, ids=["table", "images"])
def case(request):
    """A composite and the buyer's rows."""
    model, scenario = (request.getfixturevalue(name) for name in request.param)
    return model.composite, scenario.validation.features


def test_it_answers_as_the_composite_does(case) -> None:
    composite, rows = case
    found = compare(export(composite), composite, rows)
    assert found.labels_apart == 0
    assert found.furthest < 1e-5
    # Another order of additions may move a probability across one border between integers.
    assert found.votes_apart <= len(rows) // 50


def test_the_integers_follow_the_protocol(case) -> None:
    composite, rows = case
    answers, evidence = run(export(composite), rows), composite.evidence(rows)
    np.testing.assert_array_equal(answers.weights, evidence.gates)
    np.testing.assert_array_equal(answers.labels, answers.votes.argmax(axis=1))
    assert np.abs(answers.votes - vote(evidence.predictions, evidence.gates)).max() <= 2047


def test_sparse_and_dense_answer_alike(case) -> None:
    composite, rows = case
    sparse, dense = (run(export(composite, sparse=way), rows) for way in (True, False))
    np.testing.assert_array_equal(sparse.labels, dense.labels)
    np.testing.assert_array_equal(sparse.weights, dense.weights)
    np.testing.assert_allclose(sparse.probabilities, dense.probabilities, atol=1e-5)


@pytest.mark.parametrize(("fewer", "sparse"), [(0, False), (1, True)])
def test_rows_are_gathered_where_the_gate_leaves_experts_out(case, fewer, sparse) -> None:
    composite, _ = case
    calls = len(composite.experts) - fewer
    chosen = replace(composite, gate=replace(composite.gate, top_k=calls))
    assert export(chosen) == export(chosen, sparse=sparse) != export(chosen, sparse=not sparse)


def test_one_row_at_a_time_skips_experts_and_answers_alike(case) -> None:
    composite, rows = case
    gate, few = composite.gate, rows[:5]
    logits = gate.pool.logits.clone()
    logits[0] = -1e9
    seldom = replace(composite, gate=replace(gate, pool=replace(gate.pool, logits=logits)))
    model = export(seldom, sparse=True)
    whole = run(model, few)
    assert not whole.weights[:, 0].any()
    assert whole.weights.any()
    for at in range(len(few)):
        alone = run(model, few[at : at + 1])
        np.testing.assert_array_equal(alone.labels, whole.labels[at : at + 1])
        np.testing.assert_allclose(alone.probabilities[0], whole.probabilities[at], atol=1e-5)


def test_an_expert_that_no_row_calls_is_never_computed(table_model, tumours) -> None:
    """Its answers would be no numbers, and would spoil a dense sum."""
    composite = table_model.composite
    pool = composite.gate.pool
    logits, sharpness = pool.logits.clone(), pool.sharpness.clone()
    logits[0], sharpness[0] = -1e9, float("nan")
    gate = replace(composite.gate, pool=replace(pool, logits=logits, sharpness=sharpness))
    broken, rows = replace(composite, gate=gate), tumours.validation.features
    assert np.isfinite(run(export(broken, sparse=True), rows).probabilities).all()
    assert not np.isfinite(run(export(broken, sparse=False), rows).probabilities).all()


def test_equal_models_have_equal_bytes(case) -> None:
    composite, _ = case
    received = Composite.from_bytes(composite.to_bytes())
    first, second = (hashlib.sha256(export(m)).hexdigest() for m in (composite, received))
    assert first == second


def test_the_file_says_what_it_needs_and_is(table_model) -> None:
    composite = table_model.composite
    model = onnx.load_from_string(export(composite))
    assert model.ir_version == 8
    assert {entry.domain: entry.version for entry in model.opset_import} == {
        "": 18,
        "ai.onnx.ml": 3,
    }
    said = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert said["task"] == composite.task.to_json()
    assert said["experts"] == [[name, e.kind] for name, e in composite.experts.items()]


def test_another_type_of_gate_is_named(table_model) -> None:
    odd = replace(table_model.composite, gate=object())
    with pytest.raises(ConfigurationError, match="gate of type object has no ONNX form"):
        export(odd)
