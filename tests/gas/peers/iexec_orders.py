"""Orders of iExec, signed off chain by who offers or asks for something (EIP-712)."""

from __future__ import annotations

from typing import Any

from eth_account.signers.local import LocalAccount
from eth_typing import ABI
from eth_utils.crypto import keccak

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE

DOMAIN = {"name": "iExecODB", "version": "5.0.0"}
ZERO = {"address": NATIVE, "uint256": 0, "bytes32": bytes(32), "string": ""}


class Orders:
    """Signs orders for one deployment; names and types of members come from its ABI.

    Parameters
    ----------
    node
        The chain whose id is signed.
    contract
        Address of the diamond.
    abi
        With `matchOrders`, which takes the four orders.
    """

    def __init__(self, node: Node, contract: str, abi: ABI) -> None:
        self._domain = {**DOMAIN, "chainId": node.chain_id, "verifyingContract": contract}
        (match,) = (entry for entry in abi if entry.get("name") == "matchOrders")
        self._members = {
            order["internalType"].rpartition(".")[2]: order["components"]
            for order in match["inputs"]
        }

    def sign(self, name: str, by: LocalAccount, salt: str, said: dict[str, Any]) -> tuple[Any, ...]:
        """Return an order with its signature; what isn't said of it is zero."""
        *members, _ = self._members[name]
        types = [{"name": each["name"], "type": each["type"]} for each in members]
        said = {"volume": 1, "salt": keccak(text=salt), **said}
        order = {each["name"]: said.get(each["name"], ZERO[each["type"]]) for each in members}
        signed = by.sign_typed_data(self._domain, {name: types}, order)
        return (*order.values(), signed.signature)
