"""Layers of networks as ONNX nodes, one function for each type of layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import singledispatch

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from marketplace.protocol.errors import ConfigurationError
from offchain.experts.designs import Convolutions
from offchain.experts.grams import HashedGrams
from offchain.experts.layers import (
    Centre,
    Chain,
    Flatten,
    FourierFeatures,
    Hinges,
    RandomPatches,
    Standardise,
)
from offchain.experts.shared import MEMBERS, Apart, SharedNetworks
from offchain.product import grams
from offchain.product.graph import Graph

CUT = 8.0
"""Where `Standardise` cuts."""


@singledispatch
def layer(module: nn.Module, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    """Append a layer and return the name of what it makes of `rows`.

    A new layer is one more function, registered with ``@layer.register``.

    Parameters
    ----------
    shape
        Of one row as the network receives it.

    Raises
    ------
    ConfigurationError
        If there is no function for layers of this type.
    """
    raise ConfigurationError(
        f"a layer of type {type(module).__name__} has no ONNX form",
        "register one with offchain.product.layers.layer",
    )


def values(tensor: Tensor) -> NDArray[np.float32]:
    """Return a tensor's values as a float32 array."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().astype(np.float32)
    return array


@layer.register
def _(module: Standardise, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    return clipped(graph, _scaled(module, graph, rows), -CUT, CUT)


@layer.register
def _(module: Centre, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    return _scaled(module, graph, rows)


@layer.register
def _(module: Flatten, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    return graph.add("Flatten", rows, axis=1)


@layer.register
def _(module: Hinges, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    column = graph.add("Unsqueeze", rows, graph.integers(2))
    above = graph.add("Sub", column, graph.constant(values(module.knots)))
    hinges = graph.add("Relu", above)
    return graph.add("Flatten", graph.add("Concat", column, hinges, axis=2), axis=1)


@layer.register
def _(module: FourierFeatures, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    turned = graph.add("MatMul", rows, graph.constant(values(module.frequencies)))
    waves = graph.add("Cos", graph.add("Add", turned, graph.constant(values(module.phases))))
    return graph.add("Mul", waves, graph.constant(math.sqrt(2.0)))


@layer.register
def _(module: RandomPatches, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    images = graph.add("Unsqueeze", rows, graph.integers(1))
    filters = graph.constant(values(module.filters))
    found = graph.add("Conv", images, filters, strides=[2, 2])
    floors = graph.constant(values(module.floors)[:, None, None])
    active = graph.add("Relu", graph.add("Sub", found, floors))
    down, across = (_cells((side - module.side) // 2 + 1, module.cells) for side in shape)
    pooled = graph.add("MatMul", graph.constant(down), active)
    return graph.add("Flatten", graph.add("MatMul", pooled, graph.constant(across.T)), axis=1)


@layer.register
def _(module: Chain, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    for each in module.layers:
        rows = layer(each, graph, rows, shape)
    return rows


@layer.register
def _(module: nn.Sequential, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    for each in module:
        rows = layer(each, graph, rows, shape)
    return rows


@layer.register
def _(module: nn.Linear, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    weight, bias = (graph.constant(values(part)) for part in (module.weight, module.bias))
    return graph.add("Gemm", rows, weight, bias, transB=1)


@layer.register
def _(module: nn.ReLU, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    return graph.add("Relu", rows)


@layer.register
def _(module: nn.Conv2d, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    parts = [module.weight] if module.bias is None else [module.weight, module.bias]
    padding = [int(side) for side in module.padding]
    named = [graph.constant(values(part)) for part in parts]
    return graph.add("Conv", rows, *named, strides=list(module.stride), pads=padding * 2)


@layer.register
def _(module: nn.MaxPool2d, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    side, stride = module.kernel_size, module.stride
    return graph.add(
        "MaxPool",
        rows,
        kernel_shape=[side, side],
        strides=[stride, stride],
        ceil_mode=int(module.ceil_mode),
    )


@layer.register
def _(module: Convolutions, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    images = graph.add("Unsqueeze", rows, graph.integers(1))
    body = layer(module.body, graph, images, shape)
    return layer(module.out, graph, graph.add("Flatten", body, axis=1), shape)


@layer.register
def _(module: Apart, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    before, after, bias = (
        graph.constant(values(part)) for part in (module.before, module.after, module.bias)
    )
    shared = graph.constant(values(module.shared.weight).T)
    mapped = graph.add("MatMul", graph.add("Mul", rows, before), shared)
    return graph.add("Add", graph.add("Mul", mapped, after), bias)


@layer.register
def _(module: SharedNetworks, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    hidden = graph.add("Unsqueeze", rows, graph.integers(1))
    for part in (module.first, module.second):
        hidden = graph.add("Relu", layer(part, graph, hidden, shape))
    weight = values(module.out.weight).reshape(MEMBERS, module.classes, -1)
    bias = values(module.out.bias).reshape(MEMBERS, module.classes)
    logits = graph.add("Einsum", hidden, graph.constant(weight), equation="nkh,kch->nkc")
    odds = graph.add("Softmax", graph.add("Add", logits, graph.constant(bias)), axis=2)
    return graph.add("Log", graph.add("ReduceMean", odds, graph.integers(1), keepdims=0))


@layer.register
def _(module: HashedGrams, graph: Graph, rows: str, shape: tuple[int, ...]) -> str:
    counts = grams.counts(graph, rows, shape[0], module.buckets)
    logs = graph.add("Log", graph.add("Add", counts, graph.constant(1.0)))
    weighed = graph.add("Mul", logs, graph.constant(values(module.rarity)))
    size = graph.add("ReduceL2", weighed, graph.integers(1), keepdims=1)
    unit = graph.add("Div", weighed, graph.add("Max", size, graph.constant(1e-12)))
    return graph.add("Mul", unit, graph.constant(module.length))


def clipped(graph: Graph, name: str, low: float, high: float) -> str:
    """Cut values at both ends."""
    return graph.add("Clip", name, graph.constant(low), graph.constant(high))


def _scaled(module: Standardise | Centre, graph: Graph, rows: str) -> str:
    centred = graph.add("Sub", rows, graph.constant(values(module.mean)))
    return graph.add("Mul", centred, graph.constant(values(module.scale)))


def _cells(side: int, cells: int) -> NDArray[np.float32]:
    """Return the matrix (cells, side) of torch's adaptive average pooling.

    Cell i averages from floor(i side / cells) to ceil((i + 1) side / cells).
    """
    pool: Callable[[Tensor, int], Tensor] = nn.functional.adaptive_avg_pool1d
    return values(pool(torch.eye(side), cells).T)
