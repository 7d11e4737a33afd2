"""Counting hashed byte n-grams in ONNX, by the same whole numbers as `offchain.experts.grams`."""

from __future__ import annotations

import numpy as np

from offchain.experts.grams import BASE, CASE, LONGEST, MIX, PRIME, SPACE
from offchain.product.graph import FLOAT, INT64, Graph


def counts(graph: Graph, rows: str, length: int, buckets: int) -> str:
    """Append the counts, float32 (n, buckets), of texts (n, length)."""
    signs, width = _spaced(graph, rows), length + 2
    found = graph.zeros(graph.rows_of(rows), buckets, np.float32)
    hashed, inside = "", ""
    for size in range(1, min(LONGEST, width) + 1):
        last = _columns(graph, signs, size - 1, width)
        present = graph.add("Greater", last, _whole(graph, 0))
        if size == 1:
            hashed, inside = last, present
        else:
            shorter = width - size + 1
            before = graph.add("Mul", _columns(graph, hashed, 0, shorter), _whole(graph, BASE))
            hashed = _remainder(graph, graph.add("Add", before, last), PRIME)
            inside = graph.add("And", _columns(graph, inside, 0, shorter), present)
        mixed = graph.add("Mul", hashed, _whole(graph, MIX))
        mixed = _remainder(graph, graph.add("Add", mixed, _whole(graph, size)), PRIME)
        bucket, one = _remainder(graph, mixed, buckets), graph.cast(inside, FLOAT)
        found = graph.add("ScatterElements", found, bucket, one, axis=1, reduction="add")
    return found


def _spaced(graph: Graph, rows: str) -> str:
    """Append small letters with a space before and after each text, int64 (n, length + 2)."""
    nought = graph.constant(0.0)
    numbers = graph.add("Where", graph.add("IsNaN", rows), nought, rows)
    signs = graph.cast(graph.add("Clip", numbers, nought, graph.constant(255.0)), INT64)
    from_a = graph.add("GreaterOrEqual", signs, _whole(graph, ord("A")))
    to_z = graph.add("LessOrEqual", signs, _whole(graph, ord("Z")))
    small = graph.add("Add", signs, _whole(graph, CASE))
    signs = graph.add("Where", graph.add("And", from_a, to_z), small, signs)
    after = graph.zeros(graph.rows_of(rows), 1, np.int64)
    before = graph.add("Add", after, _whole(graph, SPACE))
    signs = graph.add("Concat", before, signs, after, axis=1)
    written = graph.cast(graph.add("Greater", signs, _whole(graph, 0)), FLOAT)
    # The first sign that isn't written: the column behind the text always is none.
    end = graph.add("ArgMin", written, axis=1, keepdims=1)
    return graph.add("ScatterElements", signs, end, before, axis=1)


def _columns(graph: Graph, name: str, first: int, end: int) -> str:
    """Cut columns from `first` up to `end`."""
    return graph.add("Slice", name, *(graph.integers(at) for at in (first, end, 1)))


def _remainder(graph: Graph, name: str, divisor: int) -> str:
    return graph.add("Mod", name, _whole(graph, divisor))


def _whole(graph: Graph, value: int) -> str:
    """Return the name of a constant int64 scalar."""
    return graph.constant(value, np.int64)
