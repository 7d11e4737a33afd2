"""What a challenge of a verdict is argued and decided with."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.protocol.documents import Document
from marketplace.protocol.structs import Bytes32, Struct, Uint32
from marketplace.protocol.typed_data import Domain

STANDS = bytes(32)
"""The model that a ruling names when the verdict stands."""


@dataclass(frozen=True)
class Ruling(Struct):
    """A panel's ruling; `model` is that of the attempt judged wrongly, or `STANDS`."""

    trade_id: Bytes32
    panel_version: Uint32
    model: Bytes32
    evidence: Bytes32


class Claim(Document):
    """What a challenger says is wrong with a verdict; published with the challenge."""

    kind = "claim"
    trade: str
    claim: str


class Reexecution(Document):
    """What the panel found when it executed a trade's attempts again; published with the ruling.

    `attempt` is the one that was judged wrongly; of a verdict that stands, the deciding one.
    """

    kind = "reexecution"
    trade: str
    attempt: int
    stands: bool
    finding: str


def ruling_domain(chain_id: int, challenges: str) -> Domain:
    """Return where rulings are signed for: the contract of the challenges."""
    return Domain(chain_id, challenges, "Challenges")
