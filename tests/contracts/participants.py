"""A registry of its own for the tests of participants, without a market around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from eth_account.signers.local import LocalAccount
from parties import PARTIES
from quick_chain import QuickProvider
from web3.contract import Contract
from web3.types import TxReceipt

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE

DAY = 86_400
DOMAINS_DELAY, JOINING_DELAY, LEAVING_DELAY, WITHDRAWAL_DELAY = 30 * DAY, DAY, 31 * DAY, 7 * DAY
DELAYS = (DOMAINS_DELAY, JOINING_DELAY, LEAVING_DELAY, WITHDRAWAL_DELAY)
NO_GROUP = bytes(32)


@contextmanager
def forgetting(node: Node) -> Iterator[None]:
    """Undo afterwards whatever happens on the tests' chain meanwhile."""
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield


class Registry:
    """The contract, bound to one node and called by accounts."""

    def __init__(self, node: Node, currency: str = NATIVE) -> None:
        self.node = node
        self.contract: Contract = node.deploy(
            PARTIES.admin, "ParticipantRegistry", currency, DELAYS
        )

    def send(
        self, account: LocalAccount, function: str, *arguments: object, value: int = 0
    ) -> TxReceipt:
        """Call a function in a transaction."""
        call = self.contract.get_function_by_name(function)(*arguments)
        return self.node.send(account, call, value=value)

    def view(self, function: str, *arguments: object) -> object:
        """Evaluate a view function."""
        return self.node.call(self.contract.get_function_by_name(function)(*arguments))

    def group_of(self, account: LocalAccount) -> object:
        """Return the group that the account counts as a member of, now."""
        return self.view("affiliationOf", account.address)

    def found(self, founder: LocalAccount, content: bytes = b"\x01" * 32) -> bytes:
        """Found a group and return its id."""
        self.send(founder, "foundGroup", content)
        group = self.group_of(founder)
        assert isinstance(group, bytes)
        return group

    def affiliate(self, founder: LocalAccount, *members: LocalAccount) -> bytes:
        """Found a group, have these accounts join it and wait until they count."""
        group = self.found(founder)
        for member in members:
            self.send(founder, "setInvitation", member.address, True)
            self.send(member, "joinGroup", group)
        self.node.advance_time(JOINING_DELAY)
        return group


def addresses(accounts: Sequence[LocalAccount]) -> list[str]:
    """Return the addresses, in the accounts' order."""
    return [account.address for account in accounts]
