"""How a request's parameters reach the function that answers it."""

from __future__ import annotations

import inspect
from collections.abc import Callable

from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.rpc_errors import invalid_params

Method = Callable[..., Json]


class Endpoint:
    """A method of the JSON-RPC interface, with the number of parameters it takes."""

    def __init__(self, name: str, method: Method) -> None:
        parameters = inspect.signature(method).parameters.values()
        self._name = name
        self._method = method
        self._least = sum(p.default is inspect.Parameter.empty for p in parameters)
        self._most = len(parameters)

    def __call__(self, params: object) -> Json:
        """Call the method with the parameters of a request.

        Trailing nulls count as absent, since clients fill optional parameters so.

        Raises
        ------
        RpcError
            If `params` is no array, or of a length that the method doesn't take.
        """
        if not isinstance(params, list | tuple):
            raise invalid_params(f"{self._name}: expected an array of parameters")
        arguments = list(params)
        while arguments and arguments[-1] is None:
            arguments.pop()
        if not self._least <= len(arguments) <= self._most:
            bounds = sorted({self._least, self._most})
            expected = " to ".join(str(bound) for bound in bounds)
            raise invalid_params(
                f"{self._name}: expected {expected} parameters, got {len(arguments)}"
            )
        return self._method(*arguments)
