"""What a leader asks of a seat, whether it is in this process or behind a network."""

from __future__ import annotations

from typing import Protocol

from marketplace.chain.market import ReportedAttempt
from marketplace.protocol.terms import Opening
from offchain.oracle.attempt import AttemptProposal
from offchain.oracle.signer import Verdict


class Seat(Protocol):
    """A member of the committee; `OracleSigner` says what each question means and raises."""

    @property
    def address(self) -> str:
        """The seat's account, checksummed."""
        ...

    def review_data(self, trade_id: bytes, data_evidence: bytes, gate_evidence: bytes) -> bytes:
        """Return its signature over data and gate, 65 bytes."""
        ...

    def review_attempt(self, trade_id: bytes, proposal: AttemptProposal) -> Verdict:
        """Return its sealed score and its signature over an attempt."""
        ...

    def opening(self, trade_id: bytes, attempt: ReportedAttempt) -> Opening:
        """Return its score of an attempt, once no attempt can follow."""
        ...
