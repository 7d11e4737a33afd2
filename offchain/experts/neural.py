"""Experts that are torch networks: a fixed front that is measured and a head that is trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from marketplace.protocol.errors import ConfigurationError
from offchain.arithmetic import arithmetic
from offchain.compute import device
from offchain.data.dataset import MAX_CLASSES, MAX_FEATURES
from offchain.experts.cohort import Cohorts, Learner
from offchain.experts.layers import Front
from offchain.experts.networks import (
    apply_front,
    initialise,
    mean_probabilities,
    prepare,
    tensors,
)
from offchain.experts.protocol import (
    Description,
    Features,
    Labels,
    Lesson,
    Priced,
    Probabilities,
)
from offchain.experts.schedule import Schedule
from offchain.packing import pack, unpack, unreadable

MAX_MEMBERS = 8
Design = Callable[[tuple[int, ...], int], tuple[Front, nn.Module]]


class Network(nn.Module):
    """A front and a head, one after the other."""

    def __init__(self, front: Front, head: nn.Module) -> None:
        super().__init__()
        self.front = front
        self.head = head

    def forward(self, inputs: Tensor) -> Tensor:
        """Map features (n, *feature_shape) to logits (n, C)."""
        logits: Tensor = self.head(self.front(inputs))
        return logits


@dataclass(frozen=True)
class NeuralExpert(Priced):
    """An expert whose model is the mean of several networks of one design.

    Parameters
    ----------
    description
        What the registry and people see.
    design
        From feature shape and number of classes to (front, head).
    schedule
        How the head is trained.
    members
        Networks at effort 1; more effort means as many times the networks.
    """

    description: Description
    design: Design
    schedule: Schedule
    members: int = 1

    def describe(self) -> Description:
        """Return the description."""
        return self.description

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> FittedNeural:
        """Train; see :meth:`offchain.experts.protocol.Expert.fit`."""
        return self.fit_together([Lesson(features, labels, weights, seed)], classes, effort)[0]

    def fit_together(
        self, lessons: Sequence[Lesson], classes: int, effort: int = 1
    ) -> list[FittedNeural]:
        """Train on each lesson apart, networks of one shape together as memory allows."""
        numbers = arithmetic()
        cohort = Cohorts(self.schedule, numbers)
        fitted = []
        for lesson in lessons:
            inputs, targets, importance = tensors(lesson.features, lesson.labels, lesson.weights)
            members = []
            for member in range(min(effort * self.members, MAX_MEMBERS)):
                generator = torch.Generator().manual_seed(lesson.seed * MAX_MEMBERS + member)
                network = self._blank(lesson.features.shape[1:], classes)
                initialise(network.head, generator)
                prepare(network.front, inputs, generator, numbers)
                seen_by_head = apply_front(network.front, inputs, numbers)
                cohort.add(Learner(network.head, seen_by_head, targets, importance, generator))
                members.append(network)
            seen = np.zeros(classes, bool)
            seen[lesson.labels[lesson.weights > 0]] = True
            shape = lesson.features.shape[1:]
            fitted.append((shape, seen, members))
        cohort.train()
        return [
            FittedNeural(self.description.kind, shape, seen, _answering(members))
            for shape, seen, members in fitted
        ]

    def load(self, data: bytes) -> FittedNeural:
        """Read a fitted model, checking every shape against this expert's design."""
        header, arrays = unpack(data)
        shape, classes, count = _dimensions(header)
        seen = arrays.pop("seen", np.zeros(0, bool))
        if seen.dtype != np.bool_ or seen.shape != (classes,) or not seen.any():
            raise unreadable("it does not say which classes it has seen")
        members = []
        try:
            for member in range(count):
                state = {
                    name.partition(".")[2]: torch.from_numpy(array)
                    for name, array in arrays.items()
                    if name.partition(".")[0] == str(member)
                }
                if not all(bool(tensor.isfinite().all()) for tensor in state.values()):
                    raise unreadable("a weight is not finite")
                network = self._blank(shape, classes)
                network.load_state_dict(state)
                members.append(network)
        except (RuntimeError, TypeError, ConfigurationError) as error:
            raise unreadable(str(error).splitlines()[0]) from error
        return FittedNeural(self.description.kind, shape, seen, _answering(members))

    def _blank(self, shape: tuple[int, ...], classes: int) -> Network:
        """Return the network without values, on the device."""
        with torch.device("meta"):
            network = Network(*self.design(shape, classes))
        return network.to_empty(device=device())


@dataclass(frozen=True, eq=False)
class FittedNeural:
    """Trained networks of one design; they vote with equal weight."""

    kind: str
    feature_shape: tuple[int, ...]
    seen: NDArray[np.bool_]
    members: tuple[Network, ...]

    def predict_proba(self, features: Features) -> Probabilities:
        """Return class probabilities (n, C)."""
        if features.shape[1:] != self.feature_shape:
            raise unreadable(f"it looks at {self.feature_shape}, not {features.shape[1:]}")
        return mean_probabilities(self.members, features, self.seen)

    def to_bytes(self) -> bytes:
        """Serialise all networks; :meth:`NeuralExpert.load` is the inverse."""
        header = {
            "kind": self.kind,
            "feature_shape": list(self.feature_shape),
            "classes": len(self.seen),
            "members": len(self.members),
        }
        arrays: dict[str, NDArray[Any]] = {"seen": self.seen}
        for member, network in enumerate(self.members):
            for name, tensor in network.state_dict().items():
                arrays[f"{member}.{name}"] = tensor.float().cpu().numpy()
        return pack(header, arrays)


def _answering(members: Sequence[Network]) -> tuple[Network, ...]:
    """Return networks ready to predict, in the numbers in force."""
    return tuple(network.to(arithmetic().dtype).eval() for network in members)


def _dimensions(header: Mapping[str, Any]) -> tuple[tuple[int, ...], int, int]:
    """Read feature shape, classes and members from a stranger's header."""
    shape, classes, members = (header.get(name) for name in ("feature_shape", "classes", "members"))
    if (
        not isinstance(shape, list)
        or not 1 <= len(shape) <= 4
        or any(type(side) is not int or side < 1 for side in shape)
        or math.prod(shape) > MAX_FEATURES
        or type(classes) is not int
        or not 2 <= classes <= MAX_CLASSES
        or type(members) is not int
        or not 1 <= members <= MAX_MEMBERS
    ):
        raise unreadable("its header does not describe usable dimensions")
    return tuple(shape), classes, members
