"""A gate that knows how much it knows.

The composite predicts ``p(y | x) = sum_e g_e(x) p_e(y | x)``. The gate's logits are a global
part, one number per expert, and a residual that depends on the row. Both maximise the
mixture's log-likelihood on rows that the experts have not seen (Jacobs et al. 1991, eq. 1.3).
The residual comes from several small networks, each trained on other rows; how much of
their mean is believed is decided by the rows that each of them had not seen.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offchain.compute import device
from offchain.gating.embedding import Embedding
from offchain.packing import pack, unpack, unreadable

EPSILON = 1e-4
BELIEFS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class GateSettings:
    """How the gate is fitted.

    Parameters
    ----------
    top_k
        Most experts that one row may call.
    components
        Dimension of the row's embedding.
    hidden
        Width of the residual networks.
    folds
        Number of residual networks.
    steps
        Full-batch steps of Adam for each.
    rate, decay
        Learning rate and weight decay.
    spread
        Weight of the pull of the global part towards equal weights, in rows.
    load
        Weight of the penalty on uneven mean load (Shazeer et al. 2017, eq. 6).
    """

    top_k: int = 4
    components: int = 24
    hidden: int = 32
    folds: int = 4
    steps: int = 120
    rate: float = 1e-2
    decay: float = 3e-2
    spread: float = 10.0
    load: float = 1e-3


@dataclass(frozen=True, eq=False)
class Gate:
    """A fitted gate over E experts.

    Parameters
    ----------
    settings
        How it was fitted.
    embedding
        From features to the networks' inputs.
    temperatures
        Float32 (E,): divisors of each expert's log-probabilities that calibrate it.
    base
        Float32 (E,): global logits.
    belief
        Share of the residual that held-out rows justify.
    networks
        Arrays of the residual networks, stacked over folds.
    """

    settings: GateSettings
    embedding: Embedding
    temperatures: NDArray[np.float32]
    base: NDArray[np.float32]
    belief: float
    networks: dict[str, NDArray[np.float32]]

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float32],
        probabilities: NDArray[np.float32],
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        seed: int,
        settings: GateSettings | None = None,
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
        """
        chosen = settings or GateSettings()
        embedding = Embedding.fit(features, chosen.components)
        inputs = embedding.apply(features)
        importance = torch.from_numpy((weights / weights.mean()).astype(np.float32)).to(device())
        scores = torch.from_numpy(probabilities).to(device())
        truth = torch.from_numpy(labels).to(device())
        temperatures = _calibrate(scores, truth, importance)
        likelihood = _true_class(scores, truth, temperatures)
        base = _global_logits(likelihood, importance, chosen.spread)
        networks, belief = _residual(inputs, likelihood, importance, base, seed, chosen)
        return cls(
            chosen,
            embedding,
            temperatures.cpu().numpy(),
            base.cpu().numpy(),
            belief,
            {name: value.cpu().numpy() for name, value in networks.items()},
        )

    def weights(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return weights (n, E): non-negative, at most ``top_k`` per row, summing to one."""
        inputs = self.embedding.apply(features)
        networks = {
            name: torch.from_numpy(value).to(device()) for name, value in self.networks.items()
        }
        base = torch.from_numpy(self.base).to(device())
        logits = base + self.belief * _networks(networks, inputs).mean(dim=0)
        dense = logits.softmax(dim=1)
        kept = dense.topk(min(self.settings.top_k, dense.shape[1]), dim=1)
        sparse = torch.zeros_like(dense).scatter(1, kept.indices, kept.values)
        result: NDArray[np.float32] = (sparse / sparse.sum(dim=1, keepdim=True)).cpu().numpy()
        return result

    def restricted(self, experts: NDArray[np.int64]) -> Gate:
        """Return the gate over some of its experts, their weights renormalised."""
        networks = dict(self.networks)
        for name in ("second", "second_bias"):
            networks[name] = networks[name][:, :, experts]
        return replace(
            self,
            temperatures=self.temperatures[experts],
            base=self.base[experts],
            networks=networks,
        )

    def calibrated(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the experts' probabilities (E, n, C) at their temperatures."""
        powers = np.power(
            np.maximum(probabilities, EPSILON), 1.0 / self.temperatures[:, None, None]
        )
        return np.asarray(powers / powers.sum(axis=2, keepdims=True), np.float32)

    def to_bytes(self) -> bytes:
        """Serialise; :meth:`from_bytes` is the inverse."""
        return pack(
            {"settings": asdict(self.settings), "belief": self.belief},
            {
                "mean": self.embedding.mean,
                "axes": self.embedding.axes,
                "temperatures": self.temperatures,
                "base": self.base,
                **self.networks,
            },
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Gate:
        """Read a gate.

        Raises
        ------
        UnreadableModel
            If the bytes are not a gate.
        """
        header, arrays = unpack(data)
        try:
            settings = GateSettings(**header["settings"])
            return cls(
                settings,
                Embedding(arrays.pop("mean"), arrays.pop("axes")),
                arrays.pop("temperatures"),
                arrays.pop("base"),
                float(header["belief"]),
                arrays,
            )
        except (KeyError, TypeError, ValueError) as error:
            raise unreadable(f"it is not a gate ({error})") from error


def _calibrate(scores: Tensor, truth: Tensor, importance: Tensor) -> Tensor:
    """Return the temperature of least weighted log-loss for each expert, from a grid."""
    logs = scores.clamp(min=EPSILON).log()
    grid = torch.logspace(-0.5, 0.5, 21, base=10.0, device=scores.device)
    losses = []
    for temperature in grid:
        own = (logs / temperature).log_softmax(dim=2)
        picked = own.gather(2, truth.expand(len(scores), -1)[:, :, None])[:, :, 0]
        losses.append(-(picked * importance).mean(dim=1))
    return grid[torch.stack(losses).argmin(dim=0)]


def _true_class(scores: Tensor, truth: Tensor, temperatures: Tensor) -> Tensor:
    """Return each expert's calibrated probability of the true class, (n, E)."""
    logs = scores.clamp(min=EPSILON).log() / temperatures[:, None, None]
    own = logs.log_softmax(dim=2)
    return own.gather(2, truth.expand(len(scores), -1)[:, :, None])[:, :, 0].exp().T


def _global_logits(likelihood: Tensor, importance: Tensor, spread: float) -> Tensor:
    """Fit the weights of a fixed mixture by EM with a symmetric Dirichlet prior."""
    rows, experts = likelihood.shape
    mixture = torch.full((experts,), 1.0 / experts, device=likelihood.device)
    for _ in range(200):
        joint = likelihood * mixture
        shares = joint / joint.sum(dim=1, keepdim=True)
        counts = (shares * importance[:, None]).sum(dim=0) + spread
        mixture = counts / counts.sum()
    return mixture.log()


def _residual(
    inputs: Tensor,
    likelihood: Tensor,
    importance: Tensor,
    base: Tensor,
    seed: int,
    settings: GateSettings,
) -> tuple[dict[str, Tensor], float]:
    """Train one network per fold on the other folds; choose the belief on the fold itself."""
    rows = len(inputs)
    generator = torch.Generator().manual_seed(seed)
    fold = torch.randperm(rows, generator=generator).to(inputs.device) % settings.folds
    outside = (fold[None, :] != torch.arange(settings.folds, device=inputs.device)[:, None]).float()
    networks = _drawn(inputs.shape[1], likelihood.shape[1], settings, generator)
    optimizer = torch.optim.AdamW(networks.values(), lr=settings.rate, weight_decay=settings.decay)
    best, best_loss, belief = networks, torch.inf, 0.0
    kept = (1.0 - outside) * importance
    for step in range(settings.steps + 1):
        residual = _networks(networks, inputs)
        seen = residual.detach()
        if step % 10 == 0:
            for share in BELIEFS:
                held = (_log_mixture(base + share * seen, likelihood) * kept).sum() / kept.sum()
                if -float(held) < best_loss - 1e-4:
                    best_loss, belief = -float(held), share
                    best = {name: value.detach().clone() for name, value in networks.items()}
        gates = (base + residual).softmax(dim=2)
        fit = (_log_mixture(base + residual, likelihood) * outside * importance).sum() / rows
        mean_load = gates.mean(dim=1)
        uneven = (mean_load.var(dim=1) / mean_load.mean(dim=1) ** 2).sum()
        optimizer.zero_grad()
        (settings.load * uneven - fit).backward()
        optimizer.step()
    return best, belief


def _drawn(
    width: int, experts: int, settings: GateSettings, generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw one hidden layer per fold; the output layer starts at zero."""
    first = torch.randn(settings.folds, width, settings.hidden, generator=generator)
    arrays = {
        "first": first / width**0.5,
        "first_bias": torch.zeros(settings.folds, 1, settings.hidden),
        "second": torch.zeros(settings.folds, settings.hidden, experts),
        "second_bias": torch.zeros(settings.folds, 1, experts),
    }
    return {name: value.to(device()).requires_grad_() for name, value in arrays.items()}


def _networks(networks: dict[str, Tensor], inputs: Tensor) -> Tensor:
    """Return every network's residual logits, (folds, n, E)."""
    hidden = nn.functional.relu(inputs @ networks["first"] + networks["first_bias"])
    return hidden @ networks["second"] + networks["second_bias"]


def _log_mixture(logits: Tensor, likelihood: Tensor) -> Tensor:
    """Return log sum_e g_e p_e of the true class for logits (..., n, E)."""
    return (logits.softmax(dim=-1) * likelihood).sum(dim=-1).clamp(min=1e-12).log()
