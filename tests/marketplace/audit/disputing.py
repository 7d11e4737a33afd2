"""Challenges, rulings and penalties of an audited trade, each one call of the arbiter."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from audit_chain import TERMS
from cast_of_trade import Cast
from eth_account.signers.local import LocalAccount

from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash, escrow_of, record_hash
from marketplace.protocol.structs import Struct
from marketplace.protocol.terms import NATIVE, Committee, Deal, Gate, Request
from marketplace.protocol.typed_data import quorum_signatures
from offchain.storage.cid import digest_of
from offchain.storage.disk import DiskStore

if TYPE_CHECKING:
    from audited_trade import Reported

PANEL_SEATS = (0, 1)
SALT = b"salt".rjust(32)


class Disputes:
    """What a trade, whose steps `AuditedTrade` has, needs for its disputes."""

    market: Market
    store: DiskStore
    parties: Cast
    request: Request
    committee: Committee
    id: bytes
    attempts: list[Reported]
    deal: Deal
    gate: Gate
    proof_of: Callable[[Reported], tuple[Any, ...]]

    claim = b"it is wrong"
    ruling = b"it is right"
    """What the challenger says, and the panel when it upholds a verdict."""

    def challenge(self) -> None:
        """Announce a challenge of the last attempt's verdict, and make it at the first moment."""
        self.announce()
        self.market.node.advance_time(TERMS.announcement_delay)
        self.challenge_now()

    def announce(self) -> None:
        parts = self.id, self.parties.stranger.address, self.stored(self.claim), SALT
        seal = self.market.node.call(self._challenges.sealOf(*parts))
        self.send_challenges(self.parties.stranger, "announce", seal)

    def challenge_now(self) -> None:
        bond = int(self.market.node.call(self._challenges.bondFor(escrow_of(self.deal, self.gate))))
        panel = self.market.panel_of(self.request.panel)
        value = bond if self.request.currency == NATIVE else 0
        last = self.attempts[-1]
        self.send_challenges(
            self.parties.stranger,
            "challenge",
            self.request,
            self.deal,
            self.gate,
            amounts_hash(last.finding.amounts),
            record_hash(last.record),
            self.committee,
            panel,
            self.stored(self.claim),
            SALT,
            value=value,
        )

    def uphold(self) -> None:
        evidence = self.stored(self.ruling)
        panel = self.market.panel_of(self.request.panel)
        packed = self._ruling(bytes(32), evidence)
        self.send_challenges(
            self.parties.stranger, "uphold", self.request, panel, evidence, *packed
        )

    def overturn(self, which: int = -1) -> None:
        attempt, evidence = self.attempts[which], self.stored(b"it is wrong indeed")
        panel = self.market.panel_of(self.request.panel)
        self.send_challenges(
            self.parties.stranger,
            "overturn",
            self.request,
            self.committee,
            panel,
            attempt.record,
            self.proof_of(attempt),
            evidence,
            *self._ruling(attempt.finding.model, evidence),
        )

    def stored(self, words: bytes) -> bytes:
        """Put what somebody says into the store; its digest."""
        return digest_of(self.store.put(words))

    def lapse_challenge(self) -> None:
        self.send_challenges(self.parties.stranger, "lapse", self.request)

    def penalise_closed_seals(self, which: int = 0) -> None:
        attempt = self.attempts[which]
        parts = (self.request, self.committee, attempt.record, self.proof_of(attempt))
        self.send_challenges(self.parties.stranger, "penaliseClosedSeals", *parts)

    def penalise_silence(self) -> None:
        self.send_challenges(self.parties.stranger, "penaliseSilence", self.request, self.committee)

    @property
    def _challenges(self) -> Any:
        return self.market.challenges.functions

    def send_challenges(
        self, account: LocalAccount, function: str, *arguments: Any, value: int = 0
    ) -> None:
        call = self._challenges[function](*(_plain(argument) for argument in arguments))
        self.market.node.send(account, call, value=value)

    def _ruling(self, model: bytes, evidence: bytes) -> tuple[int, bytes]:
        version = self.market.panel_of(self.request.panel).version
        question = self._challenges.rulingDigest(self.id, version, model, evidence)
        word = bytes(self.market.node.call(question))
        return quorum_signatures(
            {
                seat: bytes(self.parties.panel[seat].unsafe_sign_hash(word).signature)
                for seat in PANEL_SEATS
            }
        )


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.as_tuple()
    return [_plain(item) for item in value] if isinstance(value, list) else value
