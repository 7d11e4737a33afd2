"""Who takes part in the audited trades, and the small arrays that they argue about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

import numpy as np
from eth_account.signers.local import LocalAccount
from numpy.typing import NDArray

from marketplace.chain.devnet.accounts import well_known_accounts
from offchain.data import Dataset, Task
from offchain.validation import Commitment, Evidence, commit, quantise_gate, quantise_probabilities

ROWS = 40
TASK = Task("stones", (2,), ("quartz", "opal", "jade"), "balanced_accuracy")


@dataclass(frozen=True)
class Cast:
    """Lists ascend by address, as the contracts want them."""

    admin: LocalAccount
    treasury: LocalAccount
    buyer: LocalAccount
    broker: LocalAccount
    auditor: LocalAccount
    stranger: LocalAccount
    providers: tuple[LocalAccount, ...]
    experts: tuple[LocalAccount, ...]
    signers: tuple[LocalAccount, ...]
    panel: tuple[LocalAccount, ...]


def cast() -> Cast:
    """Give the devnet's funded accounts their roles."""
    accounts = list(well_known_accounts())

    def ascending(count: int) -> tuple[LocalAccount, ...]:
        taken = [accounts.pop() for _ in range(count)]
        return tuple(sorted(taken, key=lambda account: int(account.address, 16)))

    return Cast(*(accounts.pop() for _ in range(6)), *(ascending(3) for _ in range(4)))


def validation_set() -> Dataset:
    """Return the buyer's rows: classes in turn, and features that nobody looks at."""
    labels = np.arange(ROWS, dtype=np.int64) % len(TASK.classes)
    features = np.stack([labels, np.arange(ROWS)], axis=1).astype(np.float32)
    return Dataset(features, labels)


def validation_commitment() -> Commitment:
    """Return the buyer's commitment to its rows."""
    return commit(validation_set(), b"a secret of thirty-two bytes ...")


def votes(experts: tuple[str, ...], skill: int) -> Evidence:
    """Return votes of which about `skill` in ten are right, other ones for each expert."""
    labels, rows = validation_set().labels, np.arange(ROWS)
    chances = np.full((len(experts), ROWS, len(TASK.classes)), 0.1)
    for expert in range(len(experts)):
        right = (rows * 7 + expert * 3) % 10 < skill
        chosen = np.where(right, labels, (labels + 1 + expert % 2) % len(TASK.classes))
        chances[expert, rows, chosen] = 0.8
    weights = 1.0 + (rows[:, None] + np.arange(len(experts))) % len(experts)
    return Evidence(experts, quantise_probabilities(chances), quantise_gate(weights))


def routing(experts: int) -> NDArray[np.int16]:
    """Return the gate's integer weights over training rows, of unlike loads."""
    return quantise_gate(np.arange(1, 12)[:, None] % (2 + np.arange(experts)) + 0.5)


def worth(evidence: Evidence, members: tuple[int, ...]) -> Fraction:
    """Score a coalition row by row, as `docs/protocol.md` says, in plain Python."""
    labels = validation_set().labels
    right = dict.fromkeys(range(len(TASK.classes)), 0)
    for row, label in enumerate(labels[: len(evidence.gates)]):
        tally = [
            sum(int(evidence.gates[row, e]) * int(evidence.predictions[e, row, c]) for e in members)
            for c in range(len(TASK.classes))
        ]
        if max(tally) and tally.index(max(tally)) == label:
            right[int(label)] += 1
    recalls = [Fraction(hits, int((labels == c).sum())) for c, hits in right.items()]
    return sum(recalls, Fraction(0)) / len(recalls)


def brier_skill(evidence: Evidence, members: tuple[int, ...]) -> Fraction:
    """Return a coalition's Brier skill, as `docs/protocol.md` says, in plain Python.

    The metric is balanced accuracy, so every class that occurs counts as much in all.
    """
    labels = validation_set().labels[: len(evidence.gates)].tolist()
    base = [Fraction(int(c in labels), len(set(labels))) for c in range(len(TASK.classes))]
    gained = Fraction(0)
    for row, label in enumerate(labels):
        weight = Fraction(1, len(set(labels)) * labels.count(label))
        for c, usual in enumerate(base):
            said = usual + sum(
                Fraction(int(evidence.gates[row, e]), 2047)
                * (Fraction(int(evidence.predictions[e, row, c]), 2047) - usual)
                for e in members
            )
            gained += weight * (((c == label) - usual) ** 2 - ((c == label) - said) ** 2)
    return gained


def shapley_by_orders(evidence: Evidence) -> list[Fraction]:
    """Average each expert's marginal worth over all orders of arrival (Shapley 1953)."""
    return _by_orders(evidence, worth)


def skill_by_orders(evidence: Evidence) -> list[Fraction]:
    """Do the same for the Brier skill."""
    return _by_orders(evidence, brier_skill)


def _by_orders(
    evidence: Evidence, value: Callable[[Evidence, tuple[int, ...]], Fraction]
) -> list[Fraction]:
    count = len(evidence.experts)
    values = [Fraction(0)] * count
    orders = list(permutations(range(count)))
    for order in orders:
        for place, expert in enumerate(order):
            before = order[:place]
            values[expert] += value(evidence, (*before, expert)) - value(evidence, before)
    return [value / len(orders) for value in values]
