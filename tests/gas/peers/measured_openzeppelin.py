"""OpenZeppelin's PaymentSplitter: fixed shares, whoever wants his part releases it.

It is in the library up to version 4, with bytecode. Its payees are chosen when it is
deployed, so other payees or shares need another contract.
"""

from __future__ import annotations

from payouts_builder import payee
from peer_package import Gas, Stage, artifact
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.units import WEI

PACKAGE = "@openzeppelin/contracts"
PAYEES = 10
DEPOSIT = 10 * WEI


def measure(node: Node) -> dict[str, Gas]:
    """Split two deposits among 10 payees, in native coin and in a token.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step, of a payee who had coins before, and no tokens.
    """
    stage = Stage(node, PACKAGE)
    preset, split = (
        artifact(PACKAGE, f"build/contracts/{name}")
        for name in ("ERC20PresetFixedSupply", "PaymentSplitter")
    )
    token = stage.deploy(preset, "Token", "TKN", 3 * DEPOSIT, stage.deployer.address)
    payees = [stage.actor("payee of a splitter").address]
    payees += [payee(number) for number in range(1, PAYEES)]
    created = stage.create(split, payees, [1] * PAYEES)
    splitter = stage.at(split, str(created["contractAddress"]))

    return {
        f"deployment for {PAYEES} payees": {"deploy": int(created["gasUsed"])},
        "native coin": releases(stage, splitter, None, payees[0]),
        "token": releases(stage, splitter, token, payees[0]),
    }


def releases(stage: Stage, splitter: Contract, token: Contract | None, to: str) -> Gas:
    """Deposit and release one payee's part, twice."""

    def deposit() -> int:
        if token:
            return stage.send(stage.deployer, token, "transfer", splitter.address, DEPOSIT)
        return int(stage.node.transfer(stage.deployer, splitter.address, DEPOSIT)["gasUsed"])

    def release() -> int:
        if token:
            return stage.send(
                stage.deployer, splitter, "release(address,address)", token.address, to
            )
        return stage.send(stage.deployer, splitter, "release(address)", to)

    def held() -> int:
        return int(token.functions.balanceOf(to).call()) if token else stage.node.balance(to)

    before, gas = held(), {}
    for when in ("first", "repeated"):
        gas |= {f"deposit, {when}": deposit(), f"release, {when}": release()}
    assert held() - before == 2 * DEPOSIT // PAYEES
    return gas
