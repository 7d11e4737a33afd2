"""Puts the contracts of `contracts/test` on a chain; nothing of them is ever shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address
from web3.contract import Contract

from marketplace.chain.artifacts import CHECKOUT, Workspace, load_artifact
from marketplace.chain.client import Node


class TestContracts:
    """Compiles and deploys hostile tokens, contract wallets and the like.

    Parameters
    ----------
    node
        Where to.
    artifacts
        Folder that keeps what was compiled.
    """

    __test__ = False  # pytest takes it for a class of tests

    def __init__(self, node: Node, artifacts: Path) -> None:
        self._node = node
        # Folders below it hold what forge and halmos compile.
        self._workspace = Workspace(CHECKOUT.contracts, artifacts, folder="test", pattern="*.sol")

    def deploy(self, name: str, *arguments: Any) -> Contract:
        """Deploy a contract from the first of the node's own accounts."""
        artifact = load_artifact(name, workspace=self._workspace)
        web3 = self._node.web3
        factory = web3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        sent = factory.constructor(*arguments).transact({"from": web3.eth.accounts[0]})
        address = web3.eth.wait_for_transaction_receipt(sent)["contractAddress"]
        return web3.eth.contract(address=to_checksum_address(str(address)), abi=artifact.abi)
