"""The code at addresses after one block, held against proofs where the node offers them."""

from __future__ import annotations

from collections.abc import Callable

from eth_hash.backends.pysha3 import keccak256 as keccak

from marketplace.audit.blocks import Block
from marketplace.audit.proofs import code_hash_of
from marketplace.audit.rpc import Rpc
from marketplace.protocol.errors import ChainError


class Codes:
    """The code at addresses: proven where the node offers proofs, else its word.

    Parameters
    ----------
    block
        After which it is looked at, and under whose state root it is proven.
    told
        Returns the code that the node tells of an address after that block.

    Attributes
    ----------
    gaps, faults
        Sentences about what is not proven, and about what is proven to be another.
    """

    def __init__(self, rpc: Rpc, block: Block, told: Callable[[str], bytes]) -> None:
        self._rpc, self._block, self._told = rpc, block, told
        self._offered = True
        self.gaps: list[str] = []
        self.faults: list[str] = []

    def of(self, address: str) -> bytes | None:
        """Return the code; None if the node doesn't tell it."""
        try:
            code = self._told(address)
            proof = self._rpc.proof(address, [], self._block.number) if self._offered else None
        except ChainError as error:
            self.gaps.append(f"the code of {address} is not known: {error.cause}")
            return None
        if proof is None:
            if self._offered:
                self.gaps.append(f"the node gives no proof of the code of {address}")
            self._offered = False
            return code
        try:
            if keccak(code) != code_hash_of(self._block, address, proof):
                self.faults.append(f"the node gives other code of {address} than is proven")
        except ValueError as error:
            self.faults.append(f"the proof of the code of {address} does not hold: {error}")
        return code
