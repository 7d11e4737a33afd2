"""A gate that knows how much it knows: input features to sparse weights over experts.

The composite predicts ``p(y | x) ~ sum_e g_e(x) p_e(y | x)`` (Jacobs et al. 1991). The gate's
logits are one number per expert, fitted by :mod:`offchain.gating.pool`, and an addition that
depends on the row, fitted by :mod:`offchain.gating.residual`. Both learn from rows that the
experts have not seen, and both fall back on less when those rows are few.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from offchain.compute import device
from offchain.gating.embedding import Embedding
from offchain.gating.files import arrays_of, check, tensors_of
from offchain.gating.pool import LinearPool, fit_pool
from offchain.gating.residual import Residual, ResidualSettings, fit_residual
from offchain.packing import pack, unpack, unreadable

TOP_K = 4
COMPONENTS = 24
_PARTS: Mapping[str, type] = {"embedding": Embedding, "pool": LinearPool, "residual": Residual}
_DIMENSIONS = {
    "embedding.mean": "d",
    "embedding.axes": "dk",
    "pool.logits": "e",
    "pool.sharpness": "e",
    "pool.offsets": "ec",
    "pool.power": "",
    "residual.first": "fkh",
    "residual.first_bias": "f1h",
    "residual.second": "fhe",
    "residual.second_bias": "f1e",
}


@dataclass(frozen=True, eq=False)
class Gate:
    """A fitted gate over E experts.

    Parameters
    ----------
    top_k
        Most experts that one row may call.
    embedding
        From features to the residual's inputs.
    pool
        Weights and calibration that hold for every row.
    residual
        What a row adds to the pool's logits.
    """

    top_k: int
    embedding: Embedding
    pool: LinearPool
    residual: Residual

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float32],
        probabilities: NDArray[np.float32],
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        seed: int,
        top_k: int = TOP_K,
        settings: ResidualSettings | None = None,
    ) -> Gate:
        """Fit to the experts' predictions on rows that they have not seen.

        Parameters
        ----------
        features
            Float32 (n, *feature_shape).
        probabilities
            Float32 (E, n, C).
        labels
            Int64 (n,).
        weights
            Float32 (n,): how much each row counts.
        seed
            Fixes every random choice.
        top_k
            Most experts that one row may call.
        settings
            How the part that depends on the row learns.
        """
        embedding = Embedding.fit(features, COMPONENTS)
        truth = torch.from_numpy(labels).to(device())
        answers = torch.from_numpy(probabilities).to(device())
        importance = torch.from_numpy((weights / weights.mean()).astype(np.float32)).to(device())
        pool = fit_pool(answers, truth, importance)
        residual = fit_residual(
            pool,
            pool.calibrated(answers),
            embedding.apply(features),
            truth,
            importance,
            torch.Generator().manual_seed(seed),
            settings or ResidualSettings(),
        )
        return cls(top_k, embedding, pool, residual)

    def weights(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return weights (n, E): non-negative, at most ``top_k`` per row, summing to one."""
        with torch.no_grad():
            added = self.residual.each(self.embedding.apply(features)).mean(dim=0)
            dense = (self.pool.logits + added).softmax(dim=1)
            kept = dense.topk(min(self.top_k, dense.shape[1]), dim=1)
            sparse = torch.zeros_like(dense).scatter(1, kept.indices, kept.values)
            sparse /= sparse.sum(dim=1, keepdim=True)
        result: NDArray[np.float32] = sparse.cpu().numpy()
        return result

    def calibrated(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the experts' calibrated probabilities (E, n, C), the ones that vote."""
        answers = torch.from_numpy(probabilities).to(device())
        result: NDArray[np.float32] = self.pool.calibrated(answers).exp().cpu().numpy()
        return np.minimum(result, np.float32(1.0))

    def restricted(self, experts: NDArray[np.int64]) -> Gate:
        """Return the gate over some of its experts, in the given order, weights renormalised."""
        chosen = torch.from_numpy(experts).to(device())
        pool = replace(
            self.pool,
            logits=self.pool.logits[chosen],
            sharpness=self.pool.sharpness[chosen],
            offsets=self.pool.offsets[chosen],
        )
        residual = replace(
            self.residual,
            second=self.residual.second[:, :, chosen],
            second_bias=self.residual.second_bias[:, :, chosen],
        )
        return replace(self, pool=pool, residual=residual)

    def to_bytes(self) -> bytes:
        """Serialise; :meth:`from_bytes` is the inverse."""
        arrays = arrays_of({part: getattr(self, part) for part in _PARTS})
        return pack({"top_k": self.top_k}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Gate:
        """Read a gate.

        Raises
        ------
        UnreadableModel
            If the bytes are not a gate.
        """
        header, arrays = unpack(data)
        top_k = header.get("top_k")
        if type(top_k) is not int or top_k < 1:
            raise unreadable("the gate does not say how many experts a row may call")
        check(arrays, _DIMENSIONS)
        parts = {part: kind(**tensors_of(arrays, part)) for part, kind in _PARTS.items()}
        return cls(top_k, **parts)
