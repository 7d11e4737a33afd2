"""The devnet as these tests use it: deterministic, and quick where tests repeat themselves."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from web3.types import RPCEndpoint, RPCResponse

from marketplace.chain.client import Node
from marketplace.chain.devnet import DevnetProvider, DevnetRpc
from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.clock import Clock
from marketplace.chain.devnet.state import ChainSnapshot

T = TypeVar("T")

START = 1_800_000_000
"""When the chain begins, in seconds since 1970. Its blocks and the tests alone move it."""

GENEROUS_GAS = 12_000_000


class QuickProvider(DevnetProvider):
    """A fresh devnet on a wall clock that stands still, so that equal calls make equal blocks.

    It answers a gas estimate by one run in the next block: a refusal, or plenty of gas.
    What a transaction uses does not depend on its limit, and to bisect the limit takes
    ten runs of the contract.
    """

    def __init__(self) -> None:
        self.backend = DevnetBackend(Clock(now=lambda: START))
        super().__init__(DevnetRpc(self.backend))
        self._reached: dict[Hashable, tuple[ChainSnapshot, Any]] = {}

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        if method != "eth_estimateGas":
            return super().make_request(method, params)
        transaction = cast("list[object]", params)[0]
        answer = super().make_request(RPCEndpoint("eth_call"), [transaction, "pending"])
        return answer if "error" in answer else {**answer, "result": hex(GENEROUS_GAS)}

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Undo afterwards whatever happens on the chain meanwhile."""
        before = self.backend.snapshot()
        try:
            yield
        finally:
            self.backend.restore(before)

    def reach(self, place: Hashable, way: Callable[[], T]) -> T:
        """Go a way from the present block; from the same block again, be there at once.

        Returns what the way returned when it was gone.
        """
        here = (self.backend.head.hash, self.backend.clock.offset, place)
        if here not in self._reached:
            answer = way()
            self._reached[here] = (self.backend.snapshot(), answer)
        snapshot, answer = self._reached[here]
        self.backend.restore(snapshot)
        return cast(T, answer)


def move_to(node: Node, timestamp: int) -> None:
    """Mine a block at a time to come, in seconds since 1970; later transactions come after it."""
    for method, parameters in (("evm_setNextBlockTimestamp", [timestamp]), ("evm_mine", [])):
        answer = node.web3.provider.make_request(RPCEndpoint(method), parameters)
        assert "error" not in answer, answer["error"]
