"""How far to believe an expert's answer to a row: six numbers that mean the same for everyone.

What they are worth is learned once for all experts, so that fifty rows and sixteen experts
are eight hundred examples, and a newcomer is judged by what was learned of the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

ACCURACY, NEARBY = 0, 3
"""Of the six signals."""
PRIOR_ROWS = 4.0
KNOWN = 1e-6


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of E experts before a row comes.

    Parameters
    ----------
    accuracy
        (E,): share of labelled rows that each decides rightly, shrunk towards one half.
    right, said
        (E, C): how often it decided for a class, rightly, and at all.
    knows
        (E, C): one if it ever gives the class a chance, else zero.
    """

    accuracy: Tensor
    right: Tensor
    said: Tensor
    knows: Tensor

    @classmethod
    def of(cls, answers: Tensor, right: Tensor, importance: Tensor) -> Record:
        """Count over answers (n, E, C), right (n, E) and weights of the rows (n,)."""
        classes = answers.shape[2]
        said = torch.nn.functional.one_hot(answers.argmax(dim=2), classes).to(right.dtype)
        said = said * importance[:, None, None]
        total = importance.sum()
        return cls(
            ((right * importance[:, None]).sum(dim=0) + 1.0) / (total + 2.0),
            (said * right[..., None]).sum(dim=0),
            said.sum(dim=0),
            (answers.amax(dim=0) > KNOWN).to(right.dtype),
        )

    def without(self, right: Tensor, importance: Tensor) -> Tensor:
        """Return the accuracy (n, E) of each of the record's rows as if it were unknown.

        Parameters
        ----------
        right, importance
            (n, E) and (n,), as they were counted.
        """
        weight = importance[:, None]
        total = self.said.sum(dim=1) + 2.0
        return (self.accuracy * total - right * weight) / (total - weight)

    def restricted(self, experts: Tensor) -> Record:
        """Return the record of some experts, in the given order."""
        return replace(self, **{name: value[experts] for name, value in vars(self).items()})


@dataclass(frozen=True, eq=False)
class Heard:
    """What each answer says of itself, so that only agreement is left to find as calls go on.

    Parameters
    ----------
    answers
        (n, E, C).
    chosen
        Int64 (n, E): the class that each answer prefers.
    alone
        (n, E, 5): the signals that don't depend on who else is called. The expert's accuracy;
        its confidence and its lead over the second class; its accuracy nearby and where it
        says this class, both against its accuracy.
    say
        (E,): weight of each expert when agreement is counted.
    """

    answers: Tensor
    chosen: Tensor
    alone: Tensor
    say: Tensor

    @classmethod
    def of(
        cls,
        record: Record,
        answers: Tensor,
        local: Tensor,
        itself: tuple[Tensor, Tensor] | None = None,
    ) -> Heard:
        """Look at answers (n, E, C) of experts whose accuracy nearby is ``local`` (n, E).

        Parameters
        ----------
        itself
            Whether the rows are those of the record, with what each counts there: right (n, E)
            and weight (n,). They are then taken out of it, and out of the accuracy that signals
            are compared with: else whoever is right would seem worse nearby than elsewhere.
        """
        top = answers.topk(2, dim=2)
        confidence, lead = top.values[..., 0], top.values[..., 0] - top.values[..., 1]
        chosen = top.indices[..., 0]
        each = torch.arange(answers.shape[1], device=answers.device)
        hits, tries = record.right[each, chosen], record.said[each, chosen]
        accuracy = elsewhere = record.accuracy.expand(len(answers), -1)
        if itself is not None:
            right, importance = itself
            hits, tries = hits - right * importance[:, None], tries - importance[:, None]
            elsewhere = record.without(right, importance)
        by_class = (hits + PRIOR_ROWS * elsewhere) / (tries + PRIOR_ROWS)
        alone = [
            log_odds(accuracy),
            log_odds(confidence) / 2.0,
            2.0 * lead - 1.0,
            log_odds(local) - log_odds(elsewhere),
            log_odds(by_class) - log_odds(elsewhere),
        ]
        say = (log_odds(record.accuracy) + 3.0).clamp(min=0.1).square()
        return cls(answers, chosen, torch.stack(alone, dim=2), say)

    def signals(self, called: Tensor) -> Tensor:
        """Return the six signals (n, E, 6); the last is how far the others called agree."""
        return torch.cat([self.alone, self.agreement(called)[..., None]], dim=2)

    def agreement(self, called: Tensor) -> Tensor:
        """Return how far the others called agree with each expert (n, E), as a signal.

        Parameters
        ----------
        called
            Bool (n, E): nobody else's answer counts.
        """
        counted = called * self.say
        votes = torch.einsum("ne,nec->nc", counted, self.answers)
        own = self.answers.gather(2, self.chosen[..., None])[..., 0]
        agreeing = votes.gather(1, self.chosen) - counted * own
        total = counted.sum(dim=1, keepdim=True) - counted
        agreement = torch.where(total > KNOWN, agreeing / total.clamp(min=KNOWN), 0.5)
        return log_odds(agreement) / 2.0

    def of_rows(self, rows: Tensor) -> Heard:
        """Return some rows."""
        return Heard(self.answers[rows], self.chosen[rows], self.alone[rows], self.say)


def log_odds(chances: Tensor) -> Tensor:
    """Return ln(p / (1 - p)), cut at one in a thousand."""
    cut = chances.clamp(1e-3, 1.0 - 1e-3)
    return (cut / (1.0 - cut)).log()
