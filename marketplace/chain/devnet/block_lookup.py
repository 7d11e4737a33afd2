"""From the way a caller names a block to its header."""

from __future__ import annotations

from eth.abc import BlockHeaderAPI

from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.params import BlockId
from marketplace.chain.devnet.rpc_errors import not_found


def find_header(backend: DevnetBackend, block: BlockId) -> BlockHeaderAPI | None:
    """Return the header of a block, or None if this chain has no such block.

    Blocks are final as soon as they are sealed, so ``safe`` and ``finalized`` are the
    newest block. ``pending`` is the block that would be sealed now.
    """
    if block.hash is not None:
        return backend.header_by_hash(block.hash)
    if block.number is not None:
        return backend.header_by_number(block.number)
    if block.tag == "earliest":
        return backend.header_by_number(0)
    if block.tag == "pending":
        return backend.pending_header()
    return backend.head


def require_header(backend: DevnetBackend, block: BlockId) -> BlockHeaderAPI:
    """Return the header of a block.

    Raises
    ------
    RpcError
        If this chain has no such block.
    """
    header = find_header(backend, block)
    if header is not None:
        return header
    if block.hash is not None:
        raise not_found(f"unknown block: hash 0x{block.hash.hex()}")
    raise not_found(
        f"block not found: number {block.number}, newest is {backend.head.block_number}"
    )
