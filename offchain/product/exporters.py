"""Experts as ONNX nodes, one function for each kind."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from marketplace.protocol.errors import ConfigurationError
from offchain.experts import FittedExpert
from offchain.experts.boosting import FittedTrees
from offchain.experts.designs import NEURAL_EXPERTS
from offchain.experts.forest import FittedForest
from offchain.experts.neighbours import PRIOR, FittedNeighbours
from offchain.experts.neural import FittedNeural
from offchain.experts.reduction import MANY_COLUMNS
from offchain.product.graph import Graph
from offchain.product.layers import layer, values
from offchain.product.trees import total

Shape = tuple[int, ...]
Exporter = Callable[[Graph, Any, str, Shape], str]
"""Appends an expert; from the rows' name and one row's shape to the probabilities' name."""


def networks(graph: Graph, fitted: FittedNeural, rows: str, shape: Shape) -> str:
    """Average the networks' softmax over the classes that they have seen."""
    unseen = graph.constant(np.where(fitted.seen, 0.0, -np.inf))
    answers = []
    for network in fitted.members:
        inputs = layer(network.front, graph, rows, shape)
        logits = graph.add("Add", layer(network.head, graph, inputs, shape), unseen)
        answers.append(graph.add("Softmax", logits, axis=1))
    return answers[0] if len(answers) == 1 else graph.add("Mean", *answers)


def boosted_trees(graph: Graph, fitted: FittedTrees, rows: str, shape: Shape) -> str:
    """Softmax of the trees' sum; classes that were not seen get zero."""
    logits = total(graph, fitted.trees, _coarse(graph, rows, shape))
    odds = graph.add("Softmax", logits, axis=1)
    if len(fitted.seen) == fitted.classes:
        return odds
    return graph.add("MatMul", odds, graph.constant(np.eye(fitted.classes)[fitted.seen]))


def forest(graph: Graph, fitted: FittedForest, rows: str, shape: Shape) -> str:
    """Mean of the trees' probabilities."""
    sums = total(graph, fitted.trees, _coarse(graph, rows, shape))
    return graph.add("Div", sums, graph.constant(len(fitted.trees.roots)))


def neighbours(graph: Graph, fitted: FittedNeighbours, rows: str, shape: Shape) -> str:
    """Vote of the nearest stored rows, by distances as torch.cdist multiplies them out."""
    points = values(fitted.points)
    flat = graph.add("Flatten", rows, axis=1)
    centred = graph.add("Sub", flat, graph.constant(values(fitted.mean)))
    inputs = graph.add("MatMul", centred, graph.constant(values(fitted.axes)))
    squares = graph.add("ReduceSumSquare", inputs, graph.integers(1), keepdims=1)
    ones = graph.add("Add", graph.add("Mul", squares, graph.constant(0.0)), graph.constant(1.0))
    doubled = graph.add("Mul", inputs, graph.constant(-2.0))
    left = graph.add("Concat", doubled, squares, ones, axis=1)
    lengths = (points**2).sum(axis=1, keepdims=True)
    right = np.concatenate([points, np.ones_like(lengths), lengths], axis=1)
    product = graph.add("MatMul", left, graph.constant(right.T))
    distance = graph.add("Sqrt", graph.add("Relu", product))
    count = graph.integers(fitted.count)
    near, who = graph.several("TopK", distance, count, outputs=2, axis=1, largest=0)
    last = graph.add("Slice", near, graph.integers(-1), graph.integers(2**31), graph.integers(1))
    scale = graph.add("Max", last, graph.constant(1e-6))
    relative = graph.add("Div", near, scale)
    closeness = graph.add("Exp", graph.add("Neg", graph.add("Mul", relative, relative)))
    counted = graph.add("Gather", graph.constant(values(fitted.weights)), who)
    say = graph.add("Mul", closeness, counted)
    targets = graph.constant(fitted.targets.cpu().numpy(), np.int64)
    nobody = graph.zeros(graph.rows_of(rows), len(fitted.prior), np.float32)
    chosen = graph.add("Gather", targets, who)
    votes = graph.add("ScatterElements", nobody, chosen, say, axis=1, reduction="add")
    prior = graph.constant(PRIOR * math.exp(-1.0) * values(fitted.prior))
    votes = graph.add("Add", votes, prior)
    return graph.add("Div", votes, graph.add("ReduceSum", votes, graph.integers(1), keepdims=1))


EXPORTERS: dict[str, Exporter] = {
    **dict.fromkeys((expert.description.kind for expert in NEURAL_EXPERTS), networks),
    "boosted-trees": boosted_trees,
    "extra-trees": forest,
    "nearest-neighbours": neighbours,
}
"""A new kind is one function and one line."""


def append(graph: Graph, fitted: FittedExpert, rows: str, shape: Shape) -> str:
    """Append a fitted expert, for rows (n, *shape); its answers are float32 (n, C).

    Raises
    ------
    ConfigurationError
        If experts of this kind have no ONNX form.
    UnreadableModel
        If a stranger's model is none that ONNX can express.
    """
    if fitted.kind not in EXPORTERS:
        raise ConfigurationError(
            f"experts of kind {fitted.kind!r} have no ONNX form",
            f"deliver without them, or add an exporter beside {', '.join(EXPORTERS)}",
        )
    return EXPORTERS[fitted.kind](graph, fitted, rows, shape)


def _coarse(graph: Graph, rows: str, shape: Shape) -> str:
    """Append what :func:`offchain.experts.reduction.coarse` does, to the bit.

    Trees compare for equality with thresholds, so the four pixels are added in numpy's order.
    """
    if len(shape) != 2 or math.prod(shape) <= MANY_COLUMNS:
        return graph.add("Flatten", rows, axis=1)
    ends = [side - side % 2 for side in shape]

    def pixels(top: int, left: int) -> str:
        corners = graph.integers(top, left), graph.integers(*ends)
        return graph.add("Slice", rows, *corners, graph.integers(1, 2), graph.integers(2, 2))

    upper, lower = (graph.add("Add", pixels(top, 0), pixels(top, 1)) for top in (0, 1))
    mean = graph.add("Mul", graph.add("Add", upper, lower), graph.constant(0.25))
    return graph.add("Flatten", mean, axis=1)
