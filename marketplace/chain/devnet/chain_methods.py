"""Methods that read blocks, transactions, receipts and accounts."""

from __future__ import annotations

from marketplace.chain.devnet.accounts import CHAIN_ID
from marketplace.chain.devnet.backend import DevnetBackend
from marketplace.chain.devnet.block_lookup import find_header, require_header
from marketplace.chain.devnet.encoding import (
    block_object,
    data,
    quantity,
    receipt_objects,
    transaction_object,
    word,
)
from marketplace.chain.devnet.execution import call, estimate_gas
from marketplace.chain.devnet.json_types import Json
from marketplace.chain.devnet.methods import Method
from marketplace.chain.devnet.params import (
    BlockId,
    address_of,
    block_id_of,
    flag_of,
    hash_of,
    object_of,
    quantity_of,
)
from marketplace.chain.devnet.rpc_errors import invalid_params
from marketplace.chain.devnet.transaction_request import transaction_request_of

CLIENT_VERSION = "moemarket-devnet/1"


class ChainMethods:
    """Answers about the chain; none of them changes it."""

    def __init__(self, backend: DevnetBackend) -> None:
        self._backend = backend

    def table(self) -> dict[str, Method]:
        """Return the methods by name."""
        return {
            "web3_clientVersion": lambda: CLIENT_VERSION,
            "net_version": lambda: str(CHAIN_ID),
            "net_listening": lambda: True,
            "eth_chainId": lambda: quantity(CHAIN_ID),
            "eth_syncing": lambda: False,
            "eth_blockNumber": self.block_number,
            "eth_getBalance": self.get_balance,
            "eth_getCode": self.get_code,
            "eth_getStorageAt": self.get_storage_at,
            "eth_getTransactionCount": self.get_transaction_count,
            "eth_call": self.call,
            "eth_estimateGas": self.estimate_gas,
            "eth_getBlockByNumber": self.get_block,
            "eth_getBlockByHash": self.get_block_by_hash,
            "eth_getBlockTransactionCountByNumber": self.count_transactions,
            "eth_getBlockTransactionCountByHash": self.count_transactions,
            "eth_getTransactionByHash": self.get_transaction,
            "eth_getTransactionByBlockNumberAndIndex": self.get_transaction_at,
            "eth_getTransactionByBlockHashAndIndex": self.get_transaction_at,
            "eth_getTransactionReceipt": self.get_receipt,
            "eth_getBlockReceipts": self.get_block_receipts,
        }

    # ---------------------------------------------------------------- accounts

    def block_number(self) -> Json:
        """Return the height of the chain."""
        return quantity(self._backend.head.block_number)

    def get_balance(self, address: object, block: object = "latest") -> Json:
        """Return an account's balance in wei."""
        header = require_header(self._backend, block_id_of(block))
        return quantity(self._backend.state_at(header).get_balance(address_of(address)))

    def get_code(self, address: object, block: object = "latest") -> Json:
        """Return the code at an address."""
        header = require_header(self._backend, block_id_of(block))
        return data(self._backend.state_at(header).get_code(address_of(address)))

    def get_storage_at(self, address: object, slot: object, block: object = "latest") -> Json:
        """Return the 32 bytes in a storage slot."""
        header = require_header(self._backend, block_id_of(block))
        state = self._backend.state_at(header)
        return word(state.get_storage(address_of(address), quantity_of(slot, "slot")))

    def get_transaction_count(self, address: object, block: object = "latest") -> Json:
        """Return the nonce of an account's next transaction."""
        header = require_header(self._backend, block_id_of(block))
        return quantity(self._backend.state_at(header).get_nonce(address_of(address)))

    # --------------------------------------------------------------- execution

    def call(self, transaction: object, block: object = "latest", overrides: object = None) -> Json:
        """Return what a contract answers, without a transaction."""
        _refuse_overrides(overrides)
        request = transaction_request_of(transaction)
        header = require_header(self._backend, block_id_of(block))
        return data(call(self._backend, request, header))

    def estimate_gas(
        self, transaction: object, block: object = "pending", overrides: object = None
    ) -> Json:
        """Return the least gas limit with which a transaction succeeds."""
        _refuse_overrides(overrides)
        request = transaction_request_of(transaction)
        header = require_header(self._backend, block_id_of(block))
        return quantity(estimate_gas(self._backend, request, header))

    # ------------------------------------------------------------------ blocks

    def get_block(self, block: object, full_transactions: object = False) -> Json:
        """Return a block, or null above the head."""
        block_id = block_id_of(block)
        full = flag_of(full_transactions, "full transactions")
        header = find_header(self._backend, block_id)
        if header is None:
            return None
        return block_object(
            self._backend.block(header),
            full_transactions=full,
            sealed=block_id.tag != "pending",
        )

    def get_block_by_hash(self, block_hash: object, full_transactions: object = False) -> Json:
        """Return a block, or null if none has this hash."""
        hash_of(block_hash, "block hash")
        return self.get_block(block_hash, full_transactions)

    def count_transactions(self, block: object) -> Json:
        """Return how many transactions a block holds, or null if there is no such block."""
        header = find_header(self._backend, block_id_of(block))
        if header is None:
            return None
        return quantity(len(self._backend.block(header).transactions))

    # ------------------------------------------------------------ transactions

    def get_transaction(self, transaction_hash: object) -> Json:
        """Return a transaction, or null if it is not on this chain."""
        found = self._backend.locate(hash_of(transaction_hash, "transaction hash"))
        if found is None:
            return None
        header, index = found
        return transaction_object(self._backend.block(header), index)

    def get_transaction_at(self, block: object, index: object) -> Json:
        """Return the transaction at an index of a block, or null."""
        position = quantity_of(index, "index")
        header = find_header(self._backend, block_id_of(block))
        if header is None:
            return None
        found = self._backend.block(header)
        return transaction_object(found, position) if position < len(found.transactions) else None

    def get_receipt(self, transaction_hash: object) -> Json:
        """Return a transaction's receipt, or null if it is not on this chain."""
        found = self._backend.locate(hash_of(transaction_hash, "transaction hash"))
        if found is None:
            return None
        header, index = found
        block, receipts = self._backend.block(header), self._backend.receipts(header)
        return list(receipt_objects(block, receipts))[index]

    def get_block_receipts(self, block: object) -> Json:
        """Return all receipts of a block, or null if there is no such block."""
        block_id: BlockId = block_id_of(block)
        header = find_header(self._backend, block_id)
        if header is None:
            return None
        if block_id.tag == "pending":
            return []
        return list(receipt_objects(self._backend.block(header), self._backend.receipts(header)))


def _refuse_overrides(overrides: object) -> None:
    if overrides is not None and object_of(overrides, "state overrides"):
        raise invalid_params("state overrides are not supported by this devnet")
