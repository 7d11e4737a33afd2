"""Decision trees as one ONNX node that answers, like ours, left where a value is not greater."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import UnreadableModel
from offchain.experts.trees import MAX_DEPTH, Trees
from offchain.product.graph import TREES, Graph


def total(graph: Graph, trees: Trees, columns: str) -> str:
    """Append the sum of all trees' answers, float32 (n, outputs), for columns (n, d).

    Thresholds are float32 already, so that every row takes the same way; only the sum is
    float32 here and float64 there.

    Raises
    ------
    UnreadableModel
        If a stranger's table is no forest: two ways lead to one node, or one never ends.
    """
    parts = [_tree(trees, number, int(root)) for number, root in enumerate(trees.roots)]
    lists = {name: np.concatenate([part[name] for part in parts]).tolist() for name in parts[0]}
    leaf = lists.pop("leaf")
    return graph.add(
        "TreeEnsembleRegressor",
        columns,
        domain=TREES,
        n_targets=trees.value.shape[1],
        nodes_modes=["LEAF" if last else "BRANCH_LEQ" for last in leaf],
        **lists,
    )


def _tree(trees: Trees, number: int, root: int) -> dict[str, NDArray[Any]]:
    """Lay one tree out as the operator wants it, its nodes numbered from the root down."""
    levels = [np.array([root])]
    for _ in range(MAX_DEPTH):
        inner = levels[-1][trees.left[levels[-1]] != levels[-1]]
        if not inner.size:
            break
        levels.append(np.stack([trees.left[inner], trees.right[inner]], axis=1).reshape(-1))
        if sum(map(len, levels)) > len(trees.left):
            break
    nodes = np.concatenate(levels)
    leaf = trees.left[nodes] == nodes
    half = leaf != (trees.right[nodes] == nodes)
    place = {node: at for at, node in enumerate(nodes.tolist())}
    if len(place) < len(nodes) or half.any() or not leaf[-len(levels[-1]) :].all():
        raise UnreadableModel(
            f"tree {number} of the model is no tree",
            "ask the expert's owner for a model in which one way leads to each node",
        )
    answers, targets = np.nonzero(trees.value[nodes[leaf]])
    answers, targets = _at_least_one(answers, targets, int(leaf.sum()))
    places = np.flatnonzero(leaf)[answers]
    return {
        "leaf": leaf,
        "nodes_treeids": np.full(len(nodes), number),
        "nodes_nodeids": np.arange(len(nodes)),
        "nodes_featureids": np.where(leaf, 0, trees.column[nodes]),
        "nodes_values": np.where(leaf, np.float32(0.0), trees.threshold[nodes]),
        "nodes_truenodeids": _places(place, trees.left[nodes], leaf),
        "nodes_falsenodeids": _places(place, trees.right[nodes], leaf),
        "target_treeids": np.full(len(places), number),
        "target_nodeids": places,
        "target_ids": targets,
        "target_weights": trees.value[nodes[places], targets],
    }


def _places(
    place: dict[int, int], nodes: NDArray[np.int32], leaf: NDArray[np.bool_]
) -> NDArray[np.int64]:
    return np.where(leaf, 0, [place[node] for node in nodes.tolist()])


def _at_least_one(
    answers: NDArray[np.int64], targets: NDArray[np.int64], leaves: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Let a leaf that answers zero throughout say so for the first output."""
    silent = np.setdiff1d(np.arange(leaves), answers)
    return np.append(answers, silent), np.append(targets, np.zeros_like(silent))
