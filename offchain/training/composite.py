"""Step 7 and 8: gate and trained experts as one model, its predictions and its evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import UnreadableModel
from offchain.data.dataset import Task
from offchain.experts import FittedExpert, load_fitted
from offchain.gating import Gate
from offchain.packing import pack, unpack, unreadable
from offchain.training.pool import Pool
from offchain.training.predictions import predict_each
from offchain.training.route import Routing
from offchain.validation import (
    Evidence,
    decide,
    quantise_gate,
    quantise_probabilities,
    vote,
)


@dataclass(frozen=True, eq=False)
class Composite:
    """The model that a buyer receives.

    Parameters
    ----------
    task
        What it was made for.
    gate
        Gate over the experts, in their order.
    experts
        Fitted experts by name.
    """

    task: Task
    gate: Gate
    experts: Mapping[str, FittedExpert]

    def evidence(self, features: NDArray[np.float32]) -> Evidence:
        """Return the quantised predictions of all experts and the quantised gate weights."""
        answers = predict_each(list(self.experts.values()), features, len(self.task.classes))
        return Evidence(
            tuple(self.experts),
            quantise_probabilities(self.gate.calibrated(answers)),
            quantise_gate(self.gate.weights(features)),
        )

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Return the class of each row, decided on the integers of :meth:`evidence`."""
        found = self.evidence(features)
        return decide(vote(found.predictions, found.gates))

    def to_bytes(self) -> bytes:
        """Serialise the whole model; :meth:`from_bytes` is the inverse."""
        blobs = {f"expert.{name}": fitted.to_bytes() for name, fitted in self.experts.items()}
        blobs["gate"] = self.gate.to_bytes()
        header = {
            "task": self.task.to_json(),
            "experts": [[name, fitted.kind] for name, fitted in self.experts.items()],
        }
        return pack(header, {name: np.frombuffer(blob, np.uint8) for name, blob in blobs.items()})

    @classmethod
    def from_bytes(cls, data: bytes) -> Composite:
        """Read a delivered model.

        Raises
        ------
        UnreadableModel
            If the bytes are not a composite.
        """
        header, arrays = unpack(data)
        try:
            experts = {
                name: load_fitted(kind, arrays[f"expert.{name}"].tobytes())
                for name, kind in header["experts"]
            }
            gate = Gate.from_bytes(arrays["gate"].tobytes())
            return cls(Task.from_json(header["task"]), gate, experts)
        except UnreadableModel:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(f"it is not a composite ({error})") from error


def compose(
    pooled: Pool, roster: Mapping[str, str], routing: Routing, models: Mapping[str, bytes]
) -> Composite:
    """Join the gate with the models that the chosen experts trained.

    An expert without a model is dropped and the others' weights are renormalised.

    Raises
    ------
    UnreadableModel
        If a model cannot be loaded, or none of the chosen experts delivered one.
    """
    present = [index for index, name in enumerate(routing.experts) if name in models]
    if not present:
        raise unreadable("no chosen expert delivered a model")
    names = [routing.experts[index] for index in present]
    experts = {name: load_fitted(roster[name], models[name]) for name in names}
    return Composite(pooled.task, routing.gate.restricted(np.array(present)), experts)
