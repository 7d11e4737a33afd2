"""What a seat does when it is asked: reviews, openings, and deliveries that it takes and shows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from marketplace.chain.market import Market
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import Committee
from marketplace.roles.expert import Expert
from marketplace.service.bodies import (
    AskAttempt,
    AskData,
    AskOpening,
    AskTraining,
    Delivered,
    Deliveries,
    Nothing,
    Opened,
    SignedData,
    SignedVerdict,
    Trained,
)
from marketplace.service.desk import Service
from marketplace.service.journal import Journal
from marketplace.service.keeping import Keeping
from marketplace.service.messages import Kind, Message, P, Part, bytes_of, canonical, read_part
from offchain.oracle.case import accepted_quotes
from offchain.oracle.signer import OracleSigner


class Parties:
    """Who has which part in a trade, by the chain; what can't change is asked once."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self.committee = lru_cache(1_024)(self._committee)
        self.providers = lru_cache(1_024)(self._providers)

    def members(self, trade_id: bytes) -> tuple[str, ...]:
        """Return the committee's accounts, by seat."""
        return self.committee(trade_id).members

    def _committee(self, trade_id: bytes) -> Committee:
        return self._market.committee_of(self._market.agreement(trade_id).request.committee)

    def _providers(self, trade_id: bytes) -> tuple[str, ...]:
        return tuple(quote.provider for quote in accepted_quotes(self._market, trade_id))


class Inbox:
    """What providers delivered, as their own signed messages: a seat can show them to others."""

    def __init__(self, market: Market, journal: Journal, parties: Parties) -> None:
        self._market = market
        self._journal = journal
        self._parties = parties

    def take(self, message: Message) -> None:
        """Keep a delivery by a provider of the trade, the latest that it signed.

        Raises
        ------
        TradeRefused
            If no provider of this trade signed it for a member of its committee.
        BadSignature, ProtocolError
            If it can't be read, or nobody signed it.
        """
        provider = message.sender(self._market.domain)
        bound_to = self._parties.members(message.trade_id)
        if message.kind != "deliver" or message.to not in bound_to:
            raise TradeRefused("this is no delivery to this committee", "deliver to its members")
        if provider not in self._parties.providers(message.trade_id):
            raise TradeRefused(f"{provider} has sold no data to this trade", "deliver nothing")
        body_of(Delivered, message)
        kept = self._journal.deliveries(message.trade).get(provider)
        if kept is None or Message.read(kept).time < message.time:
            text = canonical(message.content()).decode()
            self._journal.keep_delivery(message.trade, provider, text)

    def messages(self, trade_id: bytes) -> list[Message]:
        """Return what was delivered."""
        kept = self._journal.deliveries("0x" + trade_id.hex())
        return [Message.read(text) for text in kept.values()]

    def sealed(self, trade_id: bytes) -> Mapping[str, Sealed | None]:
        """Return where each provider's dataset lies, by checksummed address."""
        return {
            message.sender(self._market.domain): body_of(Delivered, message).sealed()
            for message in self.messages(trade_id)
        }

    def missing(self, trade_id: bytes) -> set[str]:
        """Return the providers that have not delivered."""
        kept = self._journal.deliveries("0x" + trade_id.hex())
        return set(self._parties.providers(trade_id)) - set(kept)


def seat_services(signer: OracleSigner, inbox: Inbox, parties: Parties) -> dict[Kind, Service]:
    """Return what a seat answers."""
    market = signer.market

    def review_data(message: Message, sender: str) -> Part:
        asked = body_of(AskData, message)
        evidence = bytes_of(asked.data_evidence), bytes_of(asked.gate_evidence)
        return SignedData(signature="0x" + signer.review_data(message.trade_id, *evidence).hex())

    def review_attempt(message: Message, sender: str) -> Part:
        proposal = body_of(AskAttempt, message).proposal()
        return SignedVerdict.of(signer.review_attempt(message.trade_id, proposal))

    def opening(message: Message, sender: str) -> Part:
        reported = market.agreement(message.trade_id).attempts
        attempt = body_of(AskOpening, message).attempt(reported)
        return Opened.of(signer.opening(message.trade_id, attempt))

    def deliveries(message: Message, sender: str) -> Part:
        return Deliveries(messages=inbox.messages(message.trade_id))

    def deliver(message: Message, sender: str) -> Part:
        status = market.status(message.trade_id)
        if status.state != State.FUNDED:
            raise TradeRefused(f"the trade is {status.state.name}", "nothing is delivered now")
        inbox.take(message)
        return Nothing()

    members = parties.members
    return {
        "review-data": Service(members, review_data),
        "review-attempt": Service(members, review_attempt),
        "opening": Service(members, opening),
        "deliveries": Service(members, deliveries, quick=True),
        "deliver": Service(parties.providers, deliver, quick=True),
    }


def owner_services(owner: Expert, parties: Parties, keeping: Keeping) -> dict[Kind, Service]:
    """Return what an expert's owner answers; which work is its own it sees on chain."""

    def train(message: Message, sender: str) -> Part:
        asked = body_of(AskTraining, message)
        job = owner.own_job(message.trade_id)
        if (job.attempt, job.subset) != (asked.attempt, asked.subset()):
            raise TradeRefused("the gate gave this owner another subset", "ask as the gate says")
        trained = owner.train(job)
        keeping.take(message.trade_id, trained)
        return Trained.of(trained)

    return {"train": Service(parties.members, train)}


def body_of(kind: type[P], message: Message) -> P:
    """Return a message's body as what its kind asks for; raises as `read_part`."""
    return read_part(kind, canonical(message.body))
