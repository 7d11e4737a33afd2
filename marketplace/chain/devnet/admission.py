"""Which transactions may enter the next block, and why the others may not.

The checks and their words are those of geth's transaction pool. There is no pool
behind them: a transaction is sealed at once, so a nonce too high is refused as well.
"""

from __future__ import annotations

import rlp  # type: ignore[import-untyped]  # rlp ships no types
from eth.abc import BlockHeaderAPI, SignedTransactionAPI, StateAPI
from eth.exceptions import UnrecognizedTransactionType
from eth.vm.forks.prague.transactions import PragueTransactionBuilder
from eth_keys.exceptions import BadSignature
from eth_typing import Address
from eth_utils.exceptions import ValidationError

from marketplace.chain.devnet.accounts import CHAIN_ID
from marketplace.chain.devnet.backend import DevnetBackend, base_fee_of
from marketplace.chain.devnet.execution import floor_gas
from marketplace.chain.devnet.rpc_errors import invalid_params, rejected

_BLOB_TYPE_BYTE = b"\x03"
_MALFORMED = (
    rlp.exceptions.RLPException,
    UnrecognizedTransactionType,
    ValidationError,
    TypeError,
    ValueError,
)


def decode_transaction(raw: bytes) -> SignedTransactionAPI:
    """Decode a signed transaction as it travels (EIP-2718).

    Raises
    ------
    RpcError
        If the bytes are no transaction, or one with blobs.
    """
    if raw[:1] == _BLOB_TYPE_BYTE:
        raise rejected("transaction type not supported: blobs (type 3)")
    try:
        transaction = PragueTransactionBuilder.decode(raw)
        transaction.validate()
    except _MALFORMED as error:
        raise invalid_params(f"raw transaction can't be decoded: {error}") from error
    return transaction


def check_admission(backend: DevnetBackend, transaction: SignedTransactionAPI) -> None:
    """Check a transaction against the state it would meet in the next block.

    Raises
    ------
    RpcError
        If it can't enter the block; the message starts as geth's does.
    """
    header = backend.pending_header()
    state = backend.state_at(header)
    _check_chain(transaction)
    sender = _sender(transaction)
    _check_nonce(transaction, state.get_nonce(sender))
    _check_gas(transaction, header)
    _check_funds(transaction, sender, state)


def _check_chain(transaction: SignedTransactionAPI) -> None:
    if transaction.chain_id is None:
        raise rejected("only replay-protected (EIP-155) transactions are allowed")
    if transaction.chain_id != CHAIN_ID:
        raise rejected(f"invalid chain id: have {transaction.chain_id}, want {CHAIN_ID}")


def _sender(transaction: SignedTransactionAPI) -> Address:
    try:
        transaction.check_signature_validity()
        return transaction.sender
    except (BadSignature, ValidationError) as error:
        raise rejected(f"invalid signature: {error}") from error


def _check_nonce(transaction: SignedTransactionAPI, expected: int) -> None:
    if transaction.nonce < expected:
        raise rejected(f"nonce too low: next nonce {expected}, tx nonce {transaction.nonce}")
    if transaction.nonce > expected:
        raise rejected(
            f"nonce too high: next nonce {expected}, tx nonce {transaction.nonce} "
            "(this devnet seals each transaction at once and queues none)"
        )


def _check_gas(transaction: SignedTransactionAPI, header: BlockHeaderAPI) -> None:
    gas = transaction.gas
    if gas > header.gas_limit:
        raise rejected(f"exceeds block gas limit: have {gas}, limit {header.gas_limit}")
    needed = max(transaction.intrinsic_gas, floor_gas(transaction.data))
    if gas < needed:
        raise rejected(f"intrinsic gas too low: have {gas}, want {needed}")
    if transaction.max_priority_fee_per_gas > transaction.max_fee_per_gas:
        raise rejected("max priority fee per gas higher than max fee per gas")
    base_fee = base_fee_of(header)
    if transaction.max_fee_per_gas < base_fee:
        raise rejected(
            "max fee per gas less than block base fee: "
            f"have {transaction.max_fee_per_gas}, base fee {base_fee}"
        )


def _check_funds(transaction: SignedTransactionAPI, sender: Address, state: StateAPI) -> None:
    balance = state.get_balance(sender)
    cost = transaction.gas * transaction.max_fee_per_gas + transaction.value
    if balance < cost:
        raise rejected(
            "insufficient funds for gas * price + value: "
            f"address 0x{sender.hex()} have {balance}, want {cost}"
        )
