"""Each kind of expert as ONNX, on real rows, against the expert itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from marketplace.protocol.errors import ConfigurationError, UnreadableModel
from offchain.experts import expert, kinds
from offchain.experts.boosting import FittedTrees
from offchain.product.exporters import append
from offchain.product.graph import FLOAT, IR_VERSION, OPSET, TREE_OPSET, TREES, Graph


def answers(fitted, features, classes):
    """Run one expert by itself."""
    graph = Graph()
    result = append(graph, fitted, "rows", features.shape[1:])
    whole = helper.make_graph(
        graph.nodes,
        "expert",
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", *features.shape[1:]])],
        [helper.make_tensor_value_info(result, FLOAT, ["n", classes])],
        list(graph.constants.values()),
    )
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(TREES, TREE_OPSET)]
    model = helper.make_model(whole, ir_version=IR_VERSION, opset_imports=opsets)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    run = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return run.run(None, {"rows": features})[0]


def fitted_to(kind, scenario, classes=None, effort=1):
    """Fit to a provider's rows, or to those of some classes only."""
    rows = scenario.providers["a"]
    if classes is not None:
        rows = rows.take(np.flatnonzero(np.isin(rows.labels, classes)))
    weights = np.random.default_rng(1).random(len(rows)).astype(np.float32) + np.float32(0.1)
    count = len(scenario.task.classes)
    return expert(kind).fit(rows.features, rows.labels, weights, count, seed=7, effort=effort)


@pytest.mark.parametrize("kind", kinds((30,)))
def test_each_kind_for_tables(kind, tumours) -> None:
    fitted, rows = fitted_to(kind, tumours), tumours.validation.features
    np.testing.assert_allclose(answers(fitted, rows, 2), fitted.predict_proba(rows), atol=1e-5)


@pytest.mark.parametrize("kind", kinds((16, 15)))
def test_each_kind_for_images(kind, digits) -> None:
    fitted, rows = fitted_to(kind, digits), digits.validation.features
    np.testing.assert_allclose(answers(fitted, rows, 10), fitted.predict_proba(rows), atol=1e-5)


def test_texts_of_every_length() -> None:
    """Empty, full, with capitals, with bytes after the end, and with what is no byte."""
    generator = np.random.default_rng(0)
    texts = generator.integers(32, 127, (64, 40)).astype(np.float32)
    for row, length in enumerate(generator.integers(0, 41, len(texts))):
        texts[row, length:] = 0
    texts[0], texts[1], texts[2, 5] = 0, ord("A"), 0
    texts[3, :3] = np.nan, np.inf, -1
    labels = np.arange(len(texts)) % 3
    fitted = expert("hashed-text").fit(
        np.nan_to_num(texts, posinf=255), labels, np.ones(len(texts), np.float32), 3, seed=7
    )
    np.testing.assert_allclose(answers(fitted, texts, 3), fitted.predict_proba(texts), atol=1e-5)


@pytest.mark.parametrize("kind", ["boosted-trees", "extra-trees", "logistic"])
@pytest.mark.parametrize("classes", [[3], [2, 7], [0, 4, 9]])
def test_classes_that_were_not_seen_get_nothing(kind, classes, digits) -> None:
    fitted, rows = fitted_to(kind, digits, classes), digits.validation.features
    found = answers(fitted, rows, 10)
    assert not np.delete(found, classes, axis=1).any()
    np.testing.assert_allclose(found, fitted.predict_proba(rows), atol=1e-5)


def test_more_effort_exports_too(tumours) -> None:
    fitted, rows = fitted_to("logistic", tumours, effort=2), tumours.validation.features
    np.testing.assert_allclose(answers(fitted, rows, 2), fitted.predict_proba(rows), atol=1e-5)


def test_rows_on_a_threshold_go_left(tumours) -> None:
    """Every row is moved onto thresholds of the trees, and one step above."""
    fitted = fitted_to("boosted-trees", tumours)
    inner = fitted.trees.left != np.arange(len(fitted.trees.left))
    column, threshold = fitted.trees.column[inner], fitted.trees.threshold[inner]
    rows = np.repeat(tumours.validation.features[:1], 2 * len(column), axis=0)
    rows[np.arange(len(column)), column] = threshold
    rows[np.arange(len(column)) + len(column), column] = np.nextafter(threshold, np.float32(np.inf))
    np.testing.assert_allclose(answers(fitted, rows, 2), fitted.predict_proba(rows), atol=1e-5)


@pytest.mark.parametrize("damage", ["loop", "shared", "half"])
def test_a_strangers_table_that_is_no_forest_is_refused(damage, tumours) -> None:
    fitted = fitted_to("boosted-trees", tumours)
    assert isinstance(fitted, FittedTrees)
    left, right = fitted.trees.left.copy(), fitted.trees.right.copy()
    if damage == "loop":
        left[left[0]], right[left[0]] = 0, 0
    elif damage == "shared":
        right[0] = left[0]
    else:
        left[0] = 0
    damaged = replace(fitted, trees=replace(fitted.trees, left=left, right=right))
    with pytest.raises(UnreadableModel, match="tree 0 of the model is no tree"):
        answers(damaged, tumours.validation.features, 2)


@dataclass(frozen=True)
class Unheard:
    """An expert of a kind that nobody wrote an exporter for."""

    kind: str = "tea-leaves"


def test_a_kind_without_an_exporter_is_named(tumours) -> None:
    with pytest.raises(ConfigurationError, match="'tea-leaves' have no ONNX form; deliver without"):
        answers(Unheard(), tumours.validation.features, 2)
