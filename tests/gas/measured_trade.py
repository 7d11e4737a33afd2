"""Whole trades, step by step, with the gas that each step used.

Three providers, five experts, an auditor whose signature comes with the settlement, two
of three signers, one attempt. Keys, salts and expiries are fixed, and so are the
contracts' addresses on a fresh account: a byte of calldata costs more if it isn't zero,
so only then is gas the same to the unit.
"""

from __future__ import annotations

from collections.abc import Callable

from parties import COINS_EACH, PARTIES, account, fund
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS
from web3.types import TxReceipt, Wei

from marketplace.chain.client import Node
from marketplace.chain.deploy import Deployment, Terms, deploy
from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

Gas = dict[str, int]
STEPS = ("requestModel", "acceptQuote", "reportData", "reportAttempt", "settle")
ADMIN = account("admin of the measured market")
DEPLOYER = account("deployer of a market whose arbiter is an account")
PLENTY = 10**40
PAYEES = [
    each.address
    for each in (
        *PARTIES.providers,
        *PARTIES.experts,
        *PARTIES.signers[:2],
        *(PARTIES.broker, PARTIES.auditor, PARTIES.treasury),
    )
]
"""Who is paid in a trade that two signers settle."""


def measure(node: Node) -> dict[str, Gas]:
    """Deploy a market and run trades on it.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step: of the deployment, of a trade whose payees' accounts were opened before, of
        one whose payees were never paid, of one more after all of them have withdrawn, of what
        more attempts and signatures add, and of the exits that a stranger may take.
    """
    fund_all(node)
    before = len(node.gas_records)
    deployment = deploy_all(node)
    gas = {record.step: record.gas for record in node.gas_records[before:]}
    market = Market(node, deployment.market)
    token = token_of(market, deployment)
    prepared = Market(node, deploy_all(node).market)
    opening = used(prepared.send(ADMIN, "openAccounts", PAYEES, NATIVE))
    return {
        "deployment": gas,
        "trade of open accounts, native coin": whole_trade(TradeBuilder(prepared)),
        "first trade, native coin": whole_trade(TradeBuilder(market, salt="first")),
        "repeated trade, native coin": repeated_trade(market, NATIVE),
        "first trade, token": whole_trade(TradeBuilder(market, salt="first", currency=token)),
        "repeated trade, token": repeated_trade(market, token),
        "accounts": {f"openAccounts, {len(PAYEES)}": opening},
        "more": more(market),
        "exits": exits(market),
        "around a trade": around(market, deployment),
    }


def fund_all(node: Node) -> None:
    """Give coins to everyone, and to two accounts that never sent anything."""
    fund(node)
    for each in (ADMIN, DEPLOYER):
        source = node.web3.eth.accounts[0]
        node.web3.eth.send_transaction(
            {"from": source, "to": each.address, "value": Wei(COINS_EACH * WEI)}
        )


def deploy_all(node: Node) -> Deployment:
    """Deploy from an account that never sent anything, so that the addresses are fixed."""
    return deploy(
        node,
        ADMIN,
        signers=[signer.address for signer in PARTIES.signers],
        threshold=2,
        panel=[juror.address for juror in PARTIES.jurors],
        panel_threshold=2,
        treasury=PARTIES.treasury.address,
        terms=Terms(fee_bps=FEE_BPS),
        with_token=True,
    )


def token_of(market: Market, deployment: Deployment) -> str:
    """Give the buyer plenty of the token, and let the market take it."""
    assert deployment.token is not None
    functions = market.node.contract("DevToken", deployment.token).functions
    market.node.send(PARTIES.buyer, functions.mint(PARTIES.buyer.address, PLENTY))
    market.node.send(PARTIES.buyer, functions.approve(market.address, PLENTY))
    return deployment.token


def whole_trade(trade: TradeBuilder) -> Gas:
    """Run the five steps from the request to the settlement."""

    def settle() -> TxReceipt:
        return trade.settle_in_time(trade.audit())

    steps: tuple[Callable[[], TxReceipt], ...]
    steps = (trade.ask, trade.accept, trade.report_data, trade.attempt, settle)
    gas = {name: used(step()) for name, step in zip(STEPS, steps, strict=True)}
    return {**gas, "request to settled": sum(gas.values())}


def repeated_trade(market: Market, currency: str) -> Gas:
    """Run one more trade after everyone who was paid has withdrawn everything."""
    for each in PARTIES.everyone():
        if market.credit_of(each.address, currency):
            market.send(each, "withdraw", currency, each.address)
    return whole_trade(TradeBuilder(market, salt="repeated", currency=currency))


def more(market: Market) -> Gas:
    """Measure what each further attempt and each further signature add."""

    def attempts(count: int) -> list[int]:
        trade = TradeBuilder(market, salt=f"{count} attempts", max_attempts=8)
        trade.advance_to(State.GATED)
        return [used(trade.fail()) for _ in range(count)]

    def signed(salt: str, seats: tuple[int, ...]) -> tuple[int, int, int]:
        trade = TradeBuilder(market, salt=salt)
        trade.advance_to(State.FUNDED)
        data = used(trade.report_data(seats=seats))
        attempt = used(trade.attempt(seats=seats))
        return data, attempt, used(trade.settle_in_time(trade.audit()))

    first, second, third, *_ = attempts(4)
    signed("so that the third signer has been paid before", (0, 1, 2))
    few, many = signed("two signatures", (0, 1)), signed("three signatures", (0, 1, 2))
    names = ("in reportData", "in reportAttempt", "in settle")
    added = {
        f"third signature {name}": with_it - without
        for name, without, with_it in zip(names, few, many, strict=True)
    }
    return {"first failed attempt": first, "second": second, "third": third, **added}


def exits(market: Market) -> Gas:
    """Measure every other end of a trade."""

    def at(state: State, name: str, **request: int) -> TradeBuilder:
        return TradeBuilder(market, salt=name, **request).advance_to(state)

    gas: Gas = {}
    gas["declineQuote"] = used(at(State.REQUESTED, "declineQuote").decline())
    trade = at(State.REQUESTED, "expire")
    trade.lapse()
    gas["expire"] = used(trade.expire())
    gas["reportData, too few rows"] = used(at(State.FUNDED, "few").report_data(0b001))

    trade = at(State.FUNDED, "timeoutDelivery")
    gas["recordDelivery"] = used(trade.record_delivery(PARTIES.providers[0]))
    trade.record_delivery(PARTIES.providers[1])
    trade.lapse()
    gas["timeoutDelivery, two on record"] = used(trade.time_out_delivery())
    trade = at(State.FUNDED, "timeoutDelivery, nobody")
    trade.lapse()
    gas["timeoutDelivery, nobody on record"] = used(trade.time_out_delivery())

    trade = at(State.GATED, "timeoutTraining")
    for expert in PARTIES.experts:
        trade.record_delivery(expert)
    trade.lapse()
    gas["timeoutTraining, five on record"] = used(trade.time_out_training())
    trade = at(State.GATED, "timeoutTraining, nobody")
    trade.lapse()
    gas["timeoutTraining, nobody on record"] = used(trade.time_out_training())
    trade = at(State.REJECTED, "failed", max_attempts=1)
    gas["settle, attempts used up"] = used(trade.settle_in_time())
    trade = at(State.PASSED, "closed")
    trade.lapse(trade.request.windows.settlement)
    gas["settle, all seals closed"] = used(trade.settle(openings=trade.openings(closed=(0, 1))))
    return gas


def around(market: Market, deployment: Deployment) -> Gas:
    """Measure calls beside the five steps, and a dispute where an account is the arbiter."""
    gas: Gas = {}
    provider = PARTIES.providers[0]
    gas["withdraw"] = used(market.send(provider, "withdraw", NATIVE, provider.address))
    trade = TradeBuilder(market, salt="beforehand").advance_to(State.PASSED)
    gas["attestAudit"] = used(trade.attest())
    trade.lapse()
    gas["openDecidingScores"] = used(trade.open_scores())
    gas["settle, both before"] = used(trade.settle_in_time())

    gas["ModelLicence.mint"] = licence_of(trade, deployment)

    stands_on = (deployment.rules, deployment.registry, PARTIES.arbiter.address)
    other = market.node.deploy(DEPLOYER, "ModelMarket", *stands_on)
    trade = TradeBuilder(Market(market.node, other.address)).advance_to(State.PASSED)
    gas["dispute"] = used(trade.dispute())
    gas["rule, overturned"] = used(trade.rule(overturned=True))
    gas["settle, overturned"] = used(trade.settle_in_time())
    return gas


def licence_of(trade: TradeBuilder, deployment: Deployment) -> int:
    """Return the gas of minting the licence of a settled trade."""
    node, last = trade.market.node, trade.agreement.last_attempt
    mint = node.contract("ModelLicence", deployment.licence).functions.mint
    decided = (trade.gated, amounts_hash(last.finding.amounts), last.record.as_tuple())
    return used(node.send(PARTIES.stranger, mint(trade.request.as_tuple(), *decided)))


def used(receipt: TxReceipt) -> int:
    """Return the gas of a transaction."""
    return int(receipt["gasUsed"])
