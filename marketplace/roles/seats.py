"""The seats of a committee or panel: who holds them, what each has at stake, and how it leaves."""

from __future__ import annotations

from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.chain.market import struct_in
from marketplace.protocol.terms import NATIVE, Committee
from marketplace.roles.spending import approved


@dataclass(frozen=True)
class Seat:
    """A member and what it has at stake, in units of the stakes' currency.

    Attributes
    ----------
    bonded, unbonding
        What counts for an appointment, and what is on its way out and can still be slashed.
    withdrawable_at
        When the latter is free, in seconds since 1970, if the member has left its seats by then;
        0 if nothing is on its way out.
    """

    member: str
    bonded: int
    unbonding: int
    withdrawable_at: int


@dataclass(frozen=True)
class Standing:
    """What a committee contract says now.

    Attributes
    ----------
    current, scheduled
        Who is in office, and who comes next; without members if nobody does.
    effective_at
        When the latter take office, in seconds since 1970; 0 if nobody is to come.
    currency, least
        Address of what stakes are in, and what each member needs.
    seats
        Of all in office or to come.
    backed
        Whether new requests may name those in office: a quorum of them has the least, what is on
        its way out included.
    """

    current: Committee
    scheduled: Committee
    effective_at: int
    currency: str
    least: int
    seats: tuple[Seat, ...]
    backed: bool


class Seats:
    """One contract of committee or panel, on one node."""

    def __init__(self, node: Node, contract: Contract) -> None:
        self.node = node
        self.contract = contract

    def standing(self) -> Standing:
        """Ask who is in office and what they have at stake."""
        functions = self.contract.functions
        current = struct_in(Committee, self.node.call(functions.current()))
        packed, effective_at = self.node.call(functions.scheduled())
        scheduled = struct_in(Committee, packed)
        members = dict.fromkeys((*current.members, *scheduled.members))
        return Standing(
            current=current,
            scheduled=scheduled,
            effective_at=effective_at,
            currency=self.node.call(functions.stakeCurrency()),
            least=self.node.call(functions.minStake()),
            seats=tuple(self.seat(member) for member in members),
            backed=any(self.node.call(functions.backedDigest())),
        )

    def seat(self, member: str) -> Seat:
        """Return what an account has at stake, whether it is seated or not."""
        return Seat(member, *self.node.call(self.contract.functions.stakeOf(member)))

    def stake(self, account: LocalAccount, member: str, amount: int) -> None:
        """Bond an amount of the account's money as a member's stake; the member gets it back.

        Raises
        ------
        InsufficientFunds
            If the account doesn't have it; nothing is sent.
        """
        functions = self.contract.functions
        currency = self.node.call(functions.stakeCurrency())
        value = amount if currency == NATIVE else 0
        with approved(self.node, account, currency, self.contract.address, amount):
            self.node.send(account, functions.stake(member, amount), value=value)

    def give_notice(self, account: LocalAccount, amount: int) -> None:
        """Ask for an amount of the account's own stake back; raises `TransactionReverted`."""
        self.node.send(account, self.contract.functions.requestUnstake(amount))

    def withdraw(self, account: LocalAccount, receiver: str) -> int:
        """Send what is on its way out to a receiver; returns how much it was.

        Raises
        ------
        TransactionReverted
            If the account still has a seat, or its delay is not over.
        """
        amount = self.seat(account.address).unbonding
        self.node.send(account, self.contract.functions.withdrawStake(receiver))
        return amount
