"""The part of the gate that depends on the row: small networks, believed as far as they hold up.

Several networks with one hidden layer learn side by side, each on all rows but one fold. After
every few steps the fold that a network has not seen says how much of its output improves the
prediction. The best moment and the best share, over all folds, are kept: with too few rows
or nothing to tell apart, the share is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from offchain.compute import device
from offchain.gating.pool import LinearPool

SHARES = (0.25, 0.5, 0.75, 1.0)
LOOK_EVERY = 10
PATIENCE = 4
LEAST_GAIN = 1e-4


@dataclass(frozen=True)
class ResidualSettings:
    """How the residual networks learn.

    Parameters
    ----------
    folds
        Number of networks.
    hidden
        Width of the hidden layer.
    steps
        Most full-batch steps of AdamW.
    rate, decay
        Its learning rate and weight decay.
    load
        Weight of the squared coefficient of variation of the experts' mean load
        (Shazeer et al. 2017, eq. 6).
    """

    folds: int = 3
    hidden: int = 64
    steps: int = 150
    rate: float = 4e-3
    decay: float = 1e-1
    load: float = 1e-3


@dataclass(frozen=True, eq=False)
class Residual:
    """Networks of one shape; their mean is added to the pool's logits.

    Parameters
    ----------
    first, first_bias
        (folds, k, hidden) and (folds, 1, hidden).
    second, second_bias
        (folds, hidden, E) and (folds, 1, E).
    """

    first: Tensor
    first_bias: Tensor
    second: Tensor
    second_bias: Tensor

    def each(self, inputs: Tensor) -> Tensor:
        """Return every network's output (folds, n, E) for inputs (n, k)."""
        hidden = nn.functional.relu(inputs @ self.first + self.first_bias)
        return hidden @ self.second + self.second_bias


def fit_residual(
    pool: LinearPool,
    calibrated: Tensor,
    inputs: Tensor,
    truth: Tensor,
    importance: Tensor,
    generator: torch.Generator,
    settings: ResidualSettings,
) -> Residual:
    """Train the networks; the believed share is multiplied into their output layers.

    Parameters
    ----------
    calibrated
        The experts' log-probabilities (E, n, C).
    inputs
        Embedded rows (n, k).
    truth, importance
        Classes and weights of the rows (n,).
    """
    rows, experts = len(truth), len(calibrated)
    fold = torch.randperm(rows, generator=generator).to(truth.device) % settings.folds
    unseen = (fold == torch.arange(settings.folds, device=truth.device)[:, None]) * importance
    learned = importance - unseen
    networks = _drawn(inputs.shape[1], experts, generator, settings)
    parameters = list(vars(networks).values())
    optimizer = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=settings.decay)
    plain = pool.log_likelihood(calibrated, pool.logits.expand(rows, -1), truth)
    best_fit, best, waited = float((plain * importance).sum() / importance.sum()), None, 0
    for step in range(settings.steps + 1):
        added = networks.each(inputs)
        if step and step % LOOK_EVERY == 0:
            found = _held_out(pool, calibrated, added.detach(), truth, unseen)
            waited += 1
            if found[0] > best_fit + LEAST_GAIN:
                best_fit, waited = found[0], 0
                best = [value.detach().clone() for value in parameters[:2]]
                best += [value.detach() * found[1] for value in parameters[2:]]
            if waited == PATIENCE:
                break
        logits = pool.logits + added
        fit = (pool.log_likelihood(calibrated, logits, truth) * learned).sum() / rows
        loads = logits.softmax(dim=2).mean(dim=1)
        uneven = (loads.var(dim=1) / loads.mean(dim=1) ** 2).sum()
        optimizer.zero_grad()
        torch.autograd.backward(settings.load * uneven - fit)
        optimizer.step()
    if best is None:
        return Residual(*(torch.zeros_like(value) for value in parameters))
    return Residual(*best)


def _held_out(
    pool: LinearPool, calibrated: Tensor, added: Tensor, truth: Tensor, unseen: Tensor
) -> tuple[float, float]:
    """Return the best log-likelihood on unseen rows and the share that reaches it."""
    fits = [
        float(
            (pool.log_likelihood(calibrated, pool.logits + share * added, truth) * unseen).sum()
            / unseen.sum()
        )
        for share in SHARES
    ]
    return max(zip(fits, SHARES, strict=True))


def _drawn(
    width: int, experts: int, generator: torch.Generator, settings: ResidualSettings
) -> Residual:
    """Draw the hidden layers; the output layers start at zero, the pool alone."""
    folds, hidden = settings.folds, settings.hidden
    first = torch.randn(folds, width, hidden, generator=generator) / width**0.5
    values = (
        first,
        torch.zeros(folds, 1, hidden),
        torch.zeros(folds, hidden, experts),
        torch.zeros(folds, 1, experts),
    )
    return Residual(*(value.to(device()).requires_grad_() for value in values))
