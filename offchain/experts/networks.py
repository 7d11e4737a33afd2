"""Small torch networks: how they start, learn from weighted rows one by one, and answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from offchain.arithmetic import FLOAT32_BITS, Arithmetic, normals
from offchain.compute import device
from offchain.experts.layers import Front
from offchain.experts.protocol import Features, Labels, Probabilities
from offchain.experts.schedule import Schedule
from offchain.experts.shared import Apart

PREDICT_BATCH = 1_024
MOMENTS = ("exp_avg", "exp_avg_sq")


def initialise(head: nn.Module, generator: torch.Generator) -> None:
    """Draw weights from N(0, 2 / fan_in) (He et al. 2015, eq. 10), biases and last layer zero.

    A last layer of zeros starts from equal probabilities. Drawn like the others it starts
    from confident mistakes, which cost the image network two points of accuracy.
    """
    layers = [module for module in head.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    with torch.no_grad():
        for layer in layers:
            drawn = normals(layer.weight.shape, generator)
            layer.weight.copy_(drawn * math.sqrt(2.0 / layer.weight[0].numel()))
            if layer.bias is not None:
                layer.bias.zero_()
        layers[-1].weight.zero_()
        for module in head.modules():
            if isinstance(module, Apart):
                module.start(generator)


def train(
    network: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    weights: Tensor,
    schedule: Schedule,
    generator: torch.Generator,
    arithmetic: Arithmetic,
) -> None:
    """Minimise the weighted cross-entropy in place, for a network of any layers.

    Parameters
    ----------
    network
        Maps inputs (n, ...) to logits (n, C), or of several members, (n, members, C).
    inputs, labels, weights
        Tensors of n rows on the network's device; weights have mean one.
    generator
        CPU generator of the order of rows.
    """
    rows = len(labels)
    steps, step = schedule.steps(rows), 0
    network.to(arithmetic.dtype).train()
    parameters = list(network.parameters())
    optimizer = torch.optim.AdamW(parameters, weight_decay=schedule.decay, fused=True)
    while step < steps:
        order = torch.randperm(rows, generator=generator).to(labels.device)
        for chosen in torch.split(order, schedule.batch):
            optimizer.param_groups[0]["lr"] = schedule.rate_at(step, steps)
            batch = _moved(inputs[chosen].to(arithmetic.dtype), schedule.shift, generator)
            with torch.autocast(batch.device.type, torch.bfloat16, enabled=arithmetic.mixed):
                logits = network(batch)
            losses = _losses(logits.to(arithmetic.dtype), labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward((losses * weights[chosen]).mean())
            optimizer.step()
            with torch.no_grad():
                arithmetic.settle(parameters)
                moments = [optimizer.state[p][n] for p in parameters for n in MOMENTS]
                arithmetic.settle(moments, floor=False)
            step += 1
    network.eval()


def prepare(
    front: Front, inputs: Tensor, generator: torch.Generator, arithmetic: Arithmetic
) -> None:
    """Let the fixed part measure the training inputs (n, ...)."""
    with torch.no_grad():
        front.to(arithmetic.dtype)
        front.prepare(inputs.to(arithmetic.dtype), generator)
        # Units of the features: they may be large or small, so a float32 keeps all it can hold.
        for name, buffer in front.named_buffers():
            if name.endswith(("mean", "scale")):
                arithmetic.settle([buffer], floor=False, bits=FLOAT32_BITS)
            else:
                arithmetic.settle([buffer])


def apply_front(front: nn.Module, inputs: Tensor, arithmetic: Arithmetic) -> Tensor:
    """Run the fixed part once over all rows, in batches, without gradients; float32 (n, ...)."""
    made = []
    with torch.no_grad():
        for batch in torch.split(inputs, PREDICT_BATCH):
            outputs = front(batch.to(arithmetic.dtype)).contiguous()
            arithmetic.settle([outputs])
            made.append(outputs.float())
    return torch.cat(made)


def _losses(logits: Tensor, labels: Tensor) -> Tensor:
    """Return each row's cross-entropy, (n,); of several members the mean of theirs."""
    if logits.ndim == 2:
        return nn.functional.cross_entropy(logits, labels, reduction="none")
    every = labels[:, None].expand(-1, logits.shape[1])
    return nn.functional.cross_entropy(logits.transpose(1, 2), every, reduction="none").mean(dim=1)


def _moved(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Roll images (n, height, width) by up to ``shift`` pixels each way; 0 leaves them alone."""
    if shift == 0:
        return images
    steps = torch.randint(-shift, shift + 1, (2,), generator=generator).tolist()
    return torch.roll(images, steps, dims=(1, 2))


def tensors(features: Features, labels: Labels, weights: Features) -> tuple[Tensor, Tensor, Tensor]:
    """Move the rows that count to the device, with weights of mean one."""
    kept = weights > 0
    scaled = weights[kept] / weights[kept].mean(dtype=np.float64)
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
        Networks in evaluation mode, on the device, all of one dtype.
    features
        Float32 of shape (n, *feature_shape).
    seen
        Bool of shape (C,); other classes get probability zero.
    """
    unseen = torch.from_numpy(~seen).to(device())
    dtype = next(networks[0].parameters()).dtype
    parts: list[NDArray[np.float32]] = [np.zeros((0, len(seen)), np.float32)]
    with torch.no_grad():
        for start in range(0, len(features), PREDICT_BATCH):
            batch = torch.from_numpy(
                np.ascontiguousarray(features[start : start + PREDICT_BATCH])
            ).to(device(), dtype)
            logits = [network(batch).masked_fill(unseen, -torch.inf) for network in networks]
            mean = torch.stack([logit.softmax(dim=1) for logit in logits]).mean(dim=0)
            parts.append(mean.float().cpu().numpy())
    return np.concatenate(parts)
