"""From revert data to a reason: every custom error in our ABIs, by its selector."""

from __future__ import annotations

from functools import cache
from typing import Any

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import function_abi_to_4byte_selector
from web3.exceptions import Web3Exception

from marketplace.chain.artifacts import load_artifact
from marketplace.protocol.reverts import EXPLANATIONS, Explanation

CONTRACTS = (
    "ModelMarket",
    "Quotes",
    "OracleCommittee",
    "Challenges",
    "Ladder",
    "ParticipantRegistry",
    "MarketRules",
    "ModelLicence",
    "ConsentRegistry",
    "Governance",
    "SealedBids",
    "Payouts",
    "DevToken",
)
_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")


def explain_revert(error: Web3Exception) -> tuple[str, Explanation | None]:
    """Return the decoded reason, e.g. ``OverBudget(7, 5)``, and what it means.

    The reason is empty when the error carries no revert data.
    """
    data = _revert_data(error)
    if len(data) < 4:
        return "", None
    selector, body = data[:4], data[4:]
    try:
        if selector == _ERROR_STRING:
            return str(decode(["string"], body)[0]), None
        if selector == _PANIC:
            return f"Panic({decode(['uint256'], body)[0]:#x})", None
        if selector in solidity_errors():
            name, types = solidity_errors()[selector]
            values = ", ".join(_shown(value) for value in decode(types, body))
            return f"{name}({values})", EXPLANATIONS.get(name)
    except (DecodingError, UnicodeDecodeError):
        pass  # a foreign error that shares a selector, or a hostile one: show it raw
    return f"0x{data.hex()}", None


@cache
def solidity_errors() -> dict[bytes, tuple[str, list[str]]]:
    """Return selector -> (name, argument types) of every error in the compiled contracts."""
    return {
        function_abi_to_4byte_selector(item): (
            item["name"],
            [argument["type"] for argument in item["inputs"]],
        )
        for contract in CONTRACTS
        for item in load_artifact(contract).abi
        if item["type"] == "error"
    }


def _revert_data(error: Web3Exception) -> bytes:
    data: Any = getattr(error, "data", None)
    if data is None:
        response: Any = getattr(error, "rpc_response", None) or {}
        data = response.get("error", {}).get("data")
    if isinstance(data, dict):
        data = data.get("data")
    if not isinstance(data, str) or not data.startswith("0x"):
        return b""
    try:
        return bytes.fromhex(data[2:])
    except ValueError:
        return b""


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
