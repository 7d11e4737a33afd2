"""Texts as counts of hashed byte n-grams, for a linear model on top."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from offchain.experts.layers import Front

LONGEST = 5
PRIME = 2**31 - 1
BASE, MIX = 257, 40_503
SPACE, CASE = 32, 32


class HashedGrams(Front):
    """Weigh the n-grams of a text by how rare they are, in a fixed number of buckets.

    Feature hashing (Weinberger et al. 2009) without signs, of byte n-grams that may span
    words; then the logarithm of one plus the count, times the inverse document frequency
    ``1 + log((1 + n) / (1 + d))``, each row brought to one length. ASCII capitals count as
    small letters. A space stands before and after each text, so that the n-grams of its
    first and last word are those of a word.

    Parameters
    ----------
    buckets
        How many columns come out.
    length
        Of each row that comes out; with 1 a linear model would learn too slowly.
    """

    rarity: Tensor

    def __init__(self, buckets: int, length: float) -> None:
        super().__init__()
        self.buckets, self.length = buckets, length
        self.register_buffer("rarity", torch.ones(buckets))

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Measure in how many texts each bucket occurs."""
        found = torch.zeros_like(self.rarity)
        for batch in torch.split(inputs, 1_024):
            found += (self._counts(batch) > 0).sum(dim=0)
        self.rarity.copy_(1.0 + ((1.0 + len(inputs)) / (1.0 + found)).log())

    def forward(self, inputs: Tensor) -> Tensor:
        """Map rows of bytes (n, length of text) to (n, buckets)."""
        weighed = self._counts(inputs).log1p() * self.rarity
        return nn.functional.normalize(weighed, dim=1) * self.length

    def _counts(self, inputs: Tensor) -> Tensor:
        """Count the n-grams of each row in each bucket, (n, buckets)."""
        signs = _spaced(inputs)
        counts = torch.zeros(len(inputs), self.buckets).to(self.rarity)
        hashed, inside = torch.zeros_like(signs), torch.ones_like(signs, dtype=torch.bool)
        for size in range(1, LONGEST + 1):
            width = signs.shape[1] - size + 1
            if width < 1:
                break
            last = signs[:, size - 1 :]
            hashed = (hashed[:, :width] * BASE + last) % PRIME
            inside = inside[:, :width] & (last > 0)
            bucket = (hashed * MIX + size) % PRIME % self.buckets
            counts.scatter_add_(1, bucket, inside.to(counts))
        return counts


def _spaced(inputs: Tensor) -> Tensor:
    """Return small letters with a space before and after each text, int64 (n, length + 2)."""
    signs = torch.nan_to_num(inputs).clamp(0, 255).long()
    signs = torch.where((signs >= ord("A")) & (signs <= ord("Z")), signs + CASE, signs)
    signs = nn.functional.pad(signs, (1, 1))
    signs[:, 0] = SPACE
    ends = (signs > 0).cumprod(dim=1).sum(dim=1).clamp(max=signs.shape[1] - 1)
    return signs.scatter(1, ends[:, None], SPACE)
