"""Many small networks of one shape trained as one: their weights are stacked, products batched.

Each keeps its own rows, weights, order of rows and number of steps, and ends as it would
alone: bit for bit in replayable arithmetic, to about 1e-6 in float32, where the optimizer's
vectorised and scalar code round differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from offchain.arithmetic import Arithmetic
from offchain.experts.networks import MOMENTS, train
from offchain.experts.schedule import Schedule
from offchain.experts.stepping import Steps, step_choice

ALLOWED_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True, eq=False)
class Learner:
    """One network's trained part and what it learns from.

    Parameters
    ----------
    head
        Linear layers with rectifiers between them, initialised.
    inputs, labels, weights
        Float32 (n, d), int64 (n,) and float32 (n,) on the head's device; weights have mean one.
    generator
        CPU generator of the order of rows.
    """

    head: nn.Module
    inputs: Tensor
    labels: Tensor
    weights: Tensor
    generator: torch.Generator


def linear_chain(head: nn.Module) -> list[nn.Linear]:
    """Return the linear layers of a head that can join a cohort; none if it can't."""
    parts = list(head) if isinstance(head, nn.Sequential) else [head]
    linear = [part for part in parts[::2] if isinstance(part, nn.Linear)]
    between = [part for part in parts[1::2] if isinstance(part, nn.ReLU)]
    return linear if 2 * len(linear) == len(parts) + 1 == 2 * len(between) + 2 else []


def needed_bytes(learner: Learner, schedule: Schedule, arithmetic: Arithmetic) -> int:
    """Return the memory that one learner takes in a cohort: state, rows, order, activations."""
    layers = linear_chain(learner.head)
    size = arithmetic.dtype.itemsize
    weights = sum(p.numel() for layer in layers for p in layer.parameters())
    widths = layers[0].in_features + 2 * sum(layer.out_features for layer in layers)
    rows, width = learner.inputs.shape
    order = schedule.steps(rows) * schedule.batch * 4
    return 5 * weights * size + rows * (4 * width + 12) + order + 2 * schedule.batch * widths * size


class Cohorts:
    """Collects learners and trains them, as many together as fit into the memory allowed.

    Parameters
    ----------
    schedule, arithmetic
        How all of them learn.
    allowed
        Bytes that the tensors of one cohort may take; one learner alone may take more.

    Attributes
    ----------
    peak
        Bytes that the largest cohort took.
    """

    def __init__(
        self, schedule: Schedule, arithmetic: Arithmetic, allowed: int = ALLOWED_BYTES
    ) -> None:
        self._schedule, self._arithmetic, self._allowed = schedule, arithmetic, allowed
        self._waiting: list[Learner] = []
        self._bytes = 0
        self.peak = 0

    def add(self, learner: Learner) -> None:
        """Take up a learner, which is trained when the next doesn't fit beside it, or at the end.

        A head of other layers than linear ones is trained at once, by itself: a convolution
        fills the processor alone.
        """
        if not linear_chain(learner.head):
            parts = learner.inputs, learner.labels, learner.weights
            train(learner.head, *parts, self._schedule, learner.generator, self._arithmetic)
            return
        needed = needed_bytes(learner, self._schedule, self._arithmetic)
        fits = self._bytes + needed <= self._allowed
        if self._waiting and not (fits and _shapes(learner) == _shapes(self._waiting[0])):
            self.train()
        self._waiting.append(learner)
        self._bytes += needed

    def train(self) -> None:
        """Train whoever waits."""
        if self._waiting:
            train_together(self._waiting, self._schedule, self._arithmetic)
        self.peak = max(self.peak, self._bytes)
        self._waiting, self._bytes = [], 0


def train_together(learners: Sequence[Learner], schedule: Schedule, arithmetic: Arithmetic) -> None:
    """Minimise each learner's weighted cross-entropy in place.

    The steps are those of :func:`offchain.experts.networks.train`. Who has fewer rows, and so
    fewer steps, drops out earlier.
    """
    longest_first = sorted(learners, key=lambda learner: -schedule.steps(len(learner.labels)))
    with torch.no_grad():
        _Cohort(longest_first, schedule, arithmetic).train()


def _shapes(learner: Learner) -> list[torch.Size]:
    return [layer.weight.shape for layer in linear_chain(learner.head)]


class _Cohort:
    """Stacked learners, those with the most steps first."""

    def __init__(
        self, learners: Sequence[Learner], schedule: Schedule, arithmetic: Arithmetic
    ) -> None:
        self._learners, self._schedule, self._arithmetic = learners, schedule, arithmetic
        self._chains = [linear_chain(learner.head) for learner in learners]
        place = learners[0].inputs.device
        self._device = place
        width = learners[0].inputs.shape[1]
        # A row of zeros at the end fills up batches; its weight is zero.
        self._rows = torch.cat([one.inputs for one in learners] + [torch.zeros(1, width).to(place)])
        self._truth = torch.cat(
            [one.labels for one in learners] + [torch.zeros(1).long().to(place)]
        )
        self._counts = torch.cat([one.weights for one in learners] + [torch.zeros(1).to(place)])
        layers = list(zip(*self._chains, strict=True))
        self._weights = [self._stack([part.weight for part in layer]) for layer in layers]
        self._biases = [self._stack([part.bias[None] for part in layer]) for layer in layers]
        self._lengths = [schedule.steps(len(learner.labels)) for learner in learners]
        self._order, self._sizes = self._plan()
        self._optimizer = self._make_optimizer()

    def train(self) -> None:
        """Take all steps and copy the weights back."""
        choice, active, steps = step_choice(self._device), 0, None
        for at in range(self._lengths[0]):
            if steps is None or self._lengths[active - 1] <= at:
                active = sum(length > at for length in self._lengths)
                chosen = torch.zeros(active, self._schedule.batch, dtype=torch.long)
                self._chosen = chosen.to(self._device)
                self._share = torch.ones(active, 1, dtype=self._arithmetic.dtype).to(self._device)
                steps = Steps(self._step, choice)
            self._chosen.copy_(self._order[at, :active])
            self._share.copy_(1.0 / self._sizes[at, :active, None])
            for group in self._optimizer.param_groups:
                if group["length"] > at:
                    group["lr"].fill_(self._schedule.rate_at(at, group["length"]))
            steps.take()
        for place, chain in enumerate(self._chains):
            for layer, weight, bias in zip(chain, self._weights, self._biases, strict=True):
                layer.weight.copy_(weight[place])
                layer.bias.copy_(bias[place, 0])

    def _step(self) -> None:
        active = len(self._chosen)
        gradients = self._gradients(active)
        for group in self._optimizer.param_groups:
            start, stop = group["place"]
            for parameter, gradient in zip(group["params"], gradients, strict=True):
                parameter.grad = gradient[start:stop] if start < active else None
        self._optimizer.step()
        moving = [group for group in self._optimizer.param_groups if group["place"][0] < active]
        parameters = [parameter for group in moving for parameter in group["params"]]
        self._arithmetic.settle(parameters)
        self._arithmetic.settle(
            [self._optimizer.state[p][n] for p in parameters for n in MOMENTS],
            floor=False,
        )

    def _gradients(self, active: int) -> list[Tensor]:
        """Return the gradient of every stacked tensor, weights first, for the active learners."""
        dtype, flat = self._arithmetic.dtype, self._chosen.reshape(-1)
        inputs = self._rows.index_select(0, flat).view(*self._chosen.shape, -1).to(dtype)
        truth, counts = self._truth[self._chosen], self._counts[self._chosen].to(dtype)
        weights = [weight[:active] for weight in self._weights]
        biases = [bias[:active] for bias in self._biases]
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._arithmetic.mixed):
            seen = [inputs]
            for weight, bias in zip(weights, biases, strict=True):
                made = torch.baddbmm(bias, seen[-1], weight.transpose(1, 2))
                seen.append(made if len(seen) == len(weights) else made.relu_())
            slope = seen.pop().to(dtype).softmax(dim=2)
            slope.scatter_add_(2, truth[..., None], -torch.ones_like(slope[..., :1]))
            slope *= (counts * self._share)[..., None]
            by_weight: list[Tensor] = []
            by_bias: list[Tensor] = []
            for weight in reversed(weights):
                made = seen.pop()
                by_weight.insert(0, torch.bmm(slope.transpose(1, 2), made).to(dtype))
                by_bias.insert(0, slope.sum(dim=1, keepdim=True).to(dtype))
                if seen:
                    slope = torch.bmm(slope, weight) * (made > 0)
        return by_weight + by_bias

    def _stack(self, tensors: Sequence[Tensor]) -> Tensor:
        return torch.stack(list(tensors)).to(self._arithmetic.dtype)

    def _plan(self) -> tuple[Tensor, Tensor]:
        """Return row numbers (steps, learners, batch) and sizes of batches (steps, learners)."""
        batch, last = self._schedule.batch, len(self._truth) - 1
        shape = self._lengths[0], len(self._learners)
        order = torch.full((*shape, batch), last, dtype=torch.int32)
        sizes = torch.ones(shape, dtype=self._arithmetic.dtype)
        start = 0
        for place, learner in enumerate(self._learners):
            rows, step = len(learner.labels), 0
            while step < self._lengths[place]:
                drawn = torch.randperm(rows, generator=learner.generator)
                for chosen in torch.split(drawn, batch):
                    order[step, place, : len(chosen)] = chosen + start
                    sizes[step, place] = len(chosen)
                    step += 1
            start += rows
        return order.to(self._device), sizes.to(self._device)

    def _make_optimizer(self) -> torch.optim.AdamW:
        """Return one whose groups are the learners that take equally many steps."""
        groups: list[dict[str, Any]] = []
        start = 0
        for length, same in groupby(self._lengths):
            stop = start + len(list(same))
            params = [tensor[start:stop].detach() for tensor in (*self._weights, *self._biases)]
            rate = torch.zeros((), dtype=torch.float32, device=self._device)
            place = start, stop
            groups.append({"params": params, "lr": rate, "length": length, "place": place})
            start = stop
        return torch.optim.AdamW(
            groups,
            weight_decay=self._schedule.decay,
            fused=True,
            capturable=self._device.type == "cuda",
        )
