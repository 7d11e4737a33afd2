"""Contracts of others, compiled as their npm packages bring them; nothing of them is shipped."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from parties import COINS_EACH, account
from web3.contract import Contract
from web3.types import TxParams, TxReceipt, Wei

from marketplace.chain.client import Node
from marketplace.protocol.units import WEI

PACKAGES = Path(__file__).parent / "node_modules"

Gas = dict[str, int]


@dataclass(frozen=True)
class Compiled:
    """What a package says of one contract.

    Attributes
    ----------
    abi
        As web3 takes it.
    bytecode
        Creation code in hex, with gaps where the addresses of libraries belong.
    gaps
        Where in it, in bytes, each library's address belongs.
    """

    abi: list[dict[str, Any]]
    bytecode: str
    gaps: dict[str, list[int]] = field(default_factory=dict)

    def linked(self, libraries: dict[str, str]) -> str:
        """Return the creation code with the libraries' addresses in it."""
        code = self.bytecode.removeprefix("0x")
        for library, starts in self.gaps.items():
            for start in starts:
                address = libraries[library].removeprefix("0x").lower()
                code = code[: 2 * start] + address + code[2 * start + 40 :]
        return code


def version(package: str) -> str:
    """Return the version that is installed."""
    return str(json.loads((PACKAGES / package / "package.json").read_text())["version"])


def artifact(package: str, path: str) -> Compiled:
    """Load a contract from an artifact of Hardhat or Waffle."""
    stored = json.loads((PACKAGES / package / f"{path}.json").read_text())
    gaps = {
        library: [place["start"] for place in places]
        for file in stored.get("linkReferences", {}).values()
        for library, places in file.items()
    }
    return Compiled(stored["abi"], stored["bytecode"], gaps)


class Stage:
    """A node with one account that deploys, from which nothing was sent before.

    So the contracts' addresses are fixed, and with them the gas of calldata.
    """

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.deployer = self.actor(f"deployer of {name}")

    def actor(self, name: str) -> LocalAccount:
        """Return a named account with coins."""
        actor = account(name)
        source = self.node.web3.eth.accounts[0]
        self.node.web3.eth.send_transaction(
            {"from": source, "to": actor.address, "value": Wei(COINS_EACH * WEI)}
        )
        return actor

    def deploy(self, compiled: Compiled, *arguments: Any, **libraries: str) -> Contract:
        """Deploy a contract and return it bound to its address."""
        address = self.create(compiled, *arguments, **libraries)["contractAddress"]
        return self.at(compiled, str(address))

    def create(self, compiled: Compiled, *arguments: Any, **libraries: str) -> TxReceipt:
        """Deploy a contract and return the receipt."""
        eth = self.node.web3.eth
        factory = eth.contract(abi=compiled.abi, bytecode=compiled.linked(libraries))
        draft: TxParams = {
            "from": self.deployer.address,
            "nonce": eth.get_transaction_count(self.deployer.address),
        }
        transaction = factory.constructor(*arguments).build_transaction(draft)
        signed = self.deployer.sign_transaction(transaction)
        sent = eth.send_raw_transaction(signed.raw_transaction)
        receipt = eth.wait_for_transaction_receipt(sent)
        assert receipt["status"] == 1
        return receipt

    def at(self, compiled: Compiled, address: str) -> Contract:
        """Bind a contract that is there already."""
        return self.node.web3.eth.contract(to_checksum_address(address), abi=compiled.abi)

    def send(
        self, by: LocalAccount, contract: Contract, name: str, *arguments: Any, value: int = 0
    ) -> int:
        """Call a function in a transaction of its own and return the gas that it used."""
        receipt = self.node.send(by, contract.functions[name](*arguments), value=value)
        return int(receipt["gasUsed"])
