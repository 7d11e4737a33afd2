"""The public documents of a trade, as canonical JSON in content-addressed storage.

The chain holds the sha2-256 digest of each; `docs/protocol.md` says which step
publishes which. Equal documents have equal bytes: keys sorted, no spaces, ASCII,
amounts as decimal strings because JSON readers round large numbers.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError
from pydantic.alias_generators import to_camel

from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.foreign_json import parse_json

MAX_DOCUMENT_BYTES = 256 * 1024
"""A document is one block of storage, so that its digest alone names it."""


def _amount(value: Any) -> Any:
    if isinstance(value, str):
        if not value.isascii() or not value.isdigit():
            raise ValueError("not a decimal number")
        return int(value)
    if isinstance(value, int) and value < 0:
        raise ValueError("negative")
    return value


Amount = Annotated[int, BeforeValidator(_amount), PlainSerializer(str, return_type=str)]
"""A non-negative whole number of any size, written as a decimal string."""


def _bytes(value: Any) -> Any:
    return bytes.fromhex(value.removeprefix("0x")) if isinstance(value, str) else value


Hex = Annotated[
    bytes,
    BeforeValidator(_bytes),
    PlainSerializer(lambda value: "0x" + value.hex(), return_type=str),
]
"""Bytes, written as 0x-hex."""


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error).splitlines()[0]


class Document(BaseModel):
    """Base of all documents: immutable, no unknown fields, camelCase in JSON."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True
    )
    kind: ClassVar[str]
    max_bytes: ClassVar[int | None] = MAX_DOCUMENT_BYTES

    def to_bytes(self) -> bytes:
        """Return the canonical bytes.

        Raises
        ------
        ProtocolError
            If there are more than `max_bytes`.
        """
        content = {"document": self.kind, **self.model_dump(mode="json", by_alias=True)}
        data = json.dumps(content, sort_keys=True, separators=(",", ":")).encode()
        if self.max_bytes is not None and len(data) > self.max_bytes:
            raise ProtocolError(
                f"the {self.kind} has {len(data)} bytes",
                f"keep it below {self.max_bytes}; move bulk into a file of its own",
            )
        return data

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a document that may come from a stranger.

        Raises
        ------
        ProtocolError
            If the bytes are not this kind of document.
        """
        try:
            if cls.max_bytes is not None and len(data) > cls.max_bytes:
                raise ValueError("it is too large")
            content = parse_json(data)
            if not isinstance(content, dict) or content.pop("document", None) != cls.kind:
                raise ValueError("it is another kind of document")
            return cls.model_validate(content)
        except ValueError as error:
            raise ProtocolError(
                f"these bytes are not a {cls.kind}: {_reason(error)}",
                "ask their author for the right CID",
            ) from error


class Sealed(Document):
    """Where an encrypted payload lies, and the envelope that wraps its key."""

    kind = "sealed"
    ciphertext: str
    envelope: str


Division = Literal["shapley", "skill"]
"""Rules that may divide an expert pool (`docs/contribution.md`)."""


class Specification(Document):
    """What the buyer wants a model for; published at the request.

    `division` is the rule by which a pass divides the expert pool.
    """

    kind = "specification"
    task: dict[str, Any]
    description: str
    validation: Sealed
    auditor_reads: bool
    division: Division = "shapley"


class DataNeed(Document):
    """What data the broker asks providers for; published with the data request."""

    kind = "data-need"
    trade: str
    task: dict[str, Any]
    min_rows: int


class Delivery(Document):
    """How one provider's dataset fared."""

    kind = "delivery"
    provider: str
    sealed: Sealed | None
    accepted: bool
    reason: str


class DataManifest(Document):
    """All deliveries of a trade in the order of the data quotes; published with the data report."""

    kind = "data-manifest"
    trade: str
    deliveries: tuple[Delivery, ...]


class Subset(Document):
    """What one expert was given to train on."""

    kind = "subset"
    expert: str
    expert_kind: str
    sealed: Sealed


class ExecutedStep(Document):
    """One step of a computation: what went in and what came out, by CID, and its settings."""

    kind = "executed-step"
    name: str
    inputs: tuple[str, ...]
    output: str


class Execution(Document):
    """With what code and on what machine something was computed, and in which steps.

    `code` is the sha2-256 (hex) of the sources. Steps name plaintexts by CID; they lie in
    storage encrypted only, so who can open them executes the steps again.
    """

    kind = "execution"
    code: str
    environment: dict[str, str]
    seed: int
    steps: tuple[ExecutedStep, ...]


class GateManifest(Document):
    """The experts chosen, what each trains on, and the routing that their weights come from.

    `routing` names an int16 array of shape (rows, candidates): the gate's integer
    weights over the training rows. Its column sums are the loads; an expert's weight
    on chain is its share of the load. `kinds` names each candidate's kind, in their order:
    with it another signer, or a new leader, makes the same decision again.
    """

    kind = "gate-manifest"
    trade: str
    candidates: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    routing: str
    subsets: tuple[Subset, ...]
    execution: Execution | None = None


class Training(Document):
    """One expert's signed training commitment.

    `execution`, which the signature does not cover, says how to make the model again.
    """

    kind = "training"
    expert: str
    attempt: int
    subset: str
    model: str
    signature: str
    execution: Execution | None = None


class TrainingRecord(Document):
    """All training commitments behind one attempt, and where its sealed evidence lies.

    The payload of `evidence` is a safetensors file with the bytes that the attempt
    evidence later names as `votes` and `openings`. `composite` is the model, sealed for the
    committee, and `execution` how it was asked.
    """

    kind = "training-record"
    trade: str
    trainings: tuple[Training, ...]
    evidence: Sealed | None = None
    composite: Sealed | None = None
    execution: Execution | None = None


class ModelManifest(Document):
    """What a composite model is made of; sealed until delivery, named by its digest before.

    It names no attempt: the same model has the same digest in each, and the market scores a
    digest once.
    """

    kind = "model-manifest"
    trade: str
    experts: tuple[str, ...]
    composite: str


class RecordedModel(Document):
    """A trained model as its expert puts it on record: sealed for all who may have to judge.

    Its digest is what `recordDelivery` names, so whoever has to judge finds it.
    """

    kind = "recorded-model"
    trade: str
    attempt: int
    sealed: Sealed
    training: Training


class GateExpert(Document):
    """One of the gate's experts, and the digest (0x-hex) that it put on record in an attempt."""

    kind = "gate-expert"
    expert: str
    recorded: str | None


class NoModel(Document):
    """What stands for a model where an attempt has none: nothing to score, so it failed.

    `experts` are the gate's, in its order: none of them handed in a usable model, by what it
    put on record or otherwise. With `repeats` they did, but the very models of that earlier
    attempt; the training record names them. The market refuses a model that has the fingerprint
    of an earlier one, and experts choose what they put on record: `salt` is the least number, from
    zero, with which it takes this document.
    """

    kind = "no-model"
    trade: str
    attempt: int
    repeats: int | None
    experts: tuple[GateExpert, ...]
    salt: int


class AttemptEvidence(Document):
    """What a stranger needs to recompute one attempt's score; published after the trade."""

    kind = "attempt-evidence"
    trade: str
    attempt: int
    metric: str
    classes: int
    votes: str
    openings: str
    training: str


class DeliveryManifest(Document):
    """Where the buyer finds the encrypted model and its key."""

    kind = "delivery-manifest"
    trade: str
    attempt: int
    sealed: Sealed


class PayeeList(Document):
    """Whom a distribution of `Payouts` pays; its digest is the distribution's `document`.

    `earnings` is the CID of the rows, as `encode_earnings` packs them; trees as
    `marketplace.protocol.earnings.build` deals them have the distribution's roots.
    """

    kind = "payee-list"
    currency: str
    epoch: int
    earnings: str


class Attestation(Document):
    """What the auditor found before settlement; never a score.

    `report` names the report of an audit from outside, if the auditor made one.
    """

    kind = "attestation"
    trade: str
    approved: bool
    finding: str
    report: str | None = None
