"""Methods about the price of gas (EIP-1559)."""

from __future__ import annotations

from eth.abc import BlockHeaderAPI
from eth_typing import BlockNumber

from marketplace.chain.devnet.backend import DevnetBackend, base_fee_of
from marketplace.chain.devnet.block_lookup import require_header
from marketplace.chain.devnet.encoding import effective_gas_price, quantity
from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.methods import Method
from marketplace.chain.devnet.params import block_id_of, list_of, quantity_of
from marketplace.chain.devnet.rpc_errors import invalid_params

SUGGESTED_TIP_WEI = 10**9

_MAX_HISTORY = 1024


class FeeMethods:
    """Answers about base fees and tips; none of them changes the chain."""

    def __init__(self, backend: DevnetBackend) -> None:
        self._backend = backend

    def table(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "eth_gasPrice": self.gas_price,
            "eth_maxPriorityFeePerGas": lambda: quantity(SUGGESTED_TIP_WEI),
            "eth_feeHistory": self.fee_history,
        }

    def gas_price(self) -> Json:
        """Return wei per gas that surely enters the next block: its base fee and a tip."""
        base_fee = base_fee_of(self._backend.pending_header())
        return quantity(base_fee + SUGGESTED_TIP_WEI)

    def fee_history(
        self, block_count: object, newest_block: object, percentiles: object = None
    ) -> Json:
        """Return base fees, fullness and tips of a run of blocks.

        A block holds at most one transaction, so its tip is every percentile.
        """
        count = min(quantity_of(block_count, "block count"), _MAX_HISTORY)
        wanted = [] if percentiles is None else _percentiles_of(percentiles)
        newest = require_header(self._backend, block_id_of(newest_block)).block_number
        newest = min(newest, self._backend.head.block_number)
        oldest = max(0, newest - count + 1)
        headers = [
            self._backend.chain.get_canonical_block_header_by_number(BlockNumber(number))
            for number in range(oldest, newest + 1)
        ]
        following = self._backend.header_by_number(newest + 1) or self._backend.pending_header()
        history: dict[str, Json] = {
            "oldestBlock": quantity(oldest),
            "baseFeePerGas": [quantity(base_fee_of(h)) for h in (*headers, following)],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
            "baseFeePerBlobGas": [quantity(1)] * (len(headers) + 1),
            "blobGasUsedRatio": [0.0] * len(headers),
        }
        if wanted:
            history["reward"] = [[quantity(self._tip(h))] * len(wanted) for h in headers]
        return history

    def _tip(self, header: BlockHeaderAPI) -> int:
        """Return the wei per gas above the base fee that a block's transaction paid."""
        for transaction in self._backend.block(header).transactions:
            return effective_gas_price(transaction, header) - base_fee_of(header)
        return 0


def _percentiles_of(value: object) -> list[float]:
    percentiles = list_of(value, "percentiles")
    numbers = [float(item) for item in percentiles if isinstance(item, int | float)]
    ordered = len(numbers) == len(percentiles) and numbers == sorted(numbers)
    if not ordered or any(not 0 <= number <= 100 for number in numbers):
        raise invalid_params("percentiles: expected ascending numbers from 0 to 100")
    return numbers
