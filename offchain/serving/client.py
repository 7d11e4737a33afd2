"""An expert that runs in another process, perhaps a stranger's, behind HTTP.

It has the kind of what is served, and that kind must be known here: what it delivers is a
model that anyone can load, not a promise to answer later. So the committee probes the kind
itself, and neither it nor the buyer depends on the service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from marketplace.protocol.errors import ConfigurationError, UnreadableModel
from offchain.data.names import shown
from offchain.experts.plugins import require_description, require_kind
from offchain.experts.protocol import (
    Description,
    Features,
    FittedExpert,
    Labels,
    Probabilities,
)
from offchain.experts.registry import load_fitted
from offchain.packing import pack, unpack
from offchain.serving.messages import (
    BINARY,
    KEY_HEADER,
    MAX_JSON,
    Described,
    Health,
    Job,
    Quoted,
    Work,
    name_of,
)
from offchain.serving.transport import USUAL, Address, Patience, bad_answer, call
from offchain.training.predictions import require_probabilities

MAX_MODEL = 64 * 1024 * 1024
_OVERHEAD = 4 * 1024
_BINARY = {"Content-Type": BINARY}

M = TypeVar("M")


@dataclass(frozen=True)
class RemoteExpert:
    """An expert behind HTTP.

    Parameters
    ----------
    url
        Where it is served; http or https.
    patience
        How long to wait, and how often to try.
    max_model
        Most bytes of a model.
    """

    url: str
    patience: Patience = USUAL
    max_model: int = MAX_MODEL

    @cached_property
    def address(self) -> Address:
        """The address, read."""
        return Address.of(self.url)

    @cached_property
    def description(self) -> Description:
        """What the service says of its expert, asked for once."""
        said = self._asked("/describe", Described.read).description()
        try:
            require_kind(said.kind)
            require_description(said.kind, said)
        except ConfigurationError as error:
            raise bad_answer(self.url, error.cause) from error
        return said

    def describe(self) -> Description:
        """Ask for the description.

        Raises
        ------
        ExpertError
            If there is no usable answer.
        """
        return self.description

    def health(self) -> Health:
        """Ask whether the service is there; raises as `describe`."""
        return self._asked("/health", Health.read)

    def quote(self, rows: int, effort: int = 1) -> int:
        """Ask for a price, in wei; raises as `describe`."""
        work = Work(rows=rows, effort=effort).to_bytes()
        return int(self._asked("/quote", Quoted.read, work).price)

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> RemoteModel:
        """Have a model trained; see :meth:`offchain.experts.protocol.Expert.fit`.

        Raises
        ------
        ExpertError
            If it refuses, doesn't answer, or answers with no model of its kind.
        """
        job = Job(feature_shape=features.shape[1:], classes=classes, seed=seed, effort=effort)
        body = pack(
            job.model_dump(mode="json", by_alias=True),
            {"features": features, "labels": labels, "weights": weights},
        )
        headers = {KEY_HEADER: name_of(body), **_BINARY}
        data = call(
            self.address,
            "/fit",
            most=self.max_model,
            patience=self.patience,
            body=body,
            headers=headers,
        )
        self._loaded(data)
        return RemoteModel(self, data, classes)

    def load(self, data: bytes) -> FittedExpert:
        """Read a model that it made, without asking it."""
        return load_fitted(self.description.kind, data)

    def _loaded(self, data: bytes) -> FittedExpert:
        try:
            return self.load(data)
        except UnreadableModel as error:
            raise bad_answer(self.url, shown(error.cause)) from error

    def _asked(self, path: str, read: Callable[[bytes], M], body: bytes | None = None) -> M:
        content = call(self.address, path, most=MAX_JSON, patience=self.patience, body=body)
        try:
            return read(content)
        except ValueError as error:
            raise bad_answer(self.url, f"{path} is not what the protocol says") from error


@dataclass(frozen=True, eq=False)
class RemoteModel:
    """A model that answers where it was trained, and can be taken along.

    Parameters
    ----------
    expert
        Who made it.
    data
        Its bytes.
    classes
        Number of classes C.
    """

    expert: RemoteExpert
    data: bytes
    classes: int

    @property
    def kind(self) -> str:
        """Kind of the expert that made it."""
        return self.expert.description.kind

    def predict_proba(self, features: Features) -> Probabilities:
        """Ask for class probabilities (n, C).

        Raises
        ------
        ExpertError
            If it refuses, doesn't answer, or answers with anything else.
        """
        url = self.expert.url
        content = call(
            self.expert.address,
            f"/predict/{name_of(self.data)}",
            most=4 * len(features) * self.classes + _OVERHEAD,
            patience=self.expert.patience,
            body=pack({}, {"features": features}),
            headers=_BINARY,
        )
        try:
            _, arrays = unpack(content)
            answers: Any = arrays.pop("probabilities", None)
            if arrays or answers is None or answers.dtype != np.float32:
                raise bad_answer(url, "it sends no float32 probabilities")
            require_probabilities(answers, len(features), self.classes)
        except UnreadableModel as error:
            raise bad_answer(url, shown(error.cause)) from error
        probabilities: Probabilities = answers
        return probabilities

    def to_bytes(self) -> bytes:
        """Return the model's bytes; `load_fitted` reads them."""
        return self.data
