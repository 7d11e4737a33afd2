"""What a client and an expert's service say to each other.

Short things are JSON. Rows, models and probabilities are safetensors, as everywhere here.

| call | asks | answers |
| --- | --- | --- |
| `GET /health` | | `Health` |
| `GET /describe` | | `Described` |
| `POST /quote` | `Work` | `Quoted` |
| `POST /fit` | `Job`, features, labels, weights | the model's bytes |
| `POST /predict/MODEL` | features | probabilities |

A model's name is the SHA-256 of its bytes. A fit has the SHA-256 of what is sent as its
`Idempotency-Key`: asked again, the service does no work twice. A refusal is `Refusal`,
with an HTTP status of 400 or more.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from offchain.data.codec import MAX_BYTES, MAX_ROWS
from offchain.data.dataset import MAX_CLASSES, Task
from offchain.experts.protocol import Description, Inputs, Price

BINARY = "application/octet-stream"
KEY_HEADER = "Idempotency-Key"
MAX_EFFORT = 8
MAX_REQUEST = MAX_BYTES
MAX_JSON = 16 * 1024

Wei = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,77})$")]
"""A whole amount in decimal, since JSON readers round large numbers."""


class Message(BaseModel):
    """Base of all JSON: no unknown fields, nothing converted."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True
    )

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Read JSON text.

        Raises
        ------
        ValueError
            If it is something else than this message.
        """
        return cls.model_validate_json(data)

    @classmethod
    def of(cls, content: Any) -> Self:
        """Read content that was JSON, with the errors of `read`."""
        return cls.read(json.dumps(content).encode())

    def to_bytes(self) -> bytes:
        """Write JSON text."""
        return self.model_dump_json(by_alias=True).encode()


class Health(Message):
    """Says that the service is there, and how much waits for it."""

    kind: str
    waiting: int


class Described(Message):
    """An expert's description."""

    kind: str = Field(max_length=100)
    summary: str = Field(max_length=1_000)
    inputs: Inputs
    keeps_rows: bool
    fixed: Wei
    per_row: Wei

    @classmethod
    def by(cls, said: Description) -> Self:
        """Write down what an expert says of itself."""
        return cls(
            kind=said.kind,
            summary=said.summary,
            inputs=said.inputs,
            keeps_rows=said.keeps_rows,
            fixed=str(said.price.fixed),
            per_row=str(said.price.per_row),
        )

    def description(self) -> Description:
        """Return it as the registry knows it."""
        price = Price(int(self.fixed), int(self.per_row))
        return Description(self.kind, self.summary, self.inputs, self.keeps_rows, price)


class Work(Message):
    """How much there is to train on."""

    rows: int = Field(ge=1, le=MAX_ROWS)
    effort: int = Field(ge=1, le=MAX_EFFORT)


class Quoted(Message):
    """A price in wei."""

    price: Wei


class Job(Message):
    """What a fit is about, beside its rows."""

    feature_shape: tuple[int, ...] = Field(max_length=4)
    classes: int = Field(ge=2, le=MAX_CLASSES)
    seed: int = Field(ge=0, lt=2**63)
    effort: int = Field(ge=1, le=MAX_EFFORT)

    def task(self) -> Task:
        """Return a task for the checks of the rows; a service never learns the real names.

        Raises
        ------
        ConfigurationError
            If the shape is not usable.
        """
        names = tuple(str(label) for label in range(self.classes))
        return Task("job", self.feature_shape, names, "accuracy")


class Refusal(Message):
    """Why something is not done, and what to do about it."""

    cause: str
    remedy: str


def name_of(data: bytes) -> str:
    """Return the SHA-256 of a model or a request, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()
