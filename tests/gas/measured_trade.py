"""One whole trade, step by step, with the gas that each step used.

Three providers, five experts, an auditor, two of three signers, one attempt, native coin.
Keys, salts and expiries are fixed, and so is the market's address on a fresh account: a
byte of calldata costs more if it isn't zero, so only then is gas the same to the unit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from parties import COINS_EACH, PARTIES, account, fund
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS
from web3.types import TxReceipt, Wei

from marketplace.chain.client import Node
from marketplace.chain.deploy import deploy
from marketplace.chain.market import Market
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

Gas = dict[str, int]


def measure(node: Node) -> dict[str, Gas]:
    """Deploy a market and run trades on it.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step: of the deployment, of the first trade of all payees, of one more,
        and of the exits that a stranger may take.
    """
    market, deployment = deploy_market(node)
    return {
        "deployment": deployment,
        "first trade": whole_trade(TradeBuilder(market, salt="first")),
        "repeated trade": whole_trade(TradeBuilder(market, salt="repeated")),
        "exits": exits(market),
    }


def deploy_market(node: Node) -> tuple[Market, Gas]:
    """Deploy from an account that never sent anything, so that the addresses are fixed."""
    fund(node)
    admin = account("admin of the measured market")
    source = node.web3.eth.accounts[0]
    node.web3.eth.send_transaction(
        {"from": source, "to": admin.address, "value": Wei(COINS_EACH * WEI)}
    )
    before = len(node.gas_records)
    deployment = deploy(
        node,
        admin,
        signers=[signer.address for signer in PARTIES.signers],
        threshold=2,
        fee_bps=FEE_BPS,
        treasury=PARTIES.treasury.address,
    )
    market = Market(node, deployment.market, deployment.registry)
    return market, {record.step: record.gas for record in node.gas_records[before:]}


def whole_trade(trade: TradeBuilder) -> Gas:
    """Run all steps of a trade that settles; credits are withdrawn by one of each role."""
    market = trade.market
    number = 1

    def withdraw() -> TxReceipt:
        provider = PARTIES.providers[0]
        return market.send(provider, "withdraw", NATIVE, provider.address)

    steps: dict[str, Callable[[], TxReceipt]] = {
        "requestModel": trade.ask,
        "requestData": trade.ask_for_data,
        "acceptQuote": trade.accept,
        "deliverData": trade.deliver,
        "commitGate": trade.gate,
        "reportAttempt": trade.attempt,
        "attestAudit": trade.attest,
        "confirmDelivery": trade.confirm,
        "settle": trade.settle,
        "openScores": lambda: trade.open_scores(number),
        "withdraw": withdraw,
    }
    gas = {name: int(step()["gasUsed"]) for name, step in steps.items()}
    return {**gas, "all steps": sum(gas.values())}


def exits(market: Market) -> Gas:
    """Measure a decline, the timeouts, a failed attempt and a settlement by the gate."""
    gas: Gas = {}

    def at(state: State, name: str, **request: Any) -> TradeBuilder:
        return TradeBuilder(market, salt=name, **request).advance_to(state)

    trade = at(State.DATA_REQUESTED, "declineQuote")
    gas["declineQuote"] = int(trade.decline()["gasUsed"])
    for state in (State.DATA_REQUESTED, State.FUNDED, State.GATED):
        name = f"timeout in {state.name}"
        trade = at(state, name)
        trade.lapse()
        gas[name] = int(trade.time_out()["gasUsed"])
    trade = at(State.GATED, "reportAttempt, failed", max_attempts=2)
    gas["reportAttempt, failed"] = int(trade.fail()["gasUsed"])
    gas["reportAttempt, last failed"] = int(trade.fail()["gasUsed"])
    trade = at(State.PASSED, "settleByGate")
    trade.lapse(trade.request.windows.settlement)
    gas["settleByGate"] = int(trade.settle_by_gate()["gasUsed"])
    return gas
