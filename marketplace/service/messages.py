"""What seats, providers and owners of experts say to each other, signed and bounded.

One JSON document, posted to ``/ask``::

    {"kind", "trade", "to", "time", "nonce", "body": {…}, "signature"}

The signature is EIP-712 under the domain ``OracleSeat`` of the market's chain and address,
over `Asked`: it binds the kind, the trade, whom it is for, the time and the body's digest.
The answer is ``{"answer": {…}}``, ``{"refusal": {"cause", "remedy"}}`` or
``{"working": true}``: ask again. Answers are not signed; what they hold is.
"""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar

from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from marketplace.protocol.errors import BadSignature, ProtocolError
from marketplace.protocol.foreign_json import parse_json
from marketplace.protocol.structs import Address, Bytes32, Struct, Uint40
from marketplace.protocol.typed_data import Domain, sign, signer_of

MAX_BYTES = 256 * 1024
"""Of a message, and of an answer: bulk goes through storage."""

CLOCK_SECONDS = 120
"""How far the sender's clock may be off; as long is a nonce remembered, twice."""

DOMAIN_NAME = "OracleSeat"

Kind = Literal["review-data", "review-attempt", "opening", "deliveries", "deliver", "train"]
Bytes32Hex = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Hex = Annotated[str, Field(pattern=r"^0x([0-9a-f]{2})*$", max_length=1_000)]
Account = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]


@dataclass(frozen=True)
class Asked(Struct):
    """What is signed of a message; `kind` and `body` are keccak-256 of their bytes."""

    kind: Bytes32
    trade: Bytes32
    to: Address
    time: Uint40
    nonce: Bytes32
    body: Bytes32


class Part(BaseModel):
    """Base of all parts: immutable, nothing unknown, nothing converted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True
    )

    def content(self) -> dict[str, Any]:
        """Return JSON-ready content."""
        return self.model_dump(mode="json", by_alias=True)


P = TypeVar("P", bound=Part)


class Message(Part):
    """A signed question."""

    kind: Kind
    trade: Bytes32Hex
    to: Account
    time: int = Field(ge=0, lt=2**40)
    nonce: Bytes32Hex
    body: dict[str, Any]
    signature: Annotated[str, Field(pattern=r"^0x[0-9a-f]{130}$")]

    @classmethod
    def signed(
        cls,
        market: Domain,
        account: LocalAccount,
        kind: Kind,
        trade_id: bytes,
        to: str,
        body: dict[str, Any],
    ) -> Self:
        """Sign a question with an account's key, now."""
        draft = cls(
            kind=kind,
            trade="0x" + trade_id.hex(),
            to=to,
            time=int(time.time()),
            nonce="0x" + secrets.token_hex(32),
            body=body,
            signature="0x" + "00" * 65,
        )
        signature = sign(_domain(market), draft._asked(), account)
        return draft.model_copy(update={"signature": "0x" + signature.hex()})

    @classmethod
    def read(cls, data: bytes | str) -> Self:
        """Read what a stranger posted.

        Raises
        ------
        ProtocolError
            If it is no message.
        """
        return read_part(cls, data)

    @property
    def trade_id(self) -> bytes:
        """The trade, 32 bytes."""
        return bytes_of(self.trade)

    def sender(self, market: Domain) -> str:
        """Return who signed it, checksummed.

        Raises
        ------
        BadSignature
            If nobody did.
        """
        return signer_of(_domain(market), self._asked(), bytes_of(self.signature))

    def require_fresh(self, to: str, now: float) -> None:
        """Require that it is for this account, and of this time.

        Raises
        ------
        BadSignature
            If it is not.
        """
        if self.to != to:
            raise BadSignature(f"the message is for {self.to}", f"sign one for {to}")
        if abs(now - self.time) > CLOCK_SECONDS:
            raise BadSignature(
                f"the message is of {self.time}, and it is {int(now)} here",
                f"set the clock right; {CLOCK_SECONDS} s are borne",
            )

    def to_bytes(self) -> bytes:
        """Write JSON text."""
        return canonical(self.content())

    def _asked(self) -> Asked:
        return Asked(
            kind=keccak(self.kind.encode()),
            trade=self.trade_id,
            to=self.to,
            time=self.time,
            nonce=bytes_of(self.nonce),
            body=keccak(canonical(self.body)),
        )


class Refusal(Part):
    """Why something is not done."""

    cause: str = Field(max_length=1_000)
    remedy: str = Field(max_length=1_000)


class Answer(Part):
    """An answer, a refusal, or the word to ask again."""

    answer: dict[str, Any] | None = None
    refusal: Refusal | None = None
    working: bool = False


def read_part(kind: type[P], data: bytes | str) -> P:
    """Read JSON text that may come from a stranger.

    Raises
    ------
    ProtocolError
        If it is too long, no JSON, or something else.
    """
    raw = data.encode() if isinstance(data, str) else data
    try:
        if len(raw) > MAX_BYTES:
            raise ValueError("it is too long")
        parse_json(raw)  # bounds the depth
        return kind.model_validate_json(raw)
    except ValueError as error:
        raise unreadable(kind.__name__, error) from error


def canonical(content: Any) -> bytes:
    """Return JSON text of which equal content has one only."""
    return json.dumps(content, sort_keys=True, separators=(",", ":")).encode()


def _domain(market: Domain) -> Domain:
    return Domain(market.chain_id, market.market, DOMAIN_NAME)


def unreadable(what: str, error: ValueError) -> ProtocolError:
    """Return the error for bytes of another kind."""
    reason = str(error).splitlines()[0][:200]
    return ProtocolError(f"this is no {what}: {reason}", "write it as docs/oracle.md says")


def bytes_of(text: str) -> bytes:
    """Return the bytes of 0x-hex that was checked."""
    return bytes.fromhex(text[2:])
