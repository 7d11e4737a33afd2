"""Payouts to 10,000 payees, with the gas that each step used.

Keys, salts and amounts are fixed, and so is the contract's address on a fresh chain: a byte
of calldata costs more if it isn't zero, so only then is gas the same to the unit. Claims
are sent by somebody else for the payee with the longest proof.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from deploying import TestContracts
from parties import COINS_EACH, PARTIES, account, fund
from payouts_builder import PayoutsBuilder, deploy_payouts, earning, payee
from web3.types import Wei

from marketplace.chain.client import Node
from marketplace.protocol.earnings import Earnings, build
from marketplace.protocol.units import WEI

Gas = dict[str, int]

PAYEES = 10_000
TRADES_AT_ONCE = 10
EACH = WEI // 1_000  # what a payee earns in one trade
SIGNING = account("payee with a key")


def measure(node: Node, artifacts: Path) -> dict[str, Gas]:
    """Deploy, and pay 10,000 payees in native coin and in a token.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step: of the deployment, and of each currency's deposits, proposals and claims.
    """
    fund(node)
    by = account("admin of the measured payouts")
    for rich in (by, PARTIES.buyer, SIGNING):
        node.web3.eth.send_transaction(
            {"from": node.web3.eth.accounts[0], "to": rich.address, "value": Wei(COINS_EACH * WEI)}
        )
    deployed = deploy_payouts(node, TestContracts(node, artifacts), by)
    deployment = {r.step: r.gas for r in node.gas_records if r.step == "deploy Payouts"}
    native = PayoutsBuilder(node, deployed.payouts)
    node.send(PARTIES.buyer, deployed.token.functions.mint(PARTIES.buyer.address, 10**24))
    return {
        "deployment": deployment,
        f"native coin, {PAYEES:,} payees": steps(native),
        f"token, {PAYEES:,} payees": steps(native.using(deployed.token)),
    }


def steps(payouts: PayoutsBuilder) -> Gas:
    """Run three distributions: the first two write fresh slots, the third one overwrites."""
    gas: Gas = {}
    first = distribute(payouts, 1, gas, "first")
    place = max(first.places.values(), key=lambda place: len(place.proof))
    gas["hashes in the longest proof"] = len(place.proof)
    gas["claim, first"] = int(payouts.claim(place)["gasUsed"])
    distribute(payouts, 2, {}, "second")
    last = distribute(payouts, 1 + TRADES_AT_ONCE, gas, "later")
    again = last.places[place.earning.account]
    gas["claim, ten trades at once"] = int(payouts.claim(again)["gasUsed"])
    gas["the same per trade"] = gas["claim, ten trades at once"] // TRADES_AT_ONCE
    own = last.places[SIGNING.address]
    took = payouts.send(SIGNING, "claimAndWithdraw", *payouts.proof(own), SIGNING.address)
    gas["claimAndWithdraw, first"] = int(took["gasUsed"])
    single_tree(payouts, gas)
    return gas


def distribute(payouts: PayoutsBuilder, trades: int, gas: Gas, when: str) -> Earnings:
    """Deposit, propose and activate what all payees have earned after some trades."""
    earnings = earnings_after(trades)
    deposited = payouts.deposit(earnings.total - payouts.funds[0])
    proposed = payouts.propose(payouts.distribution(earnings))
    payouts.pass_delay()
    activated = payouts.activate()
    names = ("deposit", f"propose {len(earnings.roots)} trees", "activate")
    for name, receipt in zip(names, (deposited, proposed, activated), strict=True):
        gas[f"{name}, {when}"] = int(receipt["gasUsed"])
    return earnings


def single_tree(payouts: PayoutsBuilder, gas: Gas) -> None:
    """Post one tree over all payees, for comparison."""
    earnings = earnings_after(2 + TRADES_AT_ONCE, trees=1)
    payouts.deposit(earnings.total - payouts.funds[0])
    gas["propose 1 tree"] = int(payouts.propose(payouts.distribution(earnings))["gasUsed"])
    payouts.pass_delay()
    payouts.activate()
    unpaid = (p for p in earnings.places.values() if not payouts.claimed(p.earning.account))
    longest = max(len(place.proof) for place in earnings.places.values())
    place = next(place for place in unpaid if len(place.proof) == longest)
    gas["claim, first, of 1 tree"] = int(payouts.claim(place)["gasUsed"])


@cache
def earnings_after(trades: int, trees: int | None = None) -> Earnings:
    """Return what everybody has earned after a number of trades, a little differing."""
    accounts = [SIGNING.address, *(payee(number) for number in range(1, PAYEES))]
    entries = [earning(a, trades * (EACH + n)) for n, a in enumerate(accounts)]
    return build(entries, sum(entry.cumulative for entry in entries), trees)
