"""Training of small torch networks on weighted rows, repeatable on one machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offchain.compute import device
from offchain.experts.protocol import Features, Labels, Probabilities

PREDICT_BATCH = 1_024


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network learns.

    Parameters
    ----------
    epochs
        Passes over the rows.
    rate
        Peak learning rate of AdamW; warms up over a fifth of the steps, then falls to zero
        by a cosine.
    decay
        AdamW's weight decay.
    batch
        Rows per step.
    least_steps
        Steps to take even if the rows are few.
    shift
        Most pixels by which a batch of images is moved in each direction, at random.
    """

    epochs: int
    rate: float
    decay: float = 1e-2
    batch: int = 64
    least_steps: int = 150
    shift: int = 0


def initialise(head: nn.Module, generator: torch.Generator) -> None:
    """Draw weights from N(0, 2 / fan_in) (He et al. 2015, eq. 10), biases and last layer zero.

    A last layer of zeros starts from equal probabilities. Drawn like the others it starts
    from confident mistakes, which cost the image network two points of accuracy.
    """
    layers = [module for module in head.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    with torch.no_grad():
        for layer in layers:
            drawn = torch.randn(layer.weight.shape, generator=generator)
            layer.weight.copy_(drawn * math.sqrt(2.0 / layer.weight[0].numel()))
            if layer.bias is not None:
                layer.bias.zero_()
        layers[-1].weight.zero_()


def train(
    network: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    weights: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
) -> None:
    """Minimise the weighted cross-entropy in place.

    Parameters
    ----------
    network
        Maps inputs (n, ...) to logits (n, C).
    inputs, labels, weights
        Tensors of n rows on the network's device; weights have mean one.
    generator
        CPU generator of the order of rows.
    """
    rows = len(labels)
    batches = math.ceil(rows / schedule.batch)
    epochs = max(schedule.epochs, math.ceil(schedule.least_steps / batches))
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=schedule.rate, weight_decay=schedule.decay
    )
    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, _warm_cosine(epochs * batches))
    network.train()
    for _ in range(epochs):
        order = torch.randperm(rows, generator=generator).to(labels.device)
        for chosen in torch.split(order, schedule.batch):
            batch = _moved(inputs[chosen], schedule.shift, generator)
            losses = nn.functional.cross_entropy(network(batch), labels[chosen], reduction="none")
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward((losses * weights[chosen]).mean())
            optimizer.step()
            rates.step()
    network.eval()


def apply_front(front: nn.Module, inputs: Tensor) -> Tensor:
    """Run the fixed part once over all rows, in batches, without gradients."""
    with torch.no_grad():
        return torch.cat([front(batch) for batch in torch.split(inputs, PREDICT_BATCH)])


def _moved(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Roll images (n, height, width) by up to ``shift`` pixels each way; 0 leaves them alone."""
    if shift == 0:
        return images
    steps = torch.randint(-shift, shift + 1, (2,), generator=generator).tolist()
    return torch.roll(images, steps, dims=(1, 2))


def _warm_cosine(steps: int) -> Callable[[int], float]:
    warm = max(1, steps // 5)

    def factor(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return factor


def tensors(features: Features, labels: Labels, weights: Features) -> tuple[Tensor, Tensor, Tensor]:
    """Move the rows that count to the device, with weights of mean one."""
    kept = weights > 0
    scaled = weights[kept] / weights[kept].mean()
    return (
        torch.from_numpy(np.ascontiguousarray(features[kept])).to(device()),
        torch.from_numpy(labels[kept]).to(device()),
        torch.from_numpy(scaled.astype(np.float32)).to(device()),
    )


def mean_probabilities(
    networks: Sequence[nn.Module], features: Features, seen: NDArray[np.bool_]
) -> Probabilities:
    """Average the networks' softmax over the classes that were seen in training.

    Parameters
    ----------
    networks
        Networks in evaluation mode, on the device.
    features
        Float32 of shape (n, *feature_shape).
    seen
        Bool of shape (C,); other classes get probability zero.
    """
    unseen = torch.from_numpy(~seen).to(device())
    parts: list[NDArray[np.float32]] = [np.zeros((0, len(seen)), np.float32)]
    with torch.no_grad():
        for start in range(0, len(features), PREDICT_BATCH):
            batch = torch.from_numpy(
                np.ascontiguousarray(features[start : start + PREDICT_BATCH])
            ).to(device())
            logits = [network(batch).masked_fill(unseen, -torch.inf) for network in networks]
            mean = torch.stack([logit.softmax(dim=1) for logit in logits]).mean(dim=0)
            parts.append(mean.cpu().numpy())
    return np.concatenate(parts)
