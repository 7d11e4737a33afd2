"""Building an ONNX graph: nodes and constants with names that are the same every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET, TREE_OPSET, IR_VERSION = 18, 3, 8
"""Versions of `ai.onnx`, `ai.onnx.ml` and of the file format that an exported model asks for."""

TREES = "ai.onnx.ml"
FLOAT, DOUBLE, INT64 = TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64


class Graph:
    """Nodes in order of evaluation; a branch shares constants and numbering with its parent."""

    def __init__(self, parent: Graph | None = None) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto]
        self.constants = {} if parent is None else parent.constants
        self._named: list[int] = [0] if parent is None else parent._named

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node with one output and return that output's name."""
        return self.several(operator, *inputs, outputs=1, domain=domain, **attributes)[0]

    def several(
        self, operator: str, *inputs: str, outputs: int, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Append a node and return the names of its outputs."""
        names = [self._name(operator) for _ in range(outputs)]
        node = helper.make_node(operator, inputs, names, names[0], domain=domain, **attributes)
        self.nodes.append(node)
        return names

    def constant(self, values: Any, dtype: Any = np.float32) -> str:
        """Return the name of a constant; equal ones are stored once."""
        array: NDArray[Any] = np.asarray(values, dtype, order="C")
        key = str(array.dtype), array.shape, array.tobytes()
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, self._name("constant"))
        return self.constants[key].name

    def integers(self, *values: int) -> str:
        """Return the name of a constant int64 vector."""
        return self.constant(values, np.int64)

    def cast(self, name: str, to: int) -> str:
        """Convert to another element type."""
        return self.add("Cast", name, to=to)

    def rows_of(self, name: str) -> str:
        """Return the number of rows, an int64 vector of length one."""
        return self.add("Shape", name, start=0, end=1)

    def zeros(self, rows: str, columns: int, dtype: Any) -> str:
        """Return zeros (rows, columns), `rows` being a vector of length one."""
        shape = self.add("Concat", rows, self.integers(columns), axis=0)
        nought = numpy_helper.from_array(np.zeros(1, dtype))
        return self.add("ConstantOfShape", shape, value=nought)

    def when(
        self,
        condition: str,
        then: Callable[[Graph], Sequence[str]],
        otherwise: Sequence[str],
        kinds: Sequence[int],
    ) -> list[str]:
        """Evaluate `then` only if the condition holds; `otherwise` names what stands already.

        Parameters
        ----------
        kinds
            Element type of each result.
        """
        branches = {}
        for name, build in (("then_branch", then), ("else_branch", lambda inner: otherwise)):
            inner = Graph(self)
            results = [inner.add("Identity", result) for result in build(inner)]
            outputs = [
                helper.make_tensor_value_info(result, kind, [None, None])
                for result, kind in zip(results, kinds, strict=True)
            ]
            branches[name] = helper.make_graph(inner.nodes, name, [], outputs)
        return self.several("If", condition, outputs=len(kinds), **branches)

    def _name(self, what: str) -> str:
        self._named[0] += 1
        return f"{what}_{self._named[0]}"
