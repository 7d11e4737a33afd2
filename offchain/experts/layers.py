"""Layers that learn nothing by gradient: they look at the training rows once, then stay fixed."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from offchain.arithmetic import normals, uniforms

SAMPLE = 512
LEAST_CONTRAST = 1e-5


class Front(nn.Module):
    """The fixed part of a network, from raw features to the inputs of the trained part."""

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Set every buffer from the training inputs (n, ...) and a CPU generator."""


class Standardise(Front):
    """Shift and scale each feature to mean 0 and deviation 1 on the training rows."""

    mean: Tensor
    scale: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Measure mean and deviation; deviations below 0.05 count as 0.05."""
        self.scale.copy_(1.0 / inputs.std(dim=0, unbiased=False).clamp(min=0.05))
        mean = inputs.mean(dim=0)
        # Of a mean of zero only rounding is left.
        self.mean.copy_(mean * (mean.abs() * self.scale > LEAST_CONTRAST))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, *shape) to (n, *shape); values beyond 8 deviations are cut."""
        return ((inputs - self.mean) * self.scale).clamp(-8.0, 8.0)


class Centre(Front):
    """Shift and scale all features by one mean and one deviation, for images."""

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Measure the mean and deviation over all rows and features."""
        self.mean.copy_(inputs.mean())
        self.scale.copy_(1.0 / inputs.std(unbiased=False).clamp(min=1e-3))

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, ...) to the same shape."""
        return (inputs - self.mean) * self.scale


class Hinges(Front):
    """Expand each column into itself and ``max(0, x - knot)`` at its quantiles.

    A linear model on these is an additive model: a piecewise linear curve per column.
    """

    knots: Tensor

    def __init__(self, columns: int, count: int) -> None:
        super().__init__()
        self.register_buffer("knots", torch.zeros(columns, count))

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Place the knots at evenly spaced quantiles."""
        count = self.knots.shape[1]
        steps = torch.arange(1, count + 1, device=inputs.device, dtype=inputs.dtype)
        self.knots.copy_(torch.quantile(inputs, steps / (count + 1), dim=0).T)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, columns) to (n, columns * (count + 1))."""
        hinges = (inputs[:, :, None] - self.knots).clamp(min=0.0)
        return torch.cat([inputs[:, :, None], hinges], dim=2).flatten(1)


class FourierFeatures(Front):
    """Random features whose inner products approximate a Gaussian kernel.

    ``sqrt(2) cos(w x + b)`` (Rahimi and Recht 2007, algorithm 1, unscaled), w ~ N(0, 1 / s^2)
    with s the median distance between training rows.
    """

    frequencies: Tensor
    phases: Tensor

    def __init__(self, columns: int, count: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.zeros(columns, count))
        self.register_buffer("phases", torch.zeros(count))

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Draw frequencies and phases; the bandwidth comes from at most 512 rows."""
        chosen = torch.randperm(len(inputs), generator=generator)[:SAMPLE].to(inputs.device)
        distances = torch.pdist(inputs[chosen])
        spread = float(distances.median()) if distances.numel() else 1.0
        drawn = normals(self.frequencies.shape, generator)
        self.frequencies.copy_(drawn / max(spread, 1e-3))
        self.phases.copy_(uniforms(self.phases.shape, generator) * 2.0 * math.pi)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, columns) to (n, count)."""
        return math.sqrt(2.0) * (inputs @ self.frequencies + self.phases).cos()


class RandomPatches(Front):
    """Correlate images with patches cut at random from training images, then pool.

    The fixed first layer of Coates, Ng and Lee (2011) with exemplar filters: patches have
    mean zero and length one, responses under half their deviation become zero.
    """

    filters: Tensor
    floors: Tensor

    def __init__(self, count: int, side: int, cells: int) -> None:
        super().__init__()
        self.side, self.cells = side, cells
        self.register_buffer("filters", torch.zeros(count, 1, side, side))
        self.register_buffer("floors", torch.zeros(count))

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Cut the patches, the most varied of three at a time, and measure the floors."""
        count, (rows, height, width) = len(self.filters), inputs.shape
        draws = [
            torch.randint(high, (3 * count,), generator=generator).tolist()
            for high in (rows, height - self.side + 1, width - self.side + 1)
        ]
        patches = torch.stack(
            [
                inputs[row, top : top + self.side, left : left + self.side]
                for row, top, left in zip(*draws, strict=True)
            ]
        )
        patches = patches - patches.mean(dim=(1, 2), keepdim=True)
        # Of a patch of one grey only rounding is left, which must not decide.
        patches = patches * (patches.abs() > LEAST_CONTRAST)
        lengths = patches.flatten(1).norm(dim=1)
        chosen = lengths.sort(descending=True, stable=True).indices[:count]
        self.filters.copy_((patches / lengths.clamp(min=1e-3)[:, None, None])[chosen][:, None])
        sample = torch.randperm(rows, generator=generator)[:SAMPLE].to(inputs.device)
        responses = self._responses(inputs[sample])
        self.floors.copy_(responses.std(dim=(0, 2, 3), unbiased=False) / 2.0)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, height, width) to (n, count * cells^2)."""
        active = (self._responses(inputs) - self.floors[:, None, None]).relu()
        return nn.functional.adaptive_avg_pool2d(active, self.cells).flatten(1)

    def _responses(self, inputs: Tensor) -> Tensor:
        """Correlate at every second pixel, (n, count, rows, columns)."""
        return nn.functional.conv2d(inputs[:, None], self.filters, stride=2)


class Flatten(Front):
    """Lay each row out as one vector."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (n, ...) to (n, d)."""
        return inputs.flatten(1)


class Chain(Front):
    """Fixed layers one after another, each prepared on what the ones before it make."""

    def __init__(self, *layers: Front) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def prepare(self, inputs: Tensor, generator: torch.Generator) -> None:
        """Prepare the layers in order."""
        for layer in self.layers:
            if isinstance(layer, Front):
                layer.prepare(inputs, generator)
                inputs = layer(inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply the layers in order."""
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs
