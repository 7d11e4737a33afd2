"""Ocean: a data set is listed as an NFT with a data token at a fixed price, and ordered.

The buyer pays the publisher and the access provider's fee, and starts the order, in one
transaction. Nothing checks what is delivered.
"""

from __future__ import annotations

from typing import Any

from eth_abi.packed import encode_packed
from eth_account.messages import encode_defunct
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from peer_package import Compiled, Gas, Stage, artifact
from web3.contract import Contract
from web3.logs import DISCARD

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

PACKAGE = "@oceanprotocol/contracts"
DECIMALS = 18
PLENTY = 1_000 * WEI
VALID_UNTIL = 4_000_000_000  # seconds since 1970


def compiled(folder: str, name: str) -> Compiled:
    """Load one of Ocean's contracts."""
    return artifact(PACKAGE, f"artifacts/contracts/{folder}{name}.sol/{name}")


ROUTER = compiled("pools/", "FactoryRouter")
DATA_TOKEN = compiled("templates/", "ERC20TemplateEnterprise")


def measure(node: Node) -> dict[str, Gas]:
    """List a data set twice, and order the second one twice.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step.
    """
    stage = Stage(node, PACKAGE)
    publisher, buyer = stage.actor("publisher of data"), stage.actor("buyer of data")
    provider = stage.actor("provider of access to data")
    ocean = Ocean(stage)
    stage.send(stage.deployer, ocean.token, "transfer", buyer.address, PLENTY)
    ocean.list(publisher)
    gas = {"list a data set": ocean.list(publisher)}
    approved = (ocean.data_token.address, PLENTY)
    gas["approve"] = stage.send(buyer, ocean.token, "approve", *approved)
    gas["buy and start an order, first"] = ocean.order(buyer, provider)
    gas["buy and start an order, paid before"] = ocean.order(buyer, provider)
    paid = ocean.token.functions.balanceOf(provider.address).call()
    assert paid == 2 * WEI // 10
    return {"a data set at a fixed price": gas}


class Ocean:
    """Its contracts, with one template each, and the data set that was listed last."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.token = stage.deploy(
            compiled("utils/mock/", "MockERC20"), stage.deployer.address, "Token", "TKN"
        )
        collector = stage.deploy(
            compiled("communityFee/", "OPFCommunityFeeCollector"),
            stage.deployer.address,
            stage.deployer.address,
        )
        no_pools = stage.deployer.address
        self.router = stage.deploy(
            ROUTER, stage.deployer.address, self.token.address, no_pools, collector.address, []
        )
        templates = [
            stage.deploy(template).address
            for template in (compiled("templates/", "ERC721Template"), DATA_TOKEN)
        ]
        self.factory = stage.deploy(compiled("", "ERC721Factory"), *templates, self.router.address)
        self.exchange = stage.deploy(
            compiled("pools/fixedRate/", "FixedRateExchange"), self.router.address
        )
        self._administer("addFactory", self.factory)
        self._administer("addFixedRateContract", self.exchange)
        self._administer("addApprovedToken", self.token)

    def _administer(self, name: str, contract: Contract) -> None:
        self.stage.send(self.stage.deployer, self.router, name, contract.address)

    def list(self, publisher: LocalAccount) -> int:
        """Create NFT, data token and exchange; return the gas."""
        nft = ("Data set", "DATA", 1, "https://example.org/data", True, publisher.address)
        parties = [publisher.address, publisher.address, NATIVE, NATIVE]
        token = (1, ["Access", "ACCESS"], parties, [100 * WEI, 0], [])
        swaps = [self.token.address, publisher.address, publisher.address, NATIVE]
        price = (self.exchange.address, swaps, [DECIMALS, DECIMALS, WEI, 0, 1])
        create = self.factory.functions.createNftWithErc20WithFixedRate(nft, token, price)
        receipt = self.stage.node.send(publisher, create)
        (created,) = self.factory.events.TokenCreated().process_receipt(receipt, DISCARD)
        self.data_token = self.stage.at(DATA_TOKEN, created["args"]["newTokenAddress"])
        return int(receipt["gasUsed"])

    def order(self, buyer: LocalAccount, provider: LocalAccount) -> int:
        """Buy one data token, pay the provider's fee and start the order; return the gas."""
        order = (buyer.address, 0, self._fee(provider), (NATIVE, NATIVE, 0))
        (exchange,) = self.data_token.functions.getFixedRates().call()
        paying = (exchange[0], exchange[1], 2 * WEI, 0, NATIVE)
        return self.stage.send(buyer, self.data_token, "buyFromFreAndOrder", order, paying)

    def _fee(self, provider: LocalAccount) -> tuple[Any, ...]:
        data = b"{}"
        fee = (provider.address, self.token.address, WEI // 10)
        types = ["bytes", "address", "address", "uint256", "uint256"]
        agreed = keccak(encode_packed(types, [data, *fee, VALID_UNTIL]))
        signed = provider.sign_message(encode_defunct(agreed))
        return (*fee, signed.v, signed.r.to_bytes(32), signed.s.to_bytes(32), VALID_UNTIL, data)
