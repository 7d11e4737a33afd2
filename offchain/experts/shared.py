"""Many networks in one for tables: they share weights and differ by cheap factors.

After TabM (Gorishniy, Kotelnikov and Babenko, "TabM: advancing tabular deep learning with
parameter-efficient ensembling", ICLR 2025): each member scales the inputs and the outputs
of every shared layer by vectors of its own (Wen, Tran and Ba 2020, eq. 1), has its own
output layer, is trained by its own loss, and the members' probabilities are averaged.
Written anew for this project and smaller than the original, without its feature
embeddings and dropout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

MEMBERS, HIDDEN = 16, 64


class Apart(nn.Module):
    """A shared linear layer between the factors of each member.

    Maps (n, members, inputs) to (n, members, outputs).
    """

    def __init__(self, inputs: int, outputs: int, random_signs: bool) -> None:
        super().__init__()
        self.random_signs = random_signs
        self.shared = nn.Linear(inputs, outputs, bias=False)
        self.before = nn.Parameter(torch.empty(MEMBERS, inputs))
        self.after = nn.Parameter(torch.empty(MEMBERS, outputs))
        self.bias = nn.Parameter(torch.empty(MEMBERS, outputs))

    def start(self, generator: torch.Generator) -> None:
        """Set the factors to one; those of the first layer have random signs."""
        self.before.fill_(1.0)
        if self.random_signs:
            drawn = torch.randint(0, 2, self.before.shape, generator=generator)
            self.before.copy_(2.0 * drawn - 1.0)
        self.after.fill_(1.0)
        self.bias.zero_()

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the layer for every member."""
        mapped: Tensor = self.shared(inputs * self.before)
        return mapped * self.after + self.bias


class SharedNetworks(nn.Module):
    """The head: two hidden layers apart, then one output layer for each member."""

    def __init__(self, columns: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.first = Apart(columns, HIDDEN, random_signs=True)
        self.second = Apart(HIDDEN, HIDDEN, random_signs=False)
        self.out = nn.Linear(HIDDEN, MEMBERS * classes)

    def forward(self, rows: Tensor) -> Tensor:
        """Map (n, columns) to each member's logits (n, members, C) in training.

        Afterwards to the logarithm of the members' mean probabilities, (n, C).
        """
        hidden = self.first(rows[:, None, :]).relu()
        hidden = self.second(hidden).relu()
        weight = self.out.weight.view(MEMBERS, self.classes, HIDDEN)
        logits = torch.einsum("nkh,kch->nkc", hidden, weight)
        logits = logits + self.out.bias.view(MEMBERS, self.classes)
        return logits if self.training else logits.softmax(dim=2).mean(dim=1).log()
