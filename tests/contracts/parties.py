"""Everyone who takes part in the trades of these tests, with keys derived from their names."""

from __future__ import annotations

from dataclasses import dataclass

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3.types import Wei

from marketplace.chain.client import Node
from marketplace.protocol.units import WEI

PROVIDERS = 3
EXPERTS = 5
SIGNERS = 3
COINS_EACH = 100


def account(name: str) -> LocalAccount:
    """Return the account that a name always has; its key is public, so it is worth nothing."""
    derived: LocalAccount = Account.from_key(keccak(text=f"moemarket test account: {name}"))
    return derived


def ascending(name: str, count: int) -> tuple[LocalAccount, ...]:
    """Return accounts in ascending order of their addresses, as the contracts want them."""
    accounts = (account(f"{name} {number}") for number in range(count))
    return tuple(sorted(accounts, key=lambda each: int(each.address, 16)))


@dataclass(frozen=True)
class Parties:
    """Lists ascend by address."""

    admin: LocalAccount
    treasury: LocalAccount
    buyer: LocalAccount
    broker: LocalAccount
    auditor: LocalAccount
    arbiter: LocalAccount
    stranger: LocalAccount
    providers: tuple[LocalAccount, ...]
    experts: tuple[LocalAccount, ...]
    signers: tuple[LocalAccount, ...]
    jurors: tuple[LocalAccount, ...]

    def everyone(self) -> tuple[LocalAccount, ...]:
        """Return all accounts."""
        single = (self.admin, self.treasury, self.buyer, self.broker, self.auditor)
        others = (self.arbiter, self.stranger)
        return (*single, *others, *self.providers, *self.experts, *self.signers, *self.jurors)


PARTIES = Parties(
    **{
        name: account(name)
        for name in ("admin", "treasury", "buyer", "broker", "auditor", "arbiter", "stranger")
    },
    providers=ascending("provider", PROVIDERS),
    experts=ascending("expert", EXPERTS),
    signers=ascending("signer", SIGNERS),
    jurors=ascending("juror", SIGNERS),
)


def fund(node: Node) -> None:
    """Give everyone coins from the first of the node's own accounts."""
    source = node.web3.eth.accounts[0]
    for party in PARTIES.everyone():
        node.web3.eth.send_transaction(
            {"from": source, "to": party.address, "value": Wei(COINS_EACH * WEI)}
        )
