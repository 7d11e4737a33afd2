"""The networks on offer: from logistic regression to many networks in one."""

from __future__ import annotations

import math

from torch import Tensor, nn

from marketplace.protocol.errors import ConfigurationError
from offchain.experts.grams import HashedGrams
from offchain.experts.layers import (
    Centre,
    Chain,
    Flatten,
    FourierFeatures,
    Front,
    Hinges,
    RandomPatches,
    Standardise,
)
from offchain.experts.neural import NeuralExpert
from offchain.experts.protocol import Description
from offchain.experts.schedule import Schedule
from offchain.experts.shared import SharedNetworks

HIDDEN = 128
KNOTS = 6
FOURIER = 512
PATCHES, PATCH_SIDE, CELLS = 96, 7, 5
LEAST_IMAGE_SIDE = 12
BUCKETS, GRAM_LENGTH = 4_096, 4.0


def _flat(shape: tuple[int, ...]) -> tuple[Front, int]:
    """Return the front that makes one standardised vector of a row, and its length."""
    scale: Front = Standardise(shape) if len(shape) == 1 else Centre()
    return Chain(scale, Flatten()), math.prod(shape)


def logistic(shape: tuple[int, ...], classes: int) -> tuple[Front, nn.Module]:
    """Multinomial logistic regression."""
    front, width = _flat(shape)
    return front, nn.Linear(width, classes)


def perceptron(shape: tuple[int, ...], classes: int) -> tuple[Front, nn.Module]:
    """Two hidden layers."""
    front, width = _flat(shape)
    return front, nn.Sequential(
        nn.Linear(width, HIDDEN),
        nn.ReLU(),
        nn.Linear(HIDDEN, HIDDEN // 2),
        nn.ReLU(),
        nn.Linear(HIDDEN // 2, classes),
    )


def additive(shape: tuple[int, ...], classes: int) -> tuple[Front, nn.Module]:
    """Logistic regression on a piecewise linear curve per column."""
    (columns,) = shape
    expanded = columns * (KNOTS + 1)
    front = Chain(Standardise(shape), Hinges(columns, KNOTS), Standardise((expanded,)))
    return front, nn.Linear(expanded, classes)


def fourier(shape: tuple[int, ...], classes: int) -> tuple[Front, nn.Module]:
    """Logistic regression on random features: Fourier for tables, patches for images."""
    if len(shape) == 1:
        front = Chain(Standardise(shape), FourierFeatures(shape[0], FOURIER))
        return front, nn.Linear(FOURIER, classes)
    _check_image(shape)
    width = PATCHES * CELLS * CELLS
    patches = RandomPatches(PATCHES, PATCH_SIDE, CELLS)
    return Chain(Centre(), patches, Standardise((width,))), nn.Linear(width, classes)


class Convolutions(nn.Module):
    """Three convolutions, the first strided, with pooling, then one linear layer."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        super().__init__()
        _check_image(shape)
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        height, width = (-(-side // 2) // 2 for side in shape)
        self.out = nn.Linear(64 * -(-height // 2) * -(-width // 2), classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (n, height, width) to logits (n, classes)."""
        logits: Tensor = self.out(self.body(images[:, None]).flatten(1))
        return logits


def convolutional(shape: tuple[int, ...], classes: int) -> tuple[Front, nn.Module]:
    """Small convolutional network."""
    return Centre(), Convolutions(shape, classes)


def shared(shape: tuple[int, ...], classes: int) -> tuple[Front, nn.Module]:
    """Many networks that share their weights."""
    (columns,) = shape
    return Standardise(shape), SharedNetworks(columns, classes)


def grams(shape: tuple[int, ...], classes: int) -> tuple[Front, nn.Module]:
    """Logistic regression on the hashed n-grams of a text."""
    (_,) = shape
    return HashedGrams(BUCKETS, GRAM_LENGTH), nn.Linear(BUCKETS, classes)


def _check_image(shape: tuple[int, ...]) -> None:
    if len(shape) != 2 or min(shape) < LEAST_IMAGE_SIDE:
        raise ConfigurationError(
            f"rows of shape {shape} are not grey images of at least {LEAST_IMAGE_SIDE} pixels",
            "choose an expert whose description suits the task",
        )


NEURAL_EXPERTS = (
    NeuralExpert(
        Description("logistic", "Multinomial logistic regression.", "any"),
        logistic,
        Schedule(epochs=20, rate=1e-2, decay=1e-1),
    ),
    NeuralExpert(
        Description("mlp", "Three perceptrons with two hidden layers each.", "any"),
        perceptron,
        Schedule(epochs=10, rate=2e-3, decay=1e-1),
        members=3,
    ),
    NeuralExpert(
        Description("cnn", "Convolutional network with three layers.", "image"),
        convolutional,
        Schedule(epochs=8, rate=3e-3, decay=1e-1, shift=1),
    ),
    NeuralExpert(
        Description("additive", "Piecewise linear curve per column, added up.", "table"),
        additive,
        Schedule(epochs=20, rate=3e-3, decay=5e-1),
    ),
    NeuralExpert(
        Description(
            "random-features",
            "Logistic regression on random Fourier features or random image patches.",
            "any",
        ),
        fourier,
        Schedule(epochs=20, rate=3e-3, decay=3e-1),
    ),
    NeuralExpert(
        Description("shared-mlp", "Sixteen perceptrons that share most of their weights.", "table"),
        shared,
        Schedule(epochs=20, rate=2e-3, decay=1e-1, batch=128),
    ),
    NeuralExpert(
        Description("hashed-text", "Logistic regression on hashed n-grams of bytes.", "text"),
        grams,
        Schedule(epochs=20, rate=1e-2, decay=1e-1),
    ),
)
