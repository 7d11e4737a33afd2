"""A committee contract on its own, its members, and how they sign."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from deploying import TestContracts
from eth_account.signers.local import LocalAccount
from eth_typing import Hash32
from parties import COINS_EACH, PARTIES, ascending
from quick_chain import QuickProvider
from web3.contract import Contract
from web3.types import TxReceipt, Wei

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE, NOBODY
from marketplace.protocol.units import WEI

DAY = 86_400
ROTATION_DELAY = 2 * DAY
UNBONDING_DELAY = 30 * DAY
MIN_STAKE = 5 * WEI
MEMBERS = ascending("member", 16)
"""Enough for the largest committee; a test takes the first few."""

Packed = tuple[int, int, list[str]]
"""A `Committee` as the contracts take it: version, threshold, members."""


def compact(account: LocalAccount, digest: bytes) -> bytes:
    """Sign a digest in 64 bytes: r, then s with the parity in its top bit (EIP-2098)."""
    signed = account.unsafe_sign_hash(Hash32(digest))
    parity = signed.v - 27
    return signed.r.to_bytes(32, "big") + (signed.s | parity << 255).to_bytes(32, "big")


def bitmap(seats: Iterable[int]) -> int:
    """Return the number whose bit i is set for each seat i."""
    return sum(1 << seat for seat in seats)


def quorum(
    members: Sequence[LocalAccount], seats: Sequence[int], digest: bytes
) -> tuple[int, bytes]:
    """Let the members in these seats sign one digest: who signed, and their signatures."""
    return bitmap(seats), b"".join(compact(members[seat], digest) for seat in sorted(seats))


@contextmanager
def fresh_chain(node: Node) -> Iterator[None]:
    """Fund the members, and forget afterwards what happened on the chain."""
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    source = node.web3.eth.accounts[0]
    with provider.forgetting():
        for member in MEMBERS:
            node.web3.eth.send_transaction(
                {"from": source, "to": member.address, "value": Wei(COINS_EACH * WEI)}
            )
        yield


@dataclass(frozen=True)
class Office:
    """An `OracleCommittee` under an access manager whose administrator is the admin."""

    node: Node
    contract: Contract

    @classmethod
    def open(
        cls,
        node: Node,
        test_contracts: TestContracts,
        *,
        arbiter: str,
        currency: str = NATIVE,
        min_stake: int = MIN_STAKE,
    ) -> Office:
        """Deploy with the delays of this module."""
        authority = test_contracts.deploy("Authority", PARTIES.admin.address)
        terms = (currency, min_stake, ROTATION_DELAY, UNBONDING_DELAY, arbiter, NOBODY)
        return cls(node, node.deploy(PARTIES.admin, "OracleCommittee", authority.address, terms))

    def view(self, function: str, *arguments: Any) -> Any:
        """Evaluate a view function."""
        answer = self.node.call(getattr(self.contract.functions, function)(*arguments))
        return tuple(answer) if isinstance(answer, list) else answer

    def send(
        self, account: LocalAccount, function: str, *arguments: Any, value: int = 0
    ) -> TxReceipt:
        """Send a call."""
        call = getattr(self.contract.functions, function)(*arguments)
        return self.node.send(account, call, value=value)

    def stake(self, *members: LocalAccount, amount: int = MIN_STAKE) -> None:
        """Let each stake native coin of its own."""
        for member in members:
            self.send(member, "stake", member.address, amount, value=amount)

    def appoint(
        self,
        members: Sequence[LocalAccount],
        threshold: int,
        by: LocalAccount = PARTIES.admin,
    ) -> TxReceipt:
        """Schedule the next committee."""
        addresses = [member.address for member in members]
        return self.send(by, "scheduleRotation", addresses, threshold)

    def events(self, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
        """Return name and arguments of the contract's events in a transaction, in order."""
        return events_of(self.contract, receipt)


def events_of(contract: Contract, receipt: TxReceipt) -> list[tuple[str, dict[str, Any]]]:
    """Return name and arguments of one contract's events in a transaction, in order."""
    kinds = {
        bytes.fromhex(event.topic.removeprefix("0x")): event for event in cast(Any, contract.events)
    }
    return [
        (decoded["event"], dict(decoded["args"]))
        for log in receipt["logs"]
        if log["address"] == contract.address
        for decoded in [kinds[bytes(log["topics"][0])]().process_log(log)]
    ]
