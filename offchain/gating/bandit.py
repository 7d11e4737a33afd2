"""Whom to call, trade after trade: what exams showed, corrected by how it went since.

    worth = competence + correction + doubt - price - toll

Competence comes from exams (:mod:`offchain.gating.marks`) and depends on the row. The correction
is an expert's mean surprise since, right or wrong less what competence promised: in the row's
cell, shrunk towards its mean over all cells, which is shrunk towards none. It is forgotten by a
factor at each query, so that drift is followed, and an expert that nobody calls returns to what
its exam showed: nobody is locked in or out. Doubt is the discounted upper confidence bound of
Garivier and Moulines (2011, "On upper-confidence bound policies for switching bandit problems",
section 3): a share's deviation, one half, over the root of the discounted count; without the
logarithm, so that it settles. The toll is the shadow price of a load cap, raised by each call
above the cap and lowered by each query without one (dual descent, Balseiro, Lu and Mirrokni
2020). It acts on the choice only, never on a vote.

All state is whole numbers in 1 / UNIT; the only root is IEEE's, which rounds the same everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from marketplace.protocol.errors import ConfigurationError
from offchain.gating.marks import CELLS, UNIT
from offchain.packing import pack, unpack, unreadable

FORGETTING = 11
STRENGTH, CELL_STRENGTH = 40, 10
BOLDNESS = UNIT // 4
MOST = 1 << 20
TOLL_RATE = UNIT // 256
_STATE = ("weight", "surprise", "toll")
_SETTINGS = ("cap", "forgetting", "strength", "cell_strength", "boldness")


@dataclass(frozen=True, eq=False)
class Bandit:
    """What is remembered of E experts in G cells between queries.

    Parameters
    ----------
    weight
        Int64 (E, G): discounted number of answers judged.
    surprise
        Int64 (E, G): discounted sum of outcome less competence.
    toll
        Int64 (E, 1): what a call costs more because of the cap, at least 0.
    cap
        Largest share of the calls that one expert should have; UNIT is no cap.
    forgetting
        At each query, 2^-forgetting of what is remembered is lost.
    strength, cell_strength
        Judged answers that the prior of an expert's surprise is worth, and in a cell.
    boldness
        Factor of the doubt.
    """

    weight: NDArray[np.int64]
    surprise: NDArray[np.int64]
    toll: NDArray[np.int64]
    cap: int = UNIT
    forgetting: int = FORGETTING
    strength: int = STRENGTH
    cell_strength: int = CELL_STRENGTH
    boldness: int = BOLDNESS

    def __post_init__(self) -> None:
        """Refuse settings that make no sense.

        Raises
        ------
        ConfigurationError
            If one is out of range.
        """
        strengths = 0 < self.strength <= MOST and 0 < self.cell_strength <= MOST
        others = 0 < self.forgetting <= 16 and 0 <= self.boldness <= MOST
        if not (0 < self.cap <= UNIT and strengths and others):
            raise ConfigurationError(
                "a setting of the bandit is out of range",
                f"give a cap up to {UNIT}, forgetting from 1 to 16, others up to {MOST}",
            )

    @classmethod
    def over(cls, experts: int, cap: float = 1.0, cells: int = CELLS, **settings: int) -> Bandit:
        """Start without memory.

        Raises
        ------
        ConfigurationError
            If a setting is out of range.
        """
        nothing = np.zeros((experts, cells), np.int64)
        return cls(nothing, nothing, nothing[:, :1], cap=round(cap * UNIT), **settings)

    def joined(self, experts: int = 1) -> Bandit:
        """Return the bandit with so many newcomers at the end, of whom nothing is remembered."""
        more = ((0, experts), (0, 0))
        return replace(
            self,
            weight=np.pad(self.weight, more),
            surprise=np.pad(self.surprise, more),
            toll=np.pad(self.toll, more),
        )

    def corrected(self, competence: NDArray[np.int64], cell: int) -> NDArray[np.int64]:
        """Return competence (E,) corrected by what was seen since, in 1 / UNIT."""
        total = self.weight.sum(axis=1) + self.strength * UNIT
        overall = self.surprise.sum(axis=1) * UNIT // total
        evidence = self.weight[:, cell] + self.cell_strength * UNIT
        here: NDArray[np.int64] = (
            (self.surprise[:, cell] + self.cell_strength * overall) * UNIT // evidence
        )
        return competence + here

    def worth(
        self, competence: NDArray[np.int64], cell: int, prices: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return what a call to each expert (E,) is worth, in right answers / UNIT.

        Parameters
        ----------
        competence
            Int64 (E,) of :meth:`Marks.competence` for this row.
        cell
            Where the row lies, of :meth:`Marks.cells`.
        prices
            Int64 (E,): price of a call, in 1 / UNIT of what a right answer is worth.
        """
        evidence = self.weight[:, cell] + self.cell_strength * UNIT
        root = np.sqrt((UNIT**3 // 4 // evidence).astype(np.float64)).astype(np.int64)
        doubt = self.boldness * root // UNIT
        return self.corrected(competence, cell) + doubt - prices - self.toll[:, 0]

    def choose(
        self,
        competence: NDArray[np.int64],
        cell: int,
        prices: NDArray[np.int64],
        present: NDArray[np.bool_],
        calls: int,
    ) -> NDArray[np.int64]:
        """Return at most ``calls`` experts that are present, best first, lower index on ties.

        Raises
        ------
        ConfigurationError
            If nobody is present.
        """
        if not present.any():
            raise ConfigurationError("no expert is present", "wait until one offers itself")
        worth = self.worth(competence, cell, prices)
        best = np.argsort(np.where(present, -worth, np.iinfo(np.int64).max), kind="stable")[:calls]
        chosen: NDArray[np.int64] = best[present[best]].astype(np.int64)
        return chosen

    def learned(
        self,
        chosen: NDArray[np.int64],
        competence: NDArray[np.int64],
        cell: int,
        right: NDArray[np.bool_] | None,
    ) -> Bandit:
        """Return the memory after a query.

        Parameters
        ----------
        chosen
            Whom it called.
        right
            Bool (len(chosen),): who was right; None if the truth never came out.
        """
        weight = self.weight - (self.weight >> self.forgetting)
        surprise = self.surprise - (self.surprise >> self.forgetting)
        if right is not None:
            weight[chosen, cell] += UNIT
            surprise[chosen, cell] += right * UNIT - competence[chosen]
        called = np.zeros_like(self.toll)
        called[chosen] = UNIT
        over = (called - self.cap * len(chosen)) * TOLL_RATE // UNIT
        return replace(
            self, weight=weight, surprise=surprise, toll=np.clip(self.toll + over, 0, UNIT)
        )

    def to_bytes(self) -> bytes:
        """Serialise; :meth:`from_bytes` is the inverse. Equal memories give equal bytes."""
        settings = {name: getattr(self, name) for name in _SETTINGS}
        return pack(settings, {name: getattr(self, name) for name in _STATE})

    @classmethod
    def from_bytes(cls, data: bytes) -> Bandit:
        """Read a memory.

        Raises
        ------
        UnreadableModel
            If the bytes are not one.
        """
        header, arrays = unpack(data)
        if set(header) != set(_SETTINGS) or any(type(each) is not int for each in header.values()):
            raise unreadable("its settings are not those of a bandit")
        if set(arrays) != set(_STATE) or any(
            array.dtype != np.int64 or array.ndim != 2 for array in arrays.values()
        ):
            raise unreadable("its arrays are not those of a bandit")
        weight, surprise, toll = (arrays[name] for name in _STATE)
        if weight.shape != surprise.shape or toll.shape != (len(weight), 1):
            raise unreadable("its arrays do not fit each other")
        # What never ends adds up to UNIT << forgetting; rounding leaves a little more.
        bound = UNIT << 17
        if any(array.size and np.abs(array).max() > bound for array in arrays.values()):
            raise unreadable("a value is out of range")
        if (weight < 0).any() or (toll < 0).any():
            raise unreadable("a value is out of range")
        try:
            return cls(weight, surprise, toll, **header)
        except ConfigurationError as error:
            raise unreadable(str(error)) from error
