"""Deploys the access manager, gives each restricted function its role, and lets go of both.

Two roles, in `contracts/src/Governance.sol`: a governor acts after a public delay, a
guardian at once. `RULES` says which functions are theirs. The deployer sets up what it
must (the first committee, the fee) as the access manager's administrator, then hands
over: from there on nobody can give a function to another role, put a contract under
another authority, or close one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.types import TxParams, Wei

from marketplace.chain.artifacts import load_artifact
from marketplace.chain.client import Node
from marketplace.protocol.errors import ConfigurationError

GOVERNOR_DELAY = 2 * 86_400
"""Seconds between the announcement of what a governor does and the act."""


class Role(IntEnum):
    """Roles of the access manager; the numbers are those of the contract."""

    ADMIN = 0
    GOVERNOR = 1
    GUARDIAN = 2


RULES: Mapping[str, Mapping[str, Role]] = {
    "MarketRules": {
        "pauseRequests": Role.GUARDIAN,
        "setFee": Role.GOVERNOR,
        "setReview": Role.GOVERNOR,
        "setReviewShift": Role.GOVERNOR,
    },
    "OracleCommittee": {
        "scheduleRotation": Role.GOVERNOR,
        "cancelRotation": Role.GOVERNOR,
    },
    "Payouts": {
        "veto": Role.GUARDIAN,
    },
}
"""Role by contract and restricted function."""


def deploy_governance(node: Node, deployer: LocalAccount, delay: int = GOVERNOR_DELAY) -> Contract:
    """Deploy the access manager with the deployer as its administrator.

    Parameters
    ----------
    node
        Where to.
    deployer
        Administrator until `hand_over`.
    delay
        The least delay of every governor, in seconds.
    """
    return node.deploy(deployer, "Governance", deployer.address, delay)


def hand_over(
    node: Node,
    deployer: LocalAccount,
    governance: Contract,
    targets: Sequence[tuple[str, str]],
    *,
    governor: str,
    guardian: str,
) -> None:
    """Give the restricted functions to their roles and take the deployer's power away.

    Parameters
    ----------
    node
        Where the contracts are.
    deployer
        Administrator until now.
    governance
        What `deploy_governance` returned.
    targets
        Name and address of every contract under it.
    governor, guardian
        Addresses that get the roles; best those of multi-signature wallets.

    Raises
    ------
    ConfigurationError
        If a target is under another authority, or `RULES` doesn't name it.
    """
    functions = governance.functions
    for name, address in targets:
        _require_governed(node, governance, name, address)
        for role, selectors in _selectors(name).items():
            target = to_checksum_address(address)
            node.send(deployer, functions.setTargetFunctionRole(target, selectors, role))
    for role in (Role.GOVERNOR, Role.GUARDIAN):
        node.send(deployer, functions.labelRole(role, role.name))
    delay = node.call(functions.governorDelay())
    node.send(deployer, functions.grantRole(Role.GOVERNOR, to_checksum_address(governor), delay))
    node.send(deployer, functions.grantRole(Role.GUARDIAN, to_checksum_address(guardian), 0))
    for role in (Role.GUARDIAN, Role.GOVERNOR):  # else nobody could replace a lost key
        node.send(deployer, functions.setRoleAdmin(role, Role.GOVERNOR))
    node.send(deployer, functions.renounceRole(Role.ADMIN, deployer.address))


def announce(
    node: Node, governor: LocalAccount, governance: Contract, call: ContractFunction
) -> int:
    """Schedule a governor's call and return the second from which on it may be sent.

    The governor then sends the very same call itself, within a week.
    """
    draft: TxParams = {"from": governor.address, "gas": 0, "gasPrice": Wei(0)}
    data = call.build_transaction(draft)["data"]
    node.send(governor, governance.functions.schedule(call.address, data, 0))
    operation = node.call(governance.functions.hashOperation(governor.address, call.address, data))
    return int(node.call(governance.functions.getSchedule(operation)))


def _require_governed(node: Node, governance: Contract, name: str, address: str) -> None:
    if name not in RULES:
        raise ConfigurationError(
            f"no rule says who may call {name}", "name each governed contract in RULES"
        )
    authority = node.call(node.contract(name, address).functions.authority())
    if authority != governance.address:
        raise ConfigurationError(
            f"{name} at {address} is under {authority}, not {governance.address}",
            "deploy it with the access manager as its authority",
        )


def _selectors(name: str) -> dict[Role, list[str]]:
    """Return a contract's restricted selectors by role."""
    found: dict[Role, list[str]] = {}
    for signature, selector in load_artifact(name).method_identifiers.items():
        role = RULES[name].get(signature.partition("(")[0])
        if role is not None:
            found.setdefault(role, []).append("0x" + selector)
    return found
