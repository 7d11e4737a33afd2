"""The time of an audited trade: to the last second of a stage, or past it."""

from __future__ import annotations

from web3.types import RPCEndpoint

from marketplace.chain.market import Market


class Clocks:
    """Moves the chain's clock by the deadlines of one trade."""

    market: Market
    id: bytes

    def lapse(self, grace: int = 0) -> None:
        """Let the deadline of the present stage pass, and `grace` seconds more."""
        deadline = self.market.status(self.id).deadline
        self.market.node.advance_time(max(0, deadline + grace - self.market.node.now() + 1))

    def next_block_at(self, timestamp: int) -> None:
        """Give the next transaction's block a time, in seconds since 1970."""
        provider = self.market.node.web3.provider
        provider.make_request(RPCEndpoint("evm_setNextBlockTimestamp"), [timestamp])

    def last_second(self) -> None:
        """Let the next step come in the last second of its window."""
        self.next_block_at(self.market.status(self.id).deadline)

    def first_second_after(self, grace: int = 0) -> None:
        """Let the next step come as soon as the deadline and `grace` seconds more have passed."""
        self.next_block_at(self.market.status(self.id).deadline + grace + 1)
