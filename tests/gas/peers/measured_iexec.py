"""iExec PoCo: a requester buys one task, a worker of a pool runs an app on a data set.

App, data set, pool and request are orders signed off chain. One worker commits to a
result, reveals it, and the pool's owner finalizes: that pays all four. Prices are locked
and paid inside the escrow, so no token moves; it is the variant for native coin.
"""

from __future__ import annotations

from typing import Any

from eth_account.messages import encode_defunct
from eth_utils.crypto import keccak
from iexec_diamond import PACKAGE, Registries, deploy_diamond
from iexec_orders import Orders
from peer_package import Gas, Stage

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

__all__ = ["PACKAGE", "measure"]

COIN = 10**9  # in the escrow's unit, which is 10**9 wei
APP, DATA, POOL = COIN, COIN, 10 * COIN  # prices
STAKE = 50 * WEI
CLOCK = 300  # seconds; deadlines are multiples of it
COMPLETED = 3


def measure(node: Node) -> dict[str, Gas]:
    """Run three tasks of the same parties.

    Returns
    -------
    dict of str to dict of str to int
        Gas by step.
    """
    pool = Pool(Stage(node, PACKAGE))
    return {
        "first task, one worker": pool.run("first"),
        "repeated task, one worker": pool.run("repeated"),
        "repeated task, last steps at once": pool.run("at once", at_once=True),
    }


class Pool:
    """PoCo with an app, a data set and a pool of one worker, all owned by different people."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.poco = stage, deploy_diamond(stage)
        self.maker, self.publisher = stage.actor("maker of apps"), stage.actor("publisher on iExec")
        self.owner, self.worker = stage.actor("owner of a pool"), stage.actor("worker of a pool")
        self.requester = stage.actor("requester of tasks")
        registries = Registries(stage)
        named = ("Staked RLC", "SRLC", 9, *registries.addresses, NATIVE)
        stage.send(stage.deployer, self.poco, "configure", NATIVE, *named)
        stage.send(stage.deployer, self.poco, "createCategory", "S", "small", CLOCK)
        place, checksum = b"/ipfs/content", keccak(text="content")
        register = registries.register
        self.app = register("App", self.maker, "app", "DOCKER", place, checksum, b"")
        self.data = register("Dataset", self.publisher, "data", place, checksum)
        self.pool = register("Workerpool", self.owner, "pool")
        self.orders = Orders(stage.node, self.poco.address, self.poco.abi)
        for staking in (self.requester, self.owner, self.worker):
            stage.send(staking, self.poco, "deposit", value=STAKE)

    def run(self, salt: str, at_once: bool = False) -> Gas:
        """Buy and run one task; return the gas by step.

        Where the requester trusts one worker, that one may do the last three steps at once.
        """
        send, poco = self.stage.send, self.poco
        orders, result = self.signed(salt), keccak(text=f"result {salt}")
        deal = poco.functions.matchOrders(*orders).call({"from": self.requester.address})
        task = keccak(deal + bytes(32))
        by = bytes.fromhex(self.worker.address[2:])
        allowed = self.owner.sign_message(encode_defunct(keccak(by + task + bytes(20)))).signature
        enclave = (NATIVE, b"")  # none
        gas = {
            "matchOrders": send(self.requester, poco, "matchOrders", *orders),
            "initialize": send(self.owner, poco, "initialize", deal, 0),
        }
        if at_once:
            work = (task, result, result, b"", *enclave, allowed)
            gas["contributeAndFinalize"] = send(self.worker, poco, "contributeAndFinalize", *work)
        else:
            sealed = keccak(task + result), keccak(by + task + result)
            work = (task, *sealed, *enclave, allowed)
            gas["contribute"] = send(self.worker, poco, "contribute", *work)
            gas["reveal"] = send(self.worker, poco, "reveal", task, result)
            gas["finalize"] = send(self.owner, poco, "finalize", task, result, b"")
        assert poco.functions.viewTask(task).call()[0] == COMPLETED
        return {**gas, "match to finalized": sum(gas.values())}

    def signed(self, salt: str) -> list[tuple[Any, ...]]:
        """Return the four orders of a task, in the order that `matchOrders` takes them."""
        app = {"app": self.app, "appprice": APP}
        data = {"dataset": self.data, "datasetprice": DATA}
        pool = {"workerpool": self.pool, "workerpoolprice": POOL, "trust": 1}
        request = {
            "app": self.app,
            "appmaxprice": APP,
            "dataset": self.data,
            "datasetmaxprice": DATA,
            "workerpool": self.pool,
            "workerpoolmaxprice": POOL,
            "requester": self.requester.address,
            "beneficiary": self.requester.address,
            "trust": 1,
        }
        return [
            self.orders.sign(name, by, salt, said)
            for name, by, said in (
                ("AppOrder", self.maker, app),
                ("DatasetOrder", self.publisher, data),
                ("WorkerpoolOrder", self.owner, pool),
                ("RequestOrder", self.requester, request),
            )
        ]
