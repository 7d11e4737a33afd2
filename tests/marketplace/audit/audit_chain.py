"""Where audited trades take place: a quick devnet, and the contracts on any chain."""

from __future__ import annotations

from typing import cast

from cast_of_trade import Cast
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment, Terms, deploy
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.market import Market

START = 1_800_000_000
"""When the chain begins, in seconds since 1970; its wall clock stands still."""

GENEROUS_GAS = 12_000_000

FEE_BPS = 250
TERMS = Terms(
    fee_bps=FEE_BPS,
    rotation_delay=0,
    min_stake=10**18,
    wrong_verdict_penalty=3 * 10**17 + 1,
    silence_penalty=2 * 10**17,
    closed_seal_penalty=10**17 + 1,
)
"""Committees take office at once, and have something to lose."""


class QuickChain(DevnetProvider):
    """A fresh chain whose time moves with its blocks and with `evm_increaseTime` only.

    It estimates gas by one run of the contract, not by ten: a refusal, or plenty of gas.
    """

    def __init__(self) -> None:
        super().__init__(open_devnet(now=lambda: START))

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        if method != "eth_estimateGas":
            return super().make_request(method, params)
        draft = cast("list[object]", params)[0]
        answer = super().make_request(RPCEndpoint("eth_call"), [draft, "pending"])
        return answer if "error" in answer else {**answer, "result": hex(GENEROUS_GAS)}


def deployed(chain: BaseProvider, parties: Cast, terms: Terms = TERMS) -> tuple[Node, Deployment]:
    """Deploy everything with a committee and a panel of two in three."""
    node = Node(chain)
    deployment = deploy(
        node,
        parties.admin,
        signers=[signer.address for signer in parties.signers],
        threshold=2,
        panel=[judge.address for judge in parties.panel],
        panel_threshold=2,
        terms=terms,
        treasury=parties.treasury.address,
        with_token=True,
    )
    return node, deployment


def make_stakes_good(market: Market, parties: Cast) -> None:
    """Let the admin stake what was taken from the committee, without which nobody may request."""
    functions = market.committee.functions
    for member in market.current_committee().members:
        bonded, unbonding, _ = market.node.call(functions.stakeOf(member))
        if lost := TERMS.min_stake - bonded - unbonding:
            market.node.send(parties.admin, functions.stake(member, lost), value=lost)
