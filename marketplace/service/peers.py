"""Who is behind a network: other seats, owners of experts; and how a provider hands over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Market, ReportedAttempt
from marketplace.protocol.documents import Sealed
from marketplace.protocol.errors import MarketError
from marketplace.protocol.terms import Opening
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
from marketplace.service.journal import Journal
from marketplace.service.messages import Kind, Message, P, Part, bytes_of, canonical, read_part
from marketplace.service.transport import Line
from offchain.oracle.attempt import AttemptProposal
from offchain.oracle.experts import ExpertOwner, TrainedModel, TrainingJob
from offchain.oracle.seat import Seat
from offchain.oracle.signer import Verdict


@dataclass(frozen=True)
class Asker:
    """Asks one account behind a network, in the name of another one.

    Attributes
    ----------
    market
        Signatures are made for it.
    account
        Who asks, and signs.
    address
        Who is asked, checksummed.
    """

    market: Market
    account: LocalAccount
    address: str
    line: Line

    def ask(self, kind: Kind, trade_id: bytes, body: Part, answer: type[P]) -> P:
        """Ask, signed; raises as `Line.ask`."""
        return self.line.ask(
            lambda: Message.signed(
                self.market.domain, self.account, kind, trade_id, self.address, body.content()
            ),
            answer,
        )


class Peer(Seat, Protocol):
    """A seat that also shows what providers delivered to it."""

    def deliveries(self, trade_id: bytes) -> list[Message]:
        """Return the providers' signed messages."""
        ...


class RemoteSeat:
    """Another seat; what it answers is checked by whoever collects it."""

    def __init__(self, asker: Asker) -> None:
        self.asker = asker

    @property
    def address(self) -> str:
        """The seat's account, checksummed."""
        return self.asker.address

    def review_data(self, trade_id: bytes, data_evidence: bytes, gate_evidence: bytes) -> bytes:
        """Ask for a signature over data and gate."""
        body = AskData(
            data_evidence="0x" + data_evidence.hex(), gate_evidence="0x" + gate_evidence.hex()
        )
        return bytes_of(self.asker.ask("review-data", trade_id, body, SignedData).signature)

    def review_attempt(self, trade_id: bytes, proposal: AttemptProposal) -> Verdict:
        """Ask for a verdict."""
        body = AskAttempt.of(proposal)
        return self.asker.ask("review-attempt", trade_id, body, SignedVerdict).verdict()

    def opening(self, trade_id: bytes, attempt: ReportedAttempt) -> Opening:
        """Ask for a score that it sealed."""
        body = AskOpening(number=attempt.number)
        return self.asker.ask("opening", trade_id, body, Opened).opening()

    def deliveries(self, trade_id: bytes) -> list[Message]:
        """Ask for the messages by which providers delivered."""
        return self.asker.ask("deliveries", trade_id, Nothing(), Deliveries).messages


class RemoteOwner:
    """An expert's owner in another process."""

    def __init__(self, asker: Asker, kind: str) -> None:
        self.asker = asker
        self.kind = kind

    @property
    def address(self) -> str:
        """The owner's account, checksummed."""
        return self.asker.address

    def train(self, job: TrainingJob) -> TrainedModel:
        """Have it train; a refusal drops the expert."""
        return self.asker.ask("train", job.trade_id, AskTraining.of(job), Trained).trained()


class Remembering:
    """An owner whose results are kept, so that a leader that was killed asks for none twice."""

    def __init__(self, owner: ExpertOwner, journal: Journal) -> None:
        self._owner = owner
        self._journal = journal

    @property
    def address(self) -> str:
        """The owner's account, checksummed."""
        return self._owner.address

    @property
    def kind(self) -> str:
        """The kind of expert it offers."""
        return self._owner.kind

    def train(self, job: TrainingJob) -> TrainedModel:
        """Return what it trained on this very subset for this attempt, or have it train."""
        asked = [job.trade_id.hex(), job.attempt, job.seed, job.subset.ciphertext, self.address]
        name = "train " + sha256(canonical(asked)).hexdigest()
        kept = self._journal.result(name)
        if kept is not None:
            return read_part(Trained, kept).trained()
        trained = self._owner.train(job)
        self._journal.keep_result(name, canonical(Trained.of(trained).content()).decode())
        return trained


def hand_over(seats: Sequence[Asker], trade_id: bytes, sealed: Sealed) -> list[str]:
    """Tell every seat where a provider's sealed dataset lies.

    Returns
    -------
    list of str
        The seats that didn't take it, with their reasons; one that did tells the others.
    """
    missed = []
    for seat in seats:
        try:
            seat.ask("deliver", trade_id, Delivered.of(sealed), Nothing)
        except MarketError as error:
            missed.append(f"{seat.address}: {error.cause}")
    return missed
