"""Gates as ONNX nodes, one function for each type: who is called, and the vote of those."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, singledispatch

import numpy as np

from marketplace.protocol.errors import ConfigurationError
from offchain.gating import Gate
from offchain.gating.embedding import LIMIT
from offchain.gating.pool import FLOOR
from offchain.product.graph import DOUBLE, FLOAT, INT64, Graph
from offchain.product.layers import clipped, values
from offchain.validation import SCALE

Ask = Callable[[Graph, str], str]
"""Appends one expert's answer to some rows: probabilities, float32, each row summing to one."""

LEAST_CHANCE = 1e-12


@dataclass(frozen=True)
class Vote:
    """Names of what a gate comes to for n rows.

    Attributes
    ----------
    units
        Int64 (n, E): the gate's integer weights.
    votes
        Int64 (n, C): the votes that decide.
    probabilities
        Float32 (n, C): the chances that the gate was fitted to give.
    """

    units: str
    votes: str
    probabilities: str


@singledispatch
def gated(
    gate: object, graph: Graph, rows: str, asks: Sequence[Ask], classes: int, sparse: bool | None
) -> Vote:
    """Append a gate over experts; another type of gate is one more function.

    Parameters
    ----------
    asks
        The experts, in the gate's order.
    sparse
        Whether an expert only computes the rows that call it; None for where that leaves some out.

    Raises
    ------
    ConfigurationError
        If there is no function for gates of this type.
    """
    raise ConfigurationError(
        f"a gate of type {type(gate).__name__} has no ONNX form",
        "register one with offchain.product.gates.gated",
    )


@gated.register
def _(
    gate: Gate, graph: Graph, rows: str, asks: Sequence[Ask], classes: int, sparse: bool | None
) -> Vote:
    shares = _shares(gate, graph, rows, len(asks))
    units = quantised_gate(graph, shares, len(asks))
    skips = len(asks) > gate.top_k if sparse is None else sparse
    count = graph.rows_of(rows)
    votes, mixed = (graph.zeros(count, classes, kind) for kind in (np.int64, np.float32))
    for place, ask in enumerate(asks):
        share, unit = (
            graph.add("Gather", name, graph.integers(place), axis=1) for name in (shares, units)
        )
        answer = partial(_calibrated, gate, place, ask)
        add = _add_called if skips else _add_all
        votes, mixed = add(graph, rows, answer, (unit, share), (votes, mixed))
    least = graph.add("Max", mixed, graph.constant(LEAST_CHANCE))
    powered = graph.add("Mul", graph.add("Log", least), graph.constant(values(gate.pool.power)))
    return Vote(units, votes, graph.add("Softmax", powered, axis=1))


def quantised(graph: Graph, probabilities: str) -> str:
    """Append :func:`offchain.validation.quantise_probabilities`, as int64."""
    scaled = graph.add("Mul", graph.cast(probabilities, DOUBLE), graph.constant(SCALE, np.float64))
    return graph.cast(graph.add("Round", scaled), INT64)


def quantised_gate(graph: Graph, weights: str, experts: int) -> str:
    """Append :func:`offchain.validation.quantise_gate` over weights that are not all zero."""
    wide = graph.cast(weights, DOUBLE)
    nought = graph.constant(0.0, np.float64)
    whole = graph.add("ReduceSum", wide, graph.integers(1), keepdims=1)
    scaled = graph.add("Mul", wide, graph.constant(SCALE, np.float64))
    shares = graph.add("Div", scaled, whole)
    floors = graph.add("Floor", shares)
    units = graph.cast(floors, INT64)
    given = graph.add("ReduceSum", units, graph.integers(1), keepdims=1)
    missing = graph.add("Sub", graph.integers(SCALE), given)
    rest = graph.add("Sub", shares, floors)
    called = graph.add("Greater", wide, nought)
    rest = graph.add("Where", called, rest, graph.constant(-1.0, np.float64))
    order = graph.several("TopK", rest, graph.integers(experts), outputs=2, axis=1)[1]
    extra = graph.cast(graph.add("Less", graph.integers(*range(experts)), missing), INT64)
    extra = graph.add("Expand", extra, graph.add("Shape", order))
    return graph.add("ScatterElements", units, order, extra, axis=1, reduction="add")


def _shares(gate: Gate, graph: Graph, rows: str, experts: int) -> str:
    """Append the gate's weights, float32 (n, E), at most `top_k` of a row above zero."""
    first, first_bias, second, second_bias = (
        graph.constant(values(part)) for part in vars(gate.residual).values()
    )
    flat = graph.add("Flatten", rows, axis=1)
    centred = graph.add("Sub", flat, graph.constant(values(gate.embedding.mean)))
    seen = graph.add("MatMul", centred, graph.constant(values(gate.embedding.axes)))
    seen = clipped(graph, seen, -LIMIT, LIMIT)
    hidden = graph.add("Relu", graph.add("Add", graph.add("MatMul", seen, first), first_bias))
    each = graph.add("Add", graph.add("MatMul", hidden, second), second_bias)
    added = graph.add("ReduceMean", each, graph.integers(0), keepdims=0)
    logits = graph.add("Add", added, graph.constant(values(gate.pool.logits)))
    dense = graph.add("Softmax", logits, axis=1)
    calls = graph.integers(min(gate.top_k, experts))
    kept, who = graph.several("TopK", dense, calls, outputs=2, axis=1)
    nobody = graph.zeros(graph.rows_of(rows), experts, np.float32)
    sparse = graph.add("ScatterElements", nobody, who, kept, axis=1)
    whole = graph.add("ReduceSum", sparse, graph.integers(1), keepdims=1)
    return graph.add("Div", sparse, whole)


def _calibrated(gate: Gate, place: int, ask: Ask, graph: Graph, rows: str) -> str:
    """Append one expert's answer as it votes."""
    answer = graph.add("Max", ask(graph, rows), graph.constant(FLOOR))
    sharpness = graph.constant(values(gate.pool.sharpness)[place])
    offsets = graph.constant(values(gate.pool.offsets)[place])
    logs = graph.add("Add", graph.add("Mul", graph.add("Log", answer), sharpness), offsets)
    chances = graph.add("Exp", graph.add("LogSoftmax", logs, axis=1))
    return graph.add("Min", chances, graph.constant(1.0))


def _add_all(
    graph: Graph, rows: str, answer: Ask, weights: tuple[str, str], sums: tuple[str, str]
) -> list[str]:
    """Add an expert's weighted answers to the votes and the mixture of every row."""
    parts = _weighted(graph, answer(graph, rows), weights)
    return [graph.add("Add", so_far, part) for so_far, part in zip(sums, parts, strict=True)]


def _add_called(
    graph: Graph, rows: str, answer: Ask, weights: tuple[str, str], sums: tuple[str, str]
) -> list[str]:
    """Do the same only in the rows that call the expert, and nothing if none does."""
    nought = graph.constant(0.0)
    calling = graph.add("Squeeze", weights[1], graph.integers(1))
    chosen = graph.add("NonZero", graph.add("Greater", calling, nought))
    chosen = graph.add("Transpose", chosen, perm=[1, 0])
    some = graph.add("Greater", graph.add("Size", chosen), graph.constant(0, np.int64))

    def called(inner: Graph) -> list[str]:
        given = inner.add("GatherND", rows, chosen)
        own = [inner.add("GatherND", weight, chosen) for weight in weights]
        parts = _weighted(inner, answer(inner, given), (own[0], own[1]))
        found = []
        for so_far, part in zip(sums, parts, strict=True):
            total = inner.add("Add", inner.add("GatherND", so_far, chosen), part)
            found.append(inner.add("ScatterND", so_far, chosen, total))
        return found

    return graph.when(some, called, sums, (INT64, FLOAT))


def _weighted(graph: Graph, chances: str, weights: tuple[str, str]) -> list[str]:
    """Append an expert's integer votes and its part of the mixture."""
    unit, share = weights
    votes = graph.add("Mul", quantised(graph, chances), unit)
    return [votes, graph.add("Mul", chances, share)]
