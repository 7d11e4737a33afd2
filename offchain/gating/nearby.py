"""What the labelled rows themselves say of a new one: its likely class, and who is good nearby.

Kernel ridge regression on the labels gives an opinion that no expert was asked for; a kernel
average of who was right gives each expert's local accuracy. Both exist in closed form for each
labelled row as if it were unknown (leave-one-out), so what is fitted on top of them isn't fooled
by rows that know themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

WIDTHS = (0.05, 0.1, 0.2, 0.4)
RIDGES = (0.03, 0.3)
PRIOR_ROWS = 2.0
SQUARES_COUNT = 0.3
CHOOSING_ROWS = 600
"""On so many rows width and ridge are chosen."""
ROWS_AT_ONCE = 128
"""Their kernel stays in a core's cache."""
MOST_ROWS = 3_000
"""Solving for the opinion takes the cube of the rows; later ones are left out."""


@dataclass(frozen=True, eq=False)
class Nearby:
    """Labelled rows as a memory.

    Parameters
    ----------
    rows
        Embedded rows (n, k).
    slopes
        (n, C): coefficients of the opinion.
    right
        (n, E): one where an expert decides the row rightly, else zero.
    scale
        (): factor of squared distances in the kernel.
    """

    rows: Tensor
    slopes: Tensor
    right: Tensor
    scale: Tensor

    @classmethod
    def fit(cls, rows: Tensor, truth: Tensor, right: Tensor, classes: int) -> tuple[Nearby, Tensor]:
        """Choose width and ridge by leave-one-out error.

        Returns
        -------
        tuple[Nearby, Tensor]
            The memory and the rows' own opinions (n, C), each as if its row were unknown.
        """
        rows, truth, right = rows[:MOST_ROWS], truth[:MOST_ROWS], right[:MOST_ROWS]
        labels = torch.nn.functional.one_hot(truth, classes).double()
        centred = labels - labels.mean(dim=0)
        distances = torch.cdist(rows, rows).square().double()
        some = slice(0, CHOOSING_ROWS)
        median = distances[some, some].median().clamp(min=1e-6)
        found = []
        for width in WIDTHS:
            scale = 1.0 / (2.0 * width * median)
            for ridge in RIDGES:
                _, left_out = _ridge(distances[some, some] * scale, centred[some], ridge)
                wrong = (left_out.argmax(dim=1) != truth[some]).double().mean()
                squares = (left_out - centred[some]).square().sum(dim=1).mean()
                found.append((float(wrong + SQUARES_COUNT * squares), scale, ridge))
        _, scale, ridge = min(found, key=lambda each: each[0])
        # A row must not be known by the labels' mean either: without it the mean is another.
        both = torch.cat([centred, torch.ones_like(centred[:, :1])], dim=1)
        slopes, left_out = _ridge(distances * scale, both, ridge)
        opinion = left_out[:, :-1] + left_out[:, -1:] * centred / max(len(rows) - 1, 1)
        return cls(rows, slopes[:, :-1].float(), right, scale.float()), opinion.float()

    def __call__(self, rows: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
        """Return opinions (n, C) and local accuracies (n, E), shrunk to ``prior`` (E,)."""
        known = torch.cat([self.slopes, self.right, torch.ones_like(self.slopes[:, :1])], dim=1)
        parts = [self._kernel(part) @ known for part in rows.split(ROWS_AT_ONCE)]
        classes = self.slopes.shape[1]
        opinion, right, near = torch.cat(parts).split([classes, self.right.shape[1], 1], dim=1)
        return opinion, _shrunk(right, near, prior)

    def left_out(self, prior: Tensor) -> Tensor:
        """Return the local accuracies (n, E) of the own rows, each as if it were unknown.

        Parameters
        ----------
        prior
            (n, E): the accuracies that they are shrunk to, unaware of the row as well.
        """
        kernel = self._kernel(self.rows).fill_diagonal_(0.0)
        return _shrunk(kernel @ self.right, kernel.sum(dim=1, keepdim=True), prior)

    def _kernel(self, rows: Tensor) -> Tensor:
        scale, squares = float(self.scale), self.rows.square().sum(dim=1)
        exponents = torch.addmm(squares, rows, self.rows.T, beta=-scale, alpha=2.0 * scale)
        exponents -= scale * rows.square().sum(dim=1, keepdim=True)
        return exponents.clamp_(max=0.0).exp_()

    def restricted(self, experts: Tensor) -> Nearby:
        """Return the memory of some experts, in the given order."""
        return replace(self, right=self.right[:, experts])


def _shrunk(right: Tensor, near: Tensor, prior: Tensor) -> Tensor:
    return (right + PRIOR_ROWS * prior) / (near + PRIOR_ROWS)


def _ridge(exponents: Tensor, targets: Tensor, ridge: float) -> tuple[Tensor, Tensor]:
    """Return the coefficients of kernel ridge regression and its leave-one-out answers."""
    kernel = (-exponents).exp()
    kernel.diagonal().add_(ridge)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(kernel))
    slopes = inverse @ targets
    return slopes, targets - slopes / inverse.diagonal()[:, None]
