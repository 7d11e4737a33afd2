"""The vote after the calls: believed answers mixed, sharpened, and joined with what lies nearby.

    p(c | row) ~ (sum over called e of g_e q_e(c))^power * exp(gamma * opinion(c))

At first the shares g are the odds of an expert's accuracy nearby and q its own answer; the
labelled rows move them from there as far as their likelihood outweighs the pulls. An
expert's answer p becomes q ~ p^sharpness * exp(p @ turn): with many rows this stacks, for it
tells an expert's classes apart by what else it says.

The shares g depend on the signals of :mod:`offchain.gating.competence`. Since the power is
positive, the winning class is that of ``sum_e g_e q_e(c) t(c)`` with ``t = exp(gamma * opinion /
power)``: a vote with one factor per class, which the integers of a trade can express.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from offchain.gating.competence import ACCURACY, NEARBY

FLOOR = 1e-3
PULLS = {
    "worth": 4.0,
    "level": 8.0,
    "sharpness": 20.0,
    "turn": 4.0,
    "gamma": 2.0,
    "power": 2.0,
}
"""Of each square away from where a fit starts, in units of one row's log-likelihood. Three fits
follow one another, so that all in all a third of it holds against the rows."""
GAMMA = -1.0
LEAST_DEVIATION = 0.3
"""A signal that hardly differs between labelled rows may do so elsewhere, and says little then."""
STEPS = 40


@dataclass(frozen=True, eq=False)
class Voice:
    """Fitted vote of E experts.

    Parameters
    ----------
    worth
        (6,): what each standardised signal adds to an expert's logit.
    mean, deviation
        (6,): of the signals.
    level
        (E,): what is particular to an expert.
    sharpness
        (E,): logarithm of the power of its probabilities.
    turn
        (E, C, C): what its probabilities of the first class add to the logit of the second.
    gamma, power
        (): logarithms of the weight of the opinion and of the mixture's power.
    """

    worth: Tensor
    mean: Tensor
    deviation: Tensor
    level: Tensor
    sharpness: Tensor
    turn: Tensor
    gamma: Tensor
    power: Tensor

    @classmethod
    def start(cls, signals: Tensor, called: Tensor, classes: int) -> Voice:
        """Return the vote before anything is learned: weights are the odds of being right here."""
        counted = signals[called]
        deviation = counted.std(dim=0, unbiased=False).clamp(min=LEAST_DEVIATION)
        worth = torch.zeros_like(deviation)
        worth[ACCURACY], worth[NEARBY] = deviation[ACCURACY], deviation[NEARBY]
        nothing = torch.zeros_like(signals[0, :, 0])
        turn = torch.zeros(len(nothing), classes, classes, device=signals.device)
        one = torch.zeros((), device=signals.device)
        return cls(worth, counted.mean(dim=0), deviation, nothing, nothing, turn, one + GAMMA, one)

    def logits(self, signals: Tensor) -> Tensor:
        """Return the experts' logits (n, E) from signals (n, E, 6)."""
        return ((signals - self.mean) / self.deviation) @ self.worth + self.level

    def shares(self, signals: Tensor, called: Tensor) -> Tensor:
        """Return the weights g (n, E) among those called."""
        return self.logits(signals).masked_fill(~called, -torch.inf).softmax(dim=1)

    def sharpened(self, answers: Tensor) -> Tensor:
        """Return the answers (n, E, C) that vote, q; a class nobody may know keeps little."""
        logs = answers.clamp(min=FLOOR).log() * self.sharpness.exp()[:, None]
        return (logs + torch.einsum("nec,ecd->ned", answers, self.turn)).softmax(dim=2)

    def log_chances(self, shares: Tensor, sharpened: Tensor, opinion: Tensor) -> Tensor:
        """Return ln p(c | row), (n, C)."""
        mixed = torch.einsum("ne,nec->nc", shares, sharpened).clamp(min=1e-9).log()
        return (mixed * self.power.exp() + opinion * self.gamma.exp()).log_softmax(dim=1)

    def factor(self, opinion: Tensor) -> Tensor:
        """Return t (n, C): what the opinion adds to a vote, at most one."""
        logs = opinion * (self.gamma - self.power).exp()
        return (logs - logs.amax(dim=1, keepdim=True)).exp()

    def fitted(
        self,
        signals: Tensor,
        called: Tensor,
        answers: Tensor,
        opinion: Tensor,
        truth: Tensor,
        importance: Tensor,
    ) -> Voice:
        """Return the vote that maximises the likelihood, pulled towards this one.

        Parameters
        ----------
        signals, called, answers
            (n, E, 6), bool (n, E) and (n, E, C).
        opinion
            (n, C), of rows that don't know themselves.
        truth, importance
            (n,).
        """
        values = {name: getattr(self, name).clone().requires_grad_() for name in PULLS}
        optimizer = torch.optim.LBFGS(
            [*values.values()], max_iter=STEPS, line_search_fn="strong_wolfe"
        )

        def loss() -> Tensor:
            optimizer.zero_grad()
            voice = replace(self, **values)
            logs = voice.log_chances(
                voice.shares(signals, called), voice.sharpened(answers), opinion
            )
            missed = torch.nn.functional.nll_loss(logs, truth, reduction="none")
            pull = sum(
                (PULLS[name] * (value - getattr(self, name)).square().sum())
                for name, value in values.items()
            )
            total: torch.Tensor = (missed * importance).sum() + pull
            torch.autograd.backward(total)
            return total

        optimizer.step(loss)
        return replace(self, **{name: value.detach() for name, value in values.items()})

    def restricted(self, experts: Tensor) -> Voice:
        """Return the vote of some experts, in the given order."""
        own = ("level", "sharpness", "turn")
        return replace(self, **{name: getattr(self, name)[experts] for name in own})
