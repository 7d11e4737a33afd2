"""Transactions that are written down before they are sent, and looked up after a restart.

The account's nonce is the guard against sending twice: whatever is signed anew for a step
has the nonce of what was signed before, so the chain can take only one of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar, cast

from eth_account.datastructures import SignedTransaction
from eth_typing import HexStr
from eth_utils.address import to_checksum_address
from web3.exceptions import TransactionNotFound
from web3.providers import BaseProvider
from web3.types import TxReceipt

from marketplace.chain.client import Node
from marketplace.protocol.errors import ChainError, NodeUnreachable
from marketplace.service.failpoint import reach
from marketplace.service.journal import Journal, Sent

T = TypeVar("T")

IN_DOUBT_SECONDS = 10.0
"""How long to wait, in one go, for a transaction that the node knows and has not mined."""


@dataclass(frozen=True)
class Head:
    """The latest block: its number, and its time in seconds since 1970."""

    number: int
    timestamp: int


class JournaledNode(Node):
    """A node through which one seat sends, one transaction at a time.

    `journal` is set once it is known whose it is; nothing can be sent before.
    """

    def __init__(self, provider: BaseProvider, chain_id: int | None = None) -> None:
        super().__init__(provider, chain_id)
        self.journal: Journal | None = None
        self._trade = ""

    def head(self) -> Head:
        """Return the latest block."""
        block = self._ask(lambda: self.web3.eth.get_block("latest"))
        return Head(int(block["number"]), int(block["timestamp"]))

    @contextmanager
    def working_on(self, trade: str) -> Iterator[None]:
        """Write down what is sent meanwhile as sent for a trade."""
        self._trade = trade
        try:
            yield
        finally:
            self._trade = ""

    def resume(self, address: str, still_due: Callable[[Sent], bool]) -> None:
        """Find out what became of each transaction in doubt, and send again what is still due.

        Parameters
        ----------
        address
            The seat's account.
        still_due
            Whether the chain's state still asks for a transaction's step.

        Raises
        ------
        ChainError
            If one waits to be mined; nothing else may be sent before.
        NodeUnreachable
            If the node can't tell.
        """
        for sent in self._written.in_doubt():
            outcome = self._fate(address, sent, still_due)
            if outcome == "mined":
                reach(f"{sent.step}:sent")
            self._written.settle_sent(sent.hash, outcome)

    def _broadcast(self, step: str, signed: SignedTransaction, nonce: int) -> TxReceipt:
        name = "0x" + signed.hash.hex()
        self._written.signed(self._trade, step, nonce, name, bytes(signed.raw_transaction))
        reach(f"{step}:signed")
        receipt = super()._broadcast(step, signed, nonce)
        reach(f"{step}:sent")
        self._written.settle_sent(name, _outcome(receipt))
        return receipt

    def _fate(self, address: str, sent: Sent, still_due: Callable[[Sent], bool]) -> str:
        if (receipt := self._receipt_of(sent.hash)) is not None:
            return _outcome(receipt)
        if not self._knows(sent.hash):
            taken = self._ask(
                lambda: self.web3.eth.get_transaction_count(to_checksum_address(address))
            )
            if taken > sent.nonce:
                # It may have been mined between the two questions.
                receipt = self._receipt_of(sent.hash)
                return "replaced" if receipt is None else _outcome(receipt)
            if not still_due(sent):
                return "dropped"
            try:
                self._sent(sent.raw)
            except NodeUnreachable:
                raise
            except ChainError:
                # Fees have risen, say. Whatever is signed next has the same nonce.
                return "dropped"
        return self._awaited(sent)

    def _awaited(self, sent: Sent) -> str:
        end = time.monotonic() + IN_DOUBT_SECONDS
        while time.monotonic() < end:
            if (receipt := self._receipt_of(sent.hash)) is not None:
                return _outcome(receipt)
            time.sleep(0.2)
        raise ChainError(
            f"transaction {sent.hash} ({sent.step}) is not mined yet",
            "nothing else is sent before it; look at its fees if this lasts",
        )

    def _receipt_of(self, name: str) -> TxReceipt | None:
        return self._found(lambda: self.web3.eth.get_transaction_receipt(HexStr(name)))

    def _knows(self, name: str) -> bool:
        return self._found(lambda: self.web3.eth.get_transaction(HexStr(name))) is not None

    def _found(self, question: Callable[[], T]) -> T | None:
        try:
            return cast(T, self._ask(question))
        except ChainError as error:
            if isinstance(error.__cause__, TransactionNotFound):
                return None
            raise

    @property
    def _written(self) -> Journal:
        if self.journal is None:
            raise ChainError("nothing is sent without a journal", "open the seat's journal first")
        return self.journal


def _outcome(receipt: TxReceipt) -> str:
    return "mined" if receipt["status"] == 1 else "reverted"
