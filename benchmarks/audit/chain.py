"""A chain to be read: real contracts, and trades that are asked for and declined.

Such a trade leaves three events in two blocks; the buyer's transfers in between stand for
the traffic of a chain that the market shares with others.
"""

from __future__ import annotations

import json
import time
from typing import Any, cast

from eth_utils.crypto import keccak
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.chain.client import Node
from marketplace.chain.deploy import Terms, deploy
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.terms import NATIVE, Request, Windows

TERMS = Terms(
    fee_bps=250,
    rotation_delay=0,
    min_stake=10**18,
    wrong_verdict_penalty=3 * 10**17,
    silence_penalty=2 * 10**17,
    closed_seal_penalty=10**17,
)
WINDOWS = Windows(
    quote=1_000,
    delivery=2_000,
    judging=3_700,
    training=3_000,
    validation=3_800,
    review=10_000,
    settlement=6_000,
)
PLENTY_OF_GAS = 12_000_000
CONTENT = keccak(text="a benchmark")


class UnestimatedChain(DevnetProvider):
    """Gives transactions plenty of gas, where estimating it would run each a dozen times."""

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """Answer one request."""
        if method == "eth_estimateGas":
            return {"jsonrpc": "2.0", "id": 1, "result": hex(PLENTY_OF_GAS)}
        return super().make_request(method, params)


class RememberedNode(BaseProvider):
    """Answers what was asked before out of memory, so that only the reader's time is left.

    Attributes
    ----------
    node_s
        Processor seconds that the node took for what was asked first.
    """

    def __init__(self, node: BaseProvider) -> None:
        super().__init__()
        self._node = node
        self._known: dict[str, RPCResponse] = {}
        self.node_s = 0.0

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        """Answer one request."""
        key = json.dumps([method, params])
        if key not in self._known:
            start = time.process_time()
            self._known[key] = self._node.make_request(method, params)
            self.node_s += time.process_time() - start
        return self._known[key]


def traded_chain(trades: int, transfers: int) -> tuple[DevnetProvider, str]:
    """Return a chain and its market, after some trades and a few transfers for each."""
    accounts = sorted(well_known_accounts(), key=lambda account: int(account.address, 16))
    admin, treasury, buyer, broker, auditor, *others = accounts
    chain = UnestimatedChain(open_devnet())
    node = Node(chain)
    deployment = deploy(
        node,
        admin,
        signers=[account.address for account in others[:3]],
        threshold=2,
        panel=[account.address for account in others[3:6]],
        panel_threshold=2,
        terms=TERMS,
        treasury=treasury.address,
    )
    market = Market(node, deployment.market)
    rules = market.in_force()
    for number in range(trades):
        request = Request(
            buyer=buyer.address,
            broker=broker.address,
            auditor=auditor.address,
            currency=NATIVE,
            budget=10**18,
            threshold=700_000,
            max_attempts=2,
            min_rows=60,
            validation_rows=40,
            validation_root=CONTENT,
            spec=CONTENT,
            licence=CONTENT,
            transfer_rule=0,
            approval_required=False,
            committee=rules.committee,
            panel=rules.panel,
            fee_bps=rules.fee_bps,
            treasury=rules.treasury,
            windows=WINDOWS,
            salt=keccak(number.to_bytes(32, "big")),
        )
        market.send(buyer, "requestModel", request)
        market.send(buyer, "declineQuote", request, CONTENT)
        for _ in range(transfers):
            node.transfer(buyer, treasury.address, 1)
    return cast("DevnetProvider", chain), deployment.market
