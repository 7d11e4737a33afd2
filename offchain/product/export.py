"""A composite as one ONNX file, which needs nothing of this project to run."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto, helper

from marketplace.protocol.errors import ConfigurationError
from offchain.experts import FittedExpert
from offchain.product.exporters import append
from offchain.product.gates import gated
from offchain.product.graph import DOUBLE, FLOAT, INT64, IR_VERSION, OPSET, TREE_OPSET, TREES, Graph
from offchain.storage.cid import cid_of
from offchain.training import Composite
from offchain.validation.quantise import NO_VOTE

MAX_BYTES = 2**31 - 1
"""Of one protobuf message."""

INPUT, LABEL, PROBABILITIES, VOTES, WEIGHTS = "rows", "label", "probabilities", "votes", "weights"


def export(composite: Composite, sparse: bool | None = None) -> bytes:
    """Return the model as ONNX; the same composite gives the same bytes.

    Its input is ``rows``, float32 (n, *feature_shape). Its outputs are ``label``, int64 (n,),
    decided on the integers of the protocol; ``probabilities``, float32 (n, C); ``votes``, int64
    (n, C); and ``weights``, int64 (n, E), the gate's units of 2047.

    Parameters
    ----------
    sparse
        Whether an expert computes only the rows that call it; otherwise all experts compute
        all rows, and the answers are the same. By default so where the gate leaves some out:
        to gather the rows costs more than it saves where each row calls every expert.

    Raises
    ------
    ConfigurationError
        If an expert's kind or the gate has no ONNX form, or the file would be too large.
    UnreadableModel
        If an expert's model is none that ONNX can express.
    """
    task, graph = composite.task, Graph()
    asks = [partial(_answer, fitted, task.feature_shape) for fitted in composite.experts.values()]
    found = gated(composite.gate, graph, INPUT, asks, len(task.classes), sparse)
    highest = graph.add("ReduceMax", found.votes, graph.integers(1), keepdims=0)
    best = graph.add("ArgMax", found.votes, axis=1, keepdims=0)
    voted = graph.add("Greater", highest, graph.constant(0, np.int64))
    label = graph.add("Where", voted, best, graph.constant(NO_VOTE, np.int64))
    classes, experts = len(task.classes), len(composite.experts)
    results: tuple[tuple[str, str, int, list[str | int | None]], ...] = (
        (label, LABEL, INT64, ["n"]),
        (found.probabilities, PROBABILITIES, FLOAT, ["n", classes]),
        (found.votes, VOTES, INT64, ["n", classes]),
        (found.units, WEIGHTS, INT64, ["n", experts]),
    )
    for name, output, _, _ in results:
        graph.nodes.append(helper.make_node("Identity", [name], [output], output))
    whole = helper.make_graph(
        graph.nodes,
        "composite",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", *task.feature_shape])],
        [helper.make_tensor_value_info(output, kind, shape) for _, output, kind, shape in results],
        list(graph.constants.values()),
    )
    return _finished(whole, composite)


def _answer(fitted: FittedExpert, shape: tuple[int, ...], graph: Graph, rows: str) -> str:
    """Append an expert and divide each answer by its sum, as :func:`predict` does."""
    answer = graph.cast(append(graph, fitted, rows, shape), DOUBLE)
    whole = graph.add("ReduceSum", answer, graph.integers(1), keepdims=1)
    return graph.cast(graph.add("Div", answer, whole), FLOAT)


def _finished(whole: onnx.GraphProto, composite: Composite) -> bytes:
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(TREES, TREE_OPSET)]
    model = helper.make_model(
        whole, ir_version=IR_VERSION, opset_imports=opsets, producer_name="moemarket"
    )
    experts = [[name, fitted.kind] for name, fitted in composite.experts.items()]
    said = {
        "task": composite.task.to_json(),
        "experts": experts,
        "composite": cid_of(composite.to_bytes()),
    }
    helper.set_model_props(model, {name: json.dumps(value) for name, value in said.items()})
    size = model.ByteSize()
    if size > MAX_BYTES:
        raise ConfigurationError(
            f"as ONNX the model has {size} bytes, more than {MAX_BYTES}",
            "use the composite as it is, or buy one with smaller experts",
        )
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))
