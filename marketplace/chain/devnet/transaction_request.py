"""What a caller asks to be executed: the transaction object of eth_call and friends."""

from __future__ import annotations

from dataclasses import dataclass

from eth_typing import Address

from marketplace.chain.devnet.accounts import CHAIN_ID
from marketplace.chain.devnet.params import (
    MAX_UINT64,
    address_of,
    bytes_of,
    list_of,
    object_of,
    quantity_of,
)
from marketplace.chain.devnet.rpc_errors import invalid_params

_UNSUPPORTED = ("authorizationList", "blobVersionedHashes", "blobs", "maxFeePerBlobGas")

AccessList = tuple[tuple[Address, tuple[int, ...]], ...]


@dataclass(frozen=True)
class TransactionRequest:
    """A call or a transaction, as far as the caller filled it in.

    Attributes
    ----------
    sender
        20-byte address, or None.
    to
        20-byte address; empty to create a contract.
    data
        Call data, or the init code of a contract.
    value
        Wei.
    gas, nonce
        None where the node is to choose.
    gas_price, max_fee, max_priority_fee
        Wei per gas; None where the node is to choose.
    access_list
        Addresses with their storage slots (EIP-2930), or None.
    """

    sender: Address | None
    to: Address
    data: bytes
    value: int
    gas: int | None
    nonce: int | None
    gas_price: int | None
    max_fee: int | None
    max_priority_fee: int | None
    access_list: AccessList | None


def transaction_request_of(value: object) -> TransactionRequest:
    """Read a transaction object.

    Raises
    ------
    RpcError
        If a field is malformed, contradicts another, or is not supported.
    """
    given = {key: item for key, item in object_of(value, "transaction").items() if item is not None}
    for key in _UNSUPPORTED:
        if key in given:
            raise invalid_params(f"{key}: sign this transaction yourself and send it raw")
    if _number(given, "chainId") not in (None, CHAIN_ID):
        raise invalid_params(f"chainId: this chain is {CHAIN_ID}, not {_number(given, 'chainId')}")
    request = TransactionRequest(
        sender=address_of(given["from"], "from") if "from" in given else None,
        to=address_of(given["to"], "to") if given.get("to", "0x") != "0x" else Address(b""),
        data=_call_data(given),
        value=_number(given, "value") or 0,
        gas=_number(given, "gas", MAX_UINT64),
        nonce=_number(given, "nonce", MAX_UINT64),
        gas_price=_number(given, "gasPrice"),
        max_fee=_number(given, "maxFeePerGas"),
        max_priority_fee=_number(given, "maxPriorityFeePerGas"),
        access_list=_access_list(given["accessList"]) if "accessList" in given else None,
    )
    _check_fees(request)
    return request


def _number(given: dict[str, object], key: str, maximum: int = 2**256 - 1) -> int | None:
    return quantity_of(given[key], key, maximum) if key in given else None


def _call_data(given: dict[str, object]) -> bytes:
    """Read ``input`` and its older synonym ``data``."""
    named = {key: bytes_of(given[key], key) for key in ("input", "data") if key in given}
    if len(set(named.values())) > 1:
        raise invalid_params("input and data are both given and differ")
    return next(iter(named.values()), b"")


def _access_list(value: object) -> AccessList:
    entries = [object_of(entry, "accessList") for entry in list_of(value, "accessList")]
    return tuple(
        (
            address_of(entry.get("address"), "accessList.address"),
            tuple(
                quantity_of(slot, "accessList.storageKeys")
                for slot in list_of(entry.get("storageKeys", []), "accessList.storageKeys")
            ),
        )
        for entry in entries
    )


def _check_fees(request: TransactionRequest) -> None:
    dynamic = (request.max_fee, request.max_priority_fee)
    if request.gas_price is not None and dynamic != (None, None):
        raise invalid_params("gasPrice can't be combined with maxFeePerGas or maxPriorityFeePerGas")
    if request.max_fee is not None and (request.max_priority_fee or 0) > request.max_fee:
        raise invalid_params("maxPriorityFeePerGas is higher than maxFeePerGas")
