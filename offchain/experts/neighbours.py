"""Nearest neighbours on principal components, by torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offchain.compute import device
from offchain.data.dataset import MAX_CLASSES
from offchain.experts.protocol import Description, Features, Labels, Priced, Probabilities
from offchain.packing import pack, unpack, unreadable
from offchain.projection import flat_rows, principal_axes

KIND = "nearest-neighbours"
COMPONENTS = 48
PRIOR = 0.5
_NAMES = ("mean", "axes", "points", "targets", "weights", "prior")


@dataclass(frozen=True)
class NearestNeighbours(Priced):
    """An expert that remembers its rows and lets the nearest ones vote."""

    def describe(self) -> Description:
        """Return the description."""
        return Description(
            KIND, "Weighted vote of the nearest training rows.", "any", keeps_rows=True
        )

    def fit(
        self,
        features: Features,
        labels: Labels,
        weights: Features,
        classes: int,
        seed: int,
        effort: int = 1,
    ) -> FittedNeighbours:
        """Store the rows; see :meth:`offchain.experts.protocol.Expert.fit`.

        Nothing is random and more effort changes nothing.
        """
        kept = weights > 0
        rows = flat_rows(features[kept])
        inputs = torch.from_numpy(rows).to(device())
        mean, axes = principal_axes(inputs, COMPONENTS, standardise=features.ndim == 2)
        importance = weights[kept] / weights[kept].mean()
        prior = np.bincount(labels[kept], importance, minlength=classes)
        return FittedNeighbours(
            count=max(1, min(math.isqrt(len(rows)), 50 if features.ndim == 2 else 6)),
            mean=mean,
            axes=axes,
            points=(inputs - mean) @ axes,
            targets=torch.from_numpy(labels[kept]).to(device()),
            weights=torch.from_numpy(importance.astype(np.float32)).to(device()),
            prior=torch.from_numpy((prior / prior.sum()).astype(np.float32)).to(device()),
        )

    def load(self, data: bytes) -> FittedNeighbours:
        """Read a fitted model."""
        header, arrays = unpack(data)
        count = header.get("count")
        if arrays.keys() != set(_NAMES) or type(count) is not int:
            raise unreadable("its arrays are not those of stored neighbours")
        mean, axes, points, targets, weights, prior = (arrays[name] for name in _NAMES)
        fits = (
            axes.ndim == 2
            and mean.shape == axes.shape[:1]
            and points.shape == (*weights.shape, axes.shape[1])
            and targets.shape == weights.shape
            and prior.ndim == 1
            and 2 <= len(prior) <= MAX_CLASSES
            and 1 <= count <= len(points)
            and targets.dtype == np.int64
            and all(a.dtype == np.float32 for a in (mean, axes, points, weights, prior))
        )
        if not fits or targets.min() < 0 or targets.max() >= len(prior):
            raise unreadable("its arrays do not fit each other")
        if not all(np.isfinite(a).all() for a in (mean, axes, points, weights, prior)):
            raise unreadable("a value is not finite")
        return FittedNeighbours(
            count, *(torch.from_numpy(arrays[name]).to(device()) for name in _NAMES)
        )


@dataclass(frozen=True, eq=False)
class FittedNeighbours:
    """Stored rows on their principal axes.

    Parameters
    ----------
    count
        How many neighbours vote.
    mean, axes
        Float32 (d,) and (d, components): the projection.
    points, targets, weights
        Float32 (n, components), int64 (n,), float32 (n,): the stored rows.
    prior
        Float32 (C,): class shares, worth half a neighbour.
    """

    count: int
    mean: Tensor
    axes: Tensor
    points: Tensor
    targets: Tensor
    weights: Tensor
    prior: Tensor

    @property
    def kind(self) -> str:
        """Kind of the expert that made it."""
        return KIND

    def predict_proba(self, features: Features) -> Probabilities:
        """Return class probabilities (n, C); a vote falls with the squared distance."""
        flat = flat_rows(features)
        if flat.shape[1] != len(self.mean):
            raise unreadable(f"it looks at {len(self.mean)} columns, not {flat.shape[1]}")
        inputs = (torch.from_numpy(flat).to(device()) - self.mean) @ self.axes
        votes = torch.zeros(len(flat), len(self.prior), device=inputs.device)
        if len(flat):
            near = torch.cdist(inputs, self.points).topk(self.count, largest=False)
            scale = near.values[:, -1:].clamp(min=1e-6)
            say = torch.exp(-((near.values / scale) ** 2)) * self.weights[near.indices]
            votes.scatter_add_(1, self.targets[near.indices], say)
            votes += PRIOR * math.exp(-1.0) * self.prior
            votes /= votes.sum(dim=1, keepdim=True)
        probabilities: NDArray[np.float32] = votes.cpu().numpy()
        return probabilities

    def to_bytes(self) -> bytes:
        """Serialise the stored rows; :meth:`NearestNeighbours.load` is the inverse."""
        arrays = {name: getattr(self, name).cpu().numpy() for name in _NAMES}
        return pack({"kind": KIND, "count": self.count}, arrays)
