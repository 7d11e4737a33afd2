"""HUMAN: each job has an escrow contract of its own, out of which an oracle pays workers.

A job is created, funded and set up in one transaction; a recording oracle reserves what
was earned, and a reputation oracle pays up to 100 workers by transfers. All three oracles
take a fee.
"""

from __future__ import annotations

from typing import Any

from payouts_builder import payee
from peer_package import Compiled, Gas, Stage, artifact
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.units import WEI

PACKAGE = "@human-protocol/core"
FEE_PERCENT = "5"
LOCK_BLOCKS = 1_000
PLENTY = 10**6 * WEI
ENOUGH = 10**4 * WEI
URL, HASH = "https://example.org/results.json", "f" * 40
JOB = "job"


def compiled(name: str) -> Compiled:
    """Load one of HUMAN's contracts."""
    return artifact(PACKAGE, f"artifacts/contracts/{name}.sol/{name}")


def measure(node: Node) -> dict[str, Gas]:
    """Create a job, and pay 10 and 100 workers whose balances are zero.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step.
    """
    stage = Stage(node, PACKAGE)
    human = Human(stage)
    human.create()
    human.reserve(1)
    human.pay(0, 1)  # so that the oracles have been paid before
    gas = {"create, fund and set up": human.create()}
    gas["reserve"] = human.reserve(110)
    gas["pay 10 workers, first"] = human.pay(1, 10)
    gas["pay 100 workers, first"] = human.pay(11, 100)
    human.reserve(110)
    gas["pay 10 workers, paid before"] = human.pay(1, 10)
    gas["pay 100 workers, paid before"] = human.pay(11, 100)
    return {"a job": gas}


class Human:
    """Its contracts around the escrows, and the escrow of the job that was created last."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.payouts = stage, 0
        self.launcher = stage.actor("launcher of jobs")
        roles = ("reputation", "recording", "exchange")
        self.oracles = {role: stage.actor(f"{role} oracle of HUMAN") for role in roles}
        self.token = stage.deploy(compiled("HMToken"), 10**9, "HUMAN", 18, "HMT")
        staking = stage.deploy(compiled("Staking"), self.token.address, WEI, LOCK_BLOCKS, 1)
        store = stage.deploy(compiled("KVStore"))
        self.factory = self._behind_proxy(staking.address, WEI, store.address)
        stage.send(stage.deployer, self.token, "transfer", self.launcher.address, PLENTY)
        for allowed in (staking, self.factory):
            self._launch(self.token, "approve", allowed.address, PLENTY // 2)
        self._launch(staking, "stake", WEI)
        for oracle in self.oracles.values():
            stage.send(oracle, store, "set", "fee", FEE_PERCENT)

    def _behind_proxy(self, *settings: Any) -> Contract:
        """Deploy the factory as it is meant to be called: through a proxy that sets it up."""
        factory = self.stage.deploy(compiled("EscrowFactory"))
        path = "artifacts/@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol/ERC1967Proxy"
        initialize = factory.encode_abi("initialize", settings)
        proxy = self.stage.deploy(artifact(PACKAGE, path), factory.address, initialize)
        return self.stage.at(compiled("EscrowFactory"), proxy.address)

    def _launch(self, contract: Contract, name: str, *arguments: Any) -> int:
        return self.stage.send(self.launcher, contract, name, *arguments)

    def _oracle(self, role: str, signature: str, *arguments: Any) -> int:
        return self.stage.send(self.oracles[role], self.escrow, signature, *arguments)

    def create(self) -> int:
        """Create, fund and set up a job; return the gas."""
        oracles = [oracle.address for oracle in self.oracles.values()]
        job = (self.token.address, ENOUGH, JOB, *oracles, URL, HASH)
        used = self._launch(self.factory, "createFundAndSetupEscrow", *job)
        self.escrow = self.stage.at(compiled("Escrow"), self.factory.functions.lastEscrow().call())
        return used

    def reserve(self, workers: int) -> int:
        """Put what some workers earned on record; return the gas."""
        signature = "storeResults(string,string,uint256)"
        return self._oracle("recording", signature, URL, HASH, workers * WEI)

    def pay(self, first: int, workers: int) -> int:
        """Pay workers one token each, less the fees; return the gas."""
        signature = "bulkPayOut(address[],uint256[],string,string,string,bool)"
        paid = [payee(number) for number in range(first, first + workers)]
        before = self.token.functions.balanceOf(paid[-1]).call()
        self.payouts += 1
        what = (paid, [WEI] * workers, URL, HASH, str(self.payouts), False)
        used = self._oracle("reputation", signature, *what)
        got = self.token.functions.balanceOf(paid[-1]).call() - before
        assert got == WEI - 3 * int(FEE_PERCENT) * WEI // 100
        return used
