"""Payouts to many: a committee divides what arrived, and whoever is on its list claims.

Deposit or collect -> draft a list -> a quorum signs it -> propose -> a delay, in which the
guardian may veto -> activate -> claim -> withdraw (`contracts/src/interfaces/IPayouts.sol`).
Each signer holds the list against the chain and the list in force before it signs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.types import EventData, TxReceipt

from marketplace.chain.client import Node
from marketplace.chain.market import struct_in
from marketplace.protocol.agreement import committee_digest
from marketplace.protocol.earnings import Earning, Earnings, Place, build, check_succession
from marketplace.protocol.errors import (
    BadSignature,
    ChainError,
    NoContract,
    NodeUnreachable,
    ProtocolError,
    QuorumNotReached,
)
from marketplace.protocol.payouts import (
    ClaimAuthority,
    ClaimTo,
    Distribution,
    PayoutsDomain,
    SignedDistribution,
    packed,
)
from marketplace.protocol.terms import NATIVE, Committee
from marketplace.protocol.typed_data import sign, signer_of
from marketplace.roles.payee_lists import publish_list, read_list
from marketplace.roles.spending import approved
from offchain.storage.cid import cid_of_digest, digest_of
from offchain.storage.store import Store


@dataclass(frozen=True)
class Proposed:
    """A distribution as the log tells it, by its epoch and its list's CID."""

    epoch: int
    payee_list: str


@dataclass(frozen=True)
class Standing:
    """How one currency stands. Amounts in its smallest unit, times in seconds since 1970.

    Attributes
    ----------
    funded, total, unclaimed
        All that ever arrived, what the distribution in force gives out, and what of that nobody
        has claimed yet.
    epoch
        Of the last proposal, whatever became of it.
    in_force
        What payees claim of; None before the first.
    waiting, waiting_total, active_at
        The proposal that waits for its activation, its total, and from when on it may come into
        force; None and zeros if none waits.
    """

    funded: int
    total: int
    unclaimed: int
    epoch: int
    in_force: Proposed | None
    waiting: Proposed | None
    waiting_total: int
    active_at: int


class Payouts:
    """One contract of payouts, on one node."""

    def __init__(self, node: Node, address: str) -> None:
        self.node = node
        self.contract = node.contract("Payouts", address)
        self.address = str(self.contract.address)
        self.domain = PayoutsDomain(node.chain_id, self.address)

    # ------------------------------------------------------------------ views

    def view(self, function: str, *arguments: Any) -> Any:
        """Evaluate a view function of the contract."""
        return self.node.call(self.contract.functions[function](*arguments))

    def office(self) -> Committee:
        """Return the committee that has to sign now."""
        contract: Contract = self.node.contract("OracleCommittee", self.view("committees"))
        return struct_in(Committee, self.node.call(contract.functions.current()))

    def standing(self, currency: str) -> Standing:
        """Return how a currency stands."""
        funded, total, unclaimed = self.view("fundsOf", currency)
        epoch, _ = self.view("rootsOf", currency)
        waiting_total, active_at, _ = self.view("pendingOf", currency)
        return Standing(
            funded,
            total,
            unclaimed,
            epoch,
            self.in_force(currency),
            self._proposed(currency, epoch) if active_at else None,
            waiting_total,
            active_at,
        )

    def in_force(self, currency: str) -> Proposed | None:
        """Return the distribution that payees claim of; None before the first."""
        activated = self._events("DistributionActivated", currency)
        return self._proposed(currency, activated[-1]["args"]["epoch"]) if activated else None

    def earnings_in_force(
        self, currency: str, store: Store, cid: str | None = None
    ) -> Earnings | None:
        """Return the list in force with its trees; None before the first.

        Parameters
        ----------
        cid
            Where the list lies; by default, what the log names.

        Raises
        ------
        ProtocolError
            If the list has other trees than are in force.
        MissingContent, StorageError
            If the list can't be had.
        """
        _, roots = self.view("rootsOf", currency)
        if not roots:
            return None
        if cid is None:
            activated = self._events("DistributionActivated", currency)
            cid = self._proposed(currency, _last(activated)["args"]["epoch"]).payee_list
        _, rows = read_list(store, cid)
        earnings = _built(rows, len(roots))
        if earnings.roots != tuple(roots):
            raise ProtocolError(
                f"the list {cid} has other trees than are in force",
                "take the list that `moemarket payouts status` names, or ask the committee for it",
            )
        return earnings

    # ------------------------------------------------------------------ funds

    def deposit(self, account: LocalAccount, currency: str, amount: int) -> TxReceipt:
        """Give an amount, in the smallest unit, to be distributed.

        Raises
        ------
        InsufficientFunds
            If the account doesn't have it; nothing is sent.
        """
        value = amount if currency == NATIVE else 0
        with approved(self.node, account, currency, self.address, amount):
            return self._send(account, "deposit", currency, amount, value=value)

    def collect(self, account: LocalAccount, ledger: str, currency: str) -> TxReceipt:
        """Bring in what a market owes this contract; any account may."""
        return self._send(account, "collect", ledger, currency)

    # ---------------------------------------------------------- distributions

    def draft(
        self, store: Store, currency: str, earnings: Sequence[Earning]
    ) -> tuple[str, Distribution]:
        """Publish the next list; returns its CID and what is to be signed.

        Raises
        ------
        ProtocolError
            As `require_due`; nothing is published.
        MissingContent, StorageError
            If the list in force can't be had, or the store takes no list.
        """
        built = _built(earnings)
        epoch = int(self.view("rootsOf", currency)[0]) + 1
        self.require_due(store, currency, epoch, built)
        cid = publish_list(store, currency, epoch, earnings)
        return cid, self.distribution(currency, epoch, built, digest_of(cid))

    def distribution(
        self, currency: str, epoch: int, earnings: Earnings, document: bytes
    ) -> Distribution:
        """Return what the committee in office has to sign; `document` is the list's digest."""
        office = committee_digest(self.office())
        return Distribution(currency, epoch, earnings.total, earnings.roots, document, office)

    def require_due(self, store: Store, currency: str, epoch: int, earnings: Earnings) -> None:
        """Check that the contract would take a list, and that nobody loses by it.

        Raises
        ------
        ProtocolError
            If another distribution waits, the epoch is not the next one, the funds never stood
            at the total or it was given out before, or somebody has less than in the list in force.
        MissingContent, StorageError
            If the list in force can't be had: without it, nobody could tell.
        """
        standing, total = self.standing(currency), earnings.total
        if standing.waiting is not None:
            raise ProtocolError(
                f"distribution {standing.epoch} of {currency} waits",
                "activate it after its delay, or have the guardian veto it",
            )
        if epoch != standing.epoch + 1:
            raise ProtocolError(
                f"the list is of epoch {epoch}, and the next one is {standing.epoch + 1}",
                "make the list anew",
            )
        if total <= standing.total:
            raise ProtocolError(
                f"the list gives out {total}, and {standing.total} were given out before",
                "count from the beginning, and wait until more has arrived",
            )
        if not self.view("wasFunded", currency, total):
            raise ProtocolError(
                f"the list gives out {total}, and the funds never stood at that sum: they stand"
                f" at {standing.funded}",
                "divide what had arrived after one of the deposits, to the last unit",
            )
        before = self.earnings_in_force(currency, store)
        if before is not None:
            check_succession(before, earnings)

    def vouch(
        self, store: Store, account: LocalAccount, cid: str, agreed: dict[str, int] | None = None
    ) -> SignedDistribution:
        """Hold a published list against the chain, and sign it for a seat.

        Parameters
        ----------
        agreed
            What each account should have earned, if the signer has an account of its own.

        Raises
        ------
        ProtocolError
            As `require_due`; or if the list says otherwise than `agreed`, or the account is not
            of the committee in office.
        StorageError
            If the list can't be had.
        """
        listing, rows = read_list(store, cid)
        if agreed is not None:
            _require_agreed(cid, rows, agreed)
        earnings = _built(rows)
        self.require_due(store, listing.currency, listing.epoch, earnings)
        distribution = self.distribution(listing.currency, listing.epoch, earnings, digest_of(cid))
        if account.address not in self.office().members:
            raise ProtocolError(
                f"{account.address} is not of the committee in office",
                "sign with the key of one of its members",
            )
        return self.sign(account, distribution)

    def sign(self, account: LocalAccount, distribution: Distribution) -> SignedDistribution:
        """Sign a distribution as it is; nothing is sent."""
        return SignedDistribution(
            chain_id=self.domain.chain_id,
            payouts=self.address,
            currency=distribution.currency,
            epoch=distribution.epoch,
            total=distribution.total,
            roots=distribution.roots,
            payee_list=distribution.document,
            committee=distribution.committee,
            signer=account.address,
            signature=sign(self.domain, distribution, account),
        )

    def propose(self, account: LocalAccount, signed: Sequence[SignedDistribution]) -> Distribution:
        """Propose what a quorum signed, from any account; returns the distribution.

        Raises
        ------
        ProtocolError
            If the signatures are on different distributions, for another contract, or by
            somebody who is not of the committee.
        BadSignature
            If one is not by who it says.
        QuorumNotReached
            If they are too few.
        TransactionReverted
            If the contract takes no such distribution now.
        """
        office = self.office()
        if len({each.signer for each in signed}) < office.threshold:
            raise QuorumNotReached(
                f"{len({each.signer for each in signed})} of the committee signed, where"
                f" {office.threshold} are a quorum",
                "collect more signatures",
            )
        distribution = signed[0].distribution
        for each in signed:
            self._require_signed(each, distribution)
        quorum = packed(office.members, {each.signer: each.signature for each in signed})
        self._send(account, "propose", distribution.as_tuple(), office.as_tuple(), *quorum)
        return distribution

    def seconds_to_activation(self, currency: str) -> int:
        """Return how long the chain's clock must go on until what waits may come into force."""
        return max(0, int(self.view("pendingOf", currency)[1]) - self.node.now())

    def activate(self, account: LocalAccount, currency: str) -> TxReceipt:
        """Put what waits into force, after its delay; any account may."""
        return self._send(account, "activate", currency)

    def veto(self, account: LocalAccount, currency: str) -> TxReceipt:
        """Strike out what waits; only the guardian may."""
        return self._send(account, "veto", currency)

    # ----------------------------------------------------------------- claims

    def place_of(self, store: Store, currency: str, payee: str, cid: str | None = None) -> Place:
        """Return what a payee has earned by the list in force, and the proof.

        Raises
        ------
        ProtocolError
            If nothing is in force, the list has other trees, or the payee is not on it.
        MissingContent, StorageError
            If the list can't be had.
        """
        earnings = self.earnings_in_force(currency, store, cid)
        if earnings is None:
            raise ProtocolError(
                f"nothing of {currency} has been given out", "wait until a distribution is active"
            )
        if payee not in earnings.places:
            raise ProtocolError(
                f"{payee} is not on the list in force", "check the account and the currency"
            )
        return earnings.places[payee]

    def claim(self, account: LocalAccount, currency: str, place: Place) -> TxReceipt:
        """Credit a payee with what it earned since its last claim; any account may."""
        return self._send(account, "claim", *_proof(currency, place))

    def claim_and_withdraw(
        self, account: LocalAccount, currency: str, place: Place, receiver: str
    ) -> TxReceipt:
        """Claim for the account itself, and send its whole credit to a receiver."""
        return self._send(account, "claimAndWithdraw", *_proof(currency, place), receiver)

    def authorise(
        self, account: LocalAccount, currency: str, receiver: str, seconds: int
    ) -> ClaimAuthority:
        """Sign that anyone may claim for an account and send its credit to a receiver, once."""
        deadline = self.node.now() + seconds
        nonce = int(self.view("nonces", account.address))
        said = ClaimTo(account.address, currency, receiver, nonce, deadline)
        return ClaimAuthority(
            chain_id=self.domain.chain_id,
            payouts=self.address,
            account=account.address,
            currency=currency,
            receiver=receiver,
            deadline=deadline,
            signature=sign(self.domain, said, account),
        )

    def claim_by(self, account: LocalAccount, authority: ClaimAuthority, place: Place) -> TxReceipt:
        """Claim for a payee and send its credit where it signed; any account may.

        Raises
        ------
        ProtocolError
            As `order_in`.
        TransactionReverted
            If the authority is over, was used, or is not by the payee.
        """
        order = self.order_in(authority)
        said = order.receiver, order.deadline, authority.signature
        return self._send(account, "claimTo", *_proof(order.currency, place), *said)

    def order_in(self, authority: ClaimAuthority) -> ClaimTo:
        """Return what a payee signed, if it was for this contract; `ProtocolError` otherwise."""
        self._require_here(authority, authority.account)
        currency, receiver = authority.currency, authority.receiver
        order = ClaimTo(authority.account, currency, receiver, 0, authority.deadline)
        return replace(order, nonce=int(self.view("nonces", order.account)))

    def withdraw(self, account: LocalAccount, currency: str, receiver: str) -> TxReceipt:
        """Send an account's whole credit to a receiver."""
        return self._send(account, "withdraw", currency, receiver)

    # -------------------------------------------------------------- internals

    def _send(
        self, account: LocalAccount, function: str, *arguments: Any, value: int = 0
    ) -> TxReceipt:
        return self.node.send(account, self.contract.functions[function](*arguments), value=value)

    def _proposed(self, currency: str, epoch: int) -> Proposed:
        event = _last(self._events("DistributionProposed", currency, epoch))
        return Proposed(epoch, cid_of_digest(event["args"]["document"]))

    def _events(self, name: str, currency: str, epoch: int | None = None) -> list[EventData]:
        """Return the events of one name about a currency, or one of its epochs, in order."""
        event: Any = self.contract.events[name]
        topics = [event.topic, "0x" + currency[2:].lower().rjust(64, "0")]
        question = {
            "address": self.contract.address,
            "topics": topics if epoch is None else [*topics, f"0x{epoch:064x}"],
            "fromBlock": "earliest",
            "toBlock": "latest",
        }
        return [event().process_log(log) for log in self.node.logs(question)]

    def _require_signed(self, signed: SignedDistribution, distribution: Distribution) -> None:
        self._require_here(signed, signed.signer)
        if signed.distribution != distribution:
            raise ProtocolError(
                f"{signed.signer} signed another distribution than the others",
                "have all of them sign the same list",
            )
        if signer_of(self.domain, distribution, signed.signature) != signed.signer:
            raise BadSignature(
                f"the signature in the name of {signed.signer} is by somebody else",
                "ask that seat to sign again",
            )

    def _require_here(self, said: SignedDistribution | ClaimAuthority, who: str) -> None:
        if (said.chain_id, said.payouts) != (self.domain.chain_id, self.address):
            raise ProtocolError(
                f"{who} signed for {said.payouts} on chain {said.chain_id}",
                f"have it sign for {self.address} on chain {self.domain.chain_id}",
            )


def open_payouts(node: Node, address: str) -> Payouts:
    """Bind a contract that is known by its address only.

    Raises
    ------
    NoContract
        If there is none, or another one.
    """
    payouts = Payouts(node, address)
    try:
        payouts.view("activationDelay")
    except NodeUnreachable:
        raise
    except ChainError as error:
        raise NoContract(
            f"the contract at {address} is none of payouts",
            "give the address that `moemarket deploy` printed as payouts",
        ) from error
    return payouts


def _last(events: Sequence[EventData]) -> EventData:
    if not events:
        raise ChainError(
            "the node has no log of a distribution that its contract knows",
            "ask a node that keeps logs from the start",
        )
    return events[-1]


def _built(earnings: Iterable[Earning], trees: int | None = None) -> Earnings:
    rows = tuple(earnings)
    return build(rows, sum(earning.cumulative for earning in rows), trees)


def _proof(currency: str, place: Place) -> tuple[Any, ...]:
    return currency, list(place.proof), place.earning.as_tuple()


def _require_agreed(cid: str, rows: Iterable[Earning], agreed: dict[str, int]) -> None:
    said = {earning.account: earning.cumulative for earning in rows}
    for account in sorted(said.keys() | agreed.keys()):
        if said.get(account, 0) != agreed.get(account, 0):
            raise ProtocolError(
                f"by the list {cid} {account} has earned {said.get(account, 0)}, not"
                f" {agreed.get(account, 0)}",
                "settle with whoever made the list what is right",
            )
