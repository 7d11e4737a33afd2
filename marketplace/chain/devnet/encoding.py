"""Blocks, transactions, receipts and logs as JSON-RPC shows them.

Numbers are 0x-hex without leading zeros, bytes 0x-hex of even length, as in
https://ethereum.org/developers/docs/apis/json-rpc.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

import rlp  # type: ignore[import-untyped]  # rlp ships no types
from eth._utils.address import generate_contract_address
from eth.abc import BlockAPI, BlockHeaderAPI, ReceiptAPI, SignedTransactionAPI
from eth.vm.forks.prague.transactions import PragueLegacyTransaction

from marketplace.chain.devnet.accounts import CHAIN_ID
from marketplace.chain.devnet.backend import base_fee_of
from marketplace.chain.devnet.json_types import Json

JsonObject = dict[str, Json]

LEGACY_TYPE = 0
DYNAMIC_FEE_TYPE = 2
SET_CODE_TYPE = 4


def quantity(number: int) -> str:
    """Encode an unsigned integer."""
    return hex(number)


def data(raw: bytes) -> str:
    """Encode bytes."""
    return "0x" + raw.hex()


def word(number: int) -> str:
    """Encode an integer as 32 bytes, as storage slots and topics are shown."""
    return data(number.to_bytes(32, "big"))


def bloom(bits: int) -> str:
    """Encode a log bloom as its 256 bytes."""
    return data(bits.to_bytes(256, "big"))


# --------------------------------------------------------------------- blocks

# Name in JSON-RPC, name in py-evm, encoding; in the order of the header's RLP.
_HEADER_FIELDS: tuple[tuple[str, str, Callable[[Any], str]], ...] = (
    ("parentHash", "parent_hash", data),
    ("sha3Uncles", "uncles_hash", data),
    ("miner", "coinbase", data),
    ("stateRoot", "state_root", data),
    ("transactionsRoot", "transaction_root", data),
    ("receiptsRoot", "receipt_root", data),
    ("logsBloom", "bloom", bloom),
    ("difficulty", "difficulty", quantity),
    ("number", "block_number", quantity),
    ("gasLimit", "gas_limit", quantity),
    ("gasUsed", "gas_used", quantity),
    ("timestamp", "timestamp", quantity),
    ("extraData", "extra_data", data),
    ("mixHash", "mix_hash", data),
    ("nonce", "nonce", data),
    ("baseFeePerGas", "base_fee_per_gas", quantity),
    ("withdrawalsRoot", "withdrawals_root", data),
    ("blobGasUsed", "blob_gas_used", quantity),
    ("excessBlobGas", "excess_blob_gas", quantity),
    ("parentBeaconBlockRoot", "parent_beacon_block_root", data),
    ("requestsHash", "requests_hash", data),
)


def header_object(header: BlockHeaderAPI) -> JsonObject:
    """Encode all 21 header fields; the RLP of their values hashes to the block hash."""
    fields = header.as_dict()
    return {shown: encode(fields[name]) for shown, name, encode in _HEADER_FIELDS}


def block_object(block: BlockAPI, *, full_transactions: bool, sealed: bool = True) -> JsonObject:
    """Encode a block; one that is not sealed yet has no hash."""
    transactions: list[Json]
    if full_transactions:
        transactions = [transaction_object(block, i) for i in range(len(block.transactions))]
    else:
        transactions = [data(transaction.hash) for transaction in block.transactions]
    return {
        "hash": data(block.hash) if sealed else None,
        **header_object(block.header),
        "totalDifficulty": quantity(0),
        "size": quantity(len(rlp.encode(block))),
        "transactions": transactions,
        "uncles": [],
        "withdrawals": [],
    }


# --------------------------------------------------------------- transactions


def transaction_type(transaction: SignedTransactionAPI) -> int:
    """Return the EIP-2718 type; legacy transactions are type 0."""
    return transaction.type_id or LEGACY_TYPE


def effective_gas_price(transaction: SignedTransactionAPI, header: BlockHeaderAPI) -> int:
    """Return the wei per gas that a transaction pays in a block (EIP-1559)."""
    return min(
        transaction.max_fee_per_gas,
        transaction.max_priority_fee_per_gas + base_fee_of(header),
    )


def transaction_object(block: BlockAPI, index: int) -> JsonObject:
    """Encode the transaction at an index of a sealed block."""
    transaction = block.transactions[index]
    kind = transaction_type(transaction)
    return {
        "type": quantity(kind),
        "hash": data(transaction.hash),
        "blockHash": data(block.hash),
        "blockNumber": quantity(block.number),
        "transactionIndex": quantity(index),
        "from": data(transaction.sender),
        "to": _optional_address(transaction.to),
        "nonce": quantity(transaction.nonce),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(effective_gas_price(transaction, block.header)),
        "value": quantity(transaction.value),
        "input": data(transaction.data),
        **_typed_fields(transaction, kind),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
    }


def _typed_fields(transaction: SignedTransactionAPI, kind: int) -> JsonObject:
    """Encode the fields that depend on the type of a transaction."""
    fields: JsonObject = {"chainId": quantity(CHAIN_ID)}
    if isinstance(transaction, PragueLegacyTransaction):
        return fields | {"v": quantity(transaction.v)}
    fields |= {
        "accessList": [
            {"address": data(address), "storageKeys": [word(slot) for slot in slots]}
            for address, slots in transaction.access_list
        ],
        "v": quantity(transaction.y_parity),
        "yParity": quantity(transaction.y_parity),
    }
    if kind >= DYNAMIC_FEE_TYPE:
        fields["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        fields["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    if kind == SET_CODE_TYPE:
        fields["authorizationList"] = [
            {
                "chainId": quantity(authorization.chain_id),
                "address": data(authorization.address),
                "nonce": quantity(authorization.nonce),
                "yParity": quantity(authorization.y_parity),
                "r": quantity(authorization.r),
                "s": quantity(authorization.s),
            }
            for authorization in transaction.authorization_list
        ]
    return fields


# ------------------------------------------------------------ receipts, logs


def receipt_objects(block: BlockAPI, receipts: Sequence[ReceiptAPI]) -> Iterator[JsonObject]:
    """Encode the receipts of a block, in order."""
    logs = iter(log_objects(block.header, [tx.hash for tx in block.transactions], receipts))
    gas_before = 0
    for index, (transaction, receipt) in enumerate(zip(block.transactions, receipts, strict=True)):
        yield {
            "type": quantity(transaction_type(transaction)),
            "status": quantity(int.from_bytes(receipt.state_root, "big")),
            "transactionHash": data(transaction.hash),
            "transactionIndex": quantity(index),
            "blockHash": data(block.hash),
            "blockNumber": quantity(block.number),
            "from": data(transaction.sender),
            "to": _optional_address(transaction.to),
            "contractAddress": _optional_address(_created_address(transaction)),
            "gasUsed": quantity(receipt.gas_used - gas_before),
            "cumulativeGasUsed": quantity(receipt.gas_used),
            "effectiveGasPrice": quantity(effective_gas_price(transaction, block.header)),
            "logs": list(islice(logs, len(receipt.logs))),
            "logsBloom": bloom(receipt.bloom),
        }
        gas_before = receipt.gas_used


def log_objects(
    header: BlockHeaderAPI, transaction_hashes: Sequence[bytes], receipts: Sequence[ReceiptAPI]
) -> list[Json]:
    """Encode all logs of a block, numbered through from 0."""
    numbered = [(index, log) for index, receipt in enumerate(receipts) for log in receipt.logs]
    return [
        {
            "address": data(log.address),
            "topics": [word(topic) for topic in log.topics],
            "data": data(log.data),
            "blockHash": data(header.hash),
            "blockNumber": quantity(header.block_number),
            "blockTimestamp": quantity(header.timestamp),
            "transactionHash": data(transaction_hashes[index]),
            "transactionIndex": quantity(index),
            "logIndex": quantity(log_index),
            "removed": False,
        }
        for log_index, (index, log) in enumerate(numbered)
    ]


def _created_address(transaction: SignedTransactionAPI) -> bytes:
    """Return the address of the contract that a transaction creates; empty for a call."""
    if transaction.to:
        return b""
    return generate_contract_address(transaction.sender, transaction.nonce)


def _optional_address(address: bytes) -> str | None:
    return data(address) if address else None
