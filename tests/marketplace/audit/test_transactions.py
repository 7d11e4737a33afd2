"""Transactions are encoded, hashed and recovered as another library signs them, type by type."""

from __future__ import annotations

from typing import Any

import pytest
from audited_trade import Settled
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from tampering import LyingNode, each_sent

from marketplace.audit import audit
from marketplace.audit.rpc import Rpc
from marketplace.audit.transactions import transaction_of

ACCOUNT: LocalAccount = Account.from_key("0x" + "42" * 32)
TO = to_checksum_address("0x" + "ab" * 20)
COMMON: dict[str, Any] = {"nonce": 0, "gas": 90_000, "to": TO, "value": 7, "data": "0x0123"}
LISTED = {"address": TO, "storageKeys": ["0x" + "01" * 32, "0x" + "00" * 32]}
FEES = {"maxFeePerGas": 10**9, "maxPriorityFeePerGas": 0}
AUTHORISED = ACCOUNT.sign_authorization({"chainId": 1, "address": TO, "nonce": 3})
DRAFTS: dict[str, dict[str, Any]] = {
    "without a chain": {**COMMON, "gasPrice": 5},
    "with a chain": {**COMMON, "gasPrice": 5, "chainId": 31337},
    "on a chain of a large number": {**COMMON, "gasPrice": 5, "chainId": 2**40},
    "that creates a contract": {**COMMON, "to": b"", "gasPrice": 5, "chainId": 1},
    "with an access list": {
        **COMMON,
        "gasPrice": 5,
        "chainId": 1,
        "accessList": [LISTED],
        "type": 1,
    },
    "with a fee in two parts": {**COMMON, **FEES, "chainId": 1, "type": 2},
    "with both": {**COMMON, **FEES, "chainId": 1, "accessList": [LISTED, LISTED], "type": 2},
    "that sets code": {
        **COMMON,
        **FEES,
        "chainId": 1,
        "authorizationList": [AUTHORISED],
        "type": 4,
    },
}


def as_json(draft: dict[str, Any], signed: Any) -> dict[str, Any]:
    """Return what a node would tell of a signed transaction."""
    kind = draft.get("type", 0)
    numbers = {name: hex(value) for name, value in draft.items() if isinstance(value, int)}
    told = {
        **numbers,
        "type": hex(kind),
        "hash": "0x" + signed.hash.hex(),
        "from": ACCOUNT.address,
        "to": draft["to"] or None,
        "input": draft["data"],
        "accessList": draft.get("accessList", []),
        "v": hex(signed.v),
        "r": hex(signed.r),
        "s": hex(signed.s),
    }
    if kind:
        told["yParity"] = hex(signed.v)
    if kind == 4:
        told["authorizationList"] = [
            {
                "chainId": hex(each.chain_id),
                "address": "0x" + bytes(each.address).hex(),
                "nonce": hex(each.nonce),
                "yParity": hex(each.y_parity),
                "r": hex(each.r),
                "s": hex(each.s),
            }
            for each in draft["authorizationList"]
        ]
    return told


def number(text: str) -> int:
    return int(text, 16)


def content(text: str, length: int | None = None) -> bytes:
    data = bytes.fromhex(text[2:])
    assert length in (None, len(data))
    return data


@pytest.mark.parametrize("what", DRAFTS)
def test_a_transaction(what: str) -> None:
    signed = ACCOUNT.sign_transaction(DRAFTS[what])
    told = as_json(DRAFTS[what], signed)
    found = transaction_of(told, number, content)
    assert found.encoded == bytes(signed.raw_transaction)
    assert found.recomputed == found.hash == bytes(signed.hash)
    assert found.signer == found.sender == ACCOUNT.address
    assert (found.value, found.data) == (7, bytes.fromhex("0123"))
    other = transaction_of({**told, "value": "0x8"}, number, content)
    assert other.recomputed != found.hash
    assert other.signer != ACCOUNT.address


def test_a_transaction_with_blobs() -> None:
    """The block holds the blobs' hashes only; EIP-4844 gives the order of the fields."""
    hashes = ["0x01" + "ab" * 31, "0x01" + "cd" * 31]
    told: dict[str, Any] = {
        **as_json(DRAFTS["with both"], ACCOUNT.sign_transaction(DRAFTS["with both"])),
        "type": "0x3",
        "maxFeePerBlobGas": "0x5",
        "blobVersionedHashes": hashes,
    }
    found = transaction_of(told, number, content)
    without = transaction_of({**told, "type": "0x2"}, number, content)
    assert found.encoded is not None
    assert found.encoded[:1] == b"\3"
    body = bytes.fromhex("05" + "f842" + "".join("a0" + each[2:] for each in hashes))
    assert found.encoded.count(body) == 1
    assert without.encoded is not None
    rest = found.encoded.replace(body, b"")
    assert keccak(rest[4:]) == keccak(without.encoded[4:])


@pytest.mark.parametrize("what", DRAFTS)
def test_where_the_parity_is_named_depends_on_the_type(what: str) -> None:
    """Some nodes name it by both names; of type 0, v holds more than the parity."""
    told = as_json(DRAFTS[what], ACCOUNT.sign_transaction(DRAFTS[what]))
    if told["type"] == "0x0":
        told["yParity"] = "0x0"
    else:
        told["yParity"] = told.pop("v", told.get("yParity"))
    found = transaction_of(told, number, content)
    assert found.recomputed == found.hash
    assert found.signer == ACCOUNT.address


def test_a_signature_that_is_none_has_no_signer() -> None:
    draft = DRAFTS["with a chain"]
    told = as_json(draft, ACCOUNT.sign_transaction(draft))
    for part in ("r", "s"):
        assert transaction_of({**told, part: "0x0"}, number, content).signer is None
    assert transaction_of({**told, "type": "0x7e"}, number, content).signer is None


def test_transactions_of_a_chain_are_what_their_hashes_name(settled: Settled) -> None:
    rpc = Rpc(settled.chain)
    head = rpc.block()
    assert head is not None
    count = 0
    for height in range(head.number + 1):
        found = rpc.full_block(height)
        assert found is not None
        block, sent = found
        assert tuple(each.recomputed for each in sent) == block.transactions
        assert all(each.signer == each.sender for each in sent)
        count += len(sent)
    assert count > 20


@pytest.mark.parametrize(
    "alter",
    [
        {"input": "0x"},
        {"from": TO},
        {"to": TO},
        {"value": "0x1"},
    ],
    ids=lambda alter: f"{next(iter(alter))}",
)
def test_the_transaction_of_a_finding_is_what_its_hash_names(
    settled: Settled, alter: dict[str, str]
) -> None:
    """Its sender is who signed it, whatever the node says of that."""
    told = {"eth_getBlockByNumber": each_sent(lambda sent: {**sent, **alter})}
    report = audit(LyingNode(settled.chain, answers=told), settled.market, settled.store)
    (check,) = (check for check in report.checks if check.name == "audit-signature")
    assert check.verdict == ("passed" if "from" in alter else "failed")
    assert ("hashes to something else" in check.detail) == ("from" not in alter)
