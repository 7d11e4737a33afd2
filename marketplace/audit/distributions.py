"""Folds what committees proposed to give out to many, and builds the trees over a list again.

What a distribution holds is in `marketplace.protocol.documents.PayeeList`. The trees are those of
`docs/decisions/0020-payouts-are-cumulative.md`, by code of its own: the contract never sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from eth_hash.backends.pysha3 import keccak256 as keccak

from marketplace.audit.abi import Event
from marketplace.audit.digests import NOTHING, hashed
from marketplace.audit.signatures import SignedReport
from marketplace.audit.trade import seats_in
from marketplace.protocol.earnings import Earning
from marketplace.protocol.payouts import Distribution
from marketplace.protocol.typed_data import Domain, digest


@dataclass(frozen=True)
class Claim:
    """What an account claimed since the beginning, in wei, and the log's place of it."""

    account: str
    cumulative: int
    place: str


@dataclass
class Proposal:
    """What a committee signed, and what became of it.

    Attributes
    ----------
    distribution
        As signed, but for the roots of the log.
    signers, signatures
        Bitmap of the seats, and their compact signatures in that order.
    timestamp, active_at
        When it was made, and from when on it may come into force, in seconds since 1970.
    vetoed, activated
        Whether it was struck out, and whether it came into force.
    claims
        Those made while it was in force.
    """

    distribution: Distribution
    signers: int
    signatures: bytes
    block: int
    timestamp: int
    active_at: int
    vetoed: bool = False
    activated: bool = False
    claims: list[Claim] = field(default_factory=list)

    @property
    def name(self) -> str:
        """For people."""
        return f"distribution {self.distribution.epoch} of {self.distribution.currency}"

    def signed(self, domain: Domain) -> SignedReport:
        """Return who signed it; every seat signs the same."""
        word = digest(domain, self.distribution)
        digests = dict.fromkeys(seats_in(self.signers), word)
        where = self.block, self.timestamp
        return SignedReport(self.name, self.signers, digests, self.signatures, *where)


@dataclass
class Distributions:
    """What the log of payouts says of distributions.

    Attributes
    ----------
    proposals
        In the order of the log.
    faults
        Sentences about proposals out of order.
    epochs
        By currency, that of the last proposal.
    waiting, in_force
        By currency, the proposal that may come into force, and the last one that did.
    """

    proposals: list[Proposal] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    waiting: dict[str, Proposal] = field(default_factory=dict)
    in_force: dict[str, Proposal] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)

    def take(self, event: Event) -> None:
        """Take the next event of the contract."""
        if event.name in _EVENTS:
            _EVENTS[event.name](self, event, event["currency"])

    def _proposed(self, event: Event, currency: str) -> None:
        epoch, due = event["epoch"], self.epochs.get(currency, 0) + 1
        if epoch != due:
            self.faults.append(f"epoch {epoch} of {currency} is proposed where {due} is next")
        if currency in self.waiting:
            self.faults.append(f"epoch {epoch} of {currency} is proposed while another waits")
        if len(event["roots"]) not in _TREES:
            self.faults.append(f"epoch {epoch} of {currency} has {len(event['roots'])} trees")
        self.epochs[currency] = epoch
        proposal = Proposal(
            Distribution(
                currency,
                epoch,
                event["total"],
                tuple(event["roots"]),
                event["document"],
                event["committee"],
            ),
            event["signers"],
            event["signatures"],
            event.log.block,
            event.timestamp,
            event["activeAt"],
        )
        self.proposals.append(proposal)
        self.waiting[currency] = proposal

    def _vetoed(self, event: Event, currency: str) -> None:
        proposal = self._waiting(event, currency)
        if proposal is not None:
            proposal.vetoed = True

    def _activated(self, event: Event, currency: str) -> None:
        proposal = self._waiting(event, currency)
        if proposal is None:
            return
        if event.timestamp < proposal.active_at:
            self.faults.append(f"{proposal.name} is in force before its time")
        if event["total"] != proposal.distribution.total:
            self.faults.append(
                f"{proposal.name} gives out {event['total']} where"
                f" {proposal.distribution.total} was proposed"
            )
        proposal.activated = True
        self.in_force[currency] = proposal

    def _claimed(self, event: Event, currency: str) -> None:
        claim = Claim(event["account"], event["cumulative"], event.log.place)
        if currency in self.in_force:
            self.in_force[currency].claims.append(claim)
        else:
            self.faults.append(f"{claim.account} claims of {currency} before anything is given out")

    def _waiting(self, event: Event, currency: str) -> Proposal | None:
        proposal = self.waiting.pop(currency, None)
        if proposal is None or proposal.distribution.epoch != event["epoch"]:
            self.faults.append(
                f"{event.name} is about epoch {event['epoch']} of {currency}, which doesn't wait"
            )
            return None
        return proposal


_EVENTS: dict[str, Callable[[Distributions, Event, str], None]] = {
    "DistributionProposed": Distributions._proposed,
    "DistributionVetoed": Distributions._vetoed,
    "DistributionActivated": Distributions._activated,
    "Claimed": Distributions._claimed,
}


_TREES = {1 << bits for bits in range(9)}


def roots_of(earnings: Sequence[Earning], trees: int) -> tuple[bytes, ...]:
    """Return the Merkle roots, 32 bytes each, of that many trees over all earnings.

    A leaf's first bits say its tree; in a tree, the leaves ascend.
    """
    dealt: list[list[bytes]] = [[] for _ in range(trees)]
    for leaf in sorted(map(_leaf, earnings)):
        dealt[int.from_bytes(leaf) * trees >> 256].append(leaf)
    return tuple(map(_root, dealt))


def _leaf(earning: Earning) -> bytes:
    salt = earning.salt.ljust(32, b"\0")
    return keccak(hashed(earning.account, earning.cumulative, salt))


def _root(leaves: list[bytes]) -> bytes:
    """Fold a heap whose last nodes are the leaves; an empty tree's root is zero."""
    nodes = [NOTHING] * len(leaves) + leaves
    for place in range(len(leaves) - 1, 0, -1):
        nodes[place] = keccak(b"".join(sorted(nodes[2 * place : 2 * place + 2])))
    return nodes[1] if leaves else NOTHING
