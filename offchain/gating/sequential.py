"""A gate that asks one expert after another, and stops when it is sure enough for the budget.

Before a call it knows the row, the labelled rows nearby and what was answered so far; it asks
whoever is most likely right there and knows the classes in question. Rows that are easy need
one call, so that others can have more: the threshold is set on the labelled rows so that the
budget holds on average.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from offchain.gating.competence import ACCURACY, NEARBY, Heard, Record
from offchain.gating.embedding import Embedding
from offchain.gating.files import arrays_of, check, tensors_of
from offchain.gating.nearby import MOST_ROWS, Nearby
from offchain.gating.voice import Voice
from offchain.packing import pack, unpack, unreadable

COMPONENTS = 50
BUDGET = 4.0
MOST_CALLS = 8
PASSES = 2
MARGIN = 0.95
"""Share of the budget that is planned: new rows are a little harder than labelled ones."""
LEAST_KNOWN = 0.05
_PARTS: Mapping[str, type] = {
    "embedding": Embedding,
    "nearby": Nearby,
    "record": Record,
    "voice": Voice,
}
_DIMENSIONS = {
    "embedding.mean": "d",
    "embedding.axes": "dk",
    "nearby.rows": "nk",
    "nearby.slopes": "nc",
    "nearby.right": "ne",
    "nearby.scale": "",
    "record.accuracy": "e",
    "record.right": "ec",
    "record.said": "ec",
    "record.knows": "ec",
    "voice.worth": "6",
    "voice.mean": "6",
    "voice.deviation": "6",
    "voice.level": "e",
    "voice.sharpness": "e",
    "voice.turn": "ecc",
    "voice.gamma": "",
    "voice.power": "",
    "selection.bias": "e",
}


@dataclass(frozen=True, eq=False)
class Decision:
    """What the gate found for n rows.

    Attributes
    ----------
    weights
        Float32 (n, E): shares of those called, zero for all others.
    votes
        Float32 (E, n, C) in [0, 1]: what each would vote. ``sum_e weights[:, e] * votes[e]``
        has its maximum where ``chances`` has it.
    chances
        Float32 (n, C): calibrated probabilities.
    """

    weights: NDArray[np.float32]
    votes: NDArray[np.float32]
    chances: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class SequentialGate:
    """A fitted gate over E experts.

    Parameters
    ----------
    embedding, nearby, record, voice
        What it knows of rows, neighbours, experts, and how far to believe whom.
    enough
        Chance of the likeliest class at which it stops asking.
    most_calls
        Most experts that one row may call.
    bias
        (E,): added when the next expert is chosen, never to a vote; see
        :mod:`offchain.gating.caps`.
    """

    embedding: Embedding
    nearby: Nearby
    record: Record
    voice: Voice
    enough: float
    most_calls: int
    bias: Tensor

    @classmethod
    def fit(
        cls,
        features: NDArray[np.float32],
        probabilities: NDArray[np.float32],
        labels: NDArray[np.int64],
        weights: NDArray[np.float32],
        budget: float = BUDGET,
        most_calls: int = MOST_CALLS,
    ) -> SequentialGate:
        """Fit to the experts' predictions on rows that they have not seen; no chance is involved.

        Parameters
        ----------
        features
            Float32 (n, *feature_shape).
        probabilities
            Float32 (E, n, C).
        labels
            Int64 (n,).
        weights
            Float32 (n,): how much each row counts.
        budget
            Calls per row, on average.
        most_calls
            Most experts that one row may call.
        """
        embedding = Embedding.fit(features, COMPONENTS, level=False)
        rows = embedding.apply(features)[:MOST_ROWS]
        truth = torch.from_numpy(labels[:MOST_ROWS]).to(rows.device)
        answers = torch.from_numpy(probabilities).to(rows.device).permute(1, 0, 2)[:MOST_ROWS]
        importance = torch.from_numpy(weights[:MOST_ROWS] / weights.mean()).to(rows)
        right = (answers.argmax(dim=2) == truth[:, None]).to(rows.dtype)
        record = Record.of(answers, right, importance)
        nearby, opinion = Nearby.fit(rows, truth, right, answers.shape[2])
        local = nearby.left_out(record.without(right, importance))
        heard = Heard.of(record, answers, local, (right, importance))
        called = torch.ones_like(right, dtype=torch.bool)
        voice = Voice.start(heard.signals(called), called, answers.shape[2])
        most_calls = min(most_calls, right.shape[1])
        unbiased = torch.zeros_like(record.accuracy)
        gate = cls(embedding, nearby, record, voice, 1.0, most_calls, unbiased)
        voice = voice.fitted(heard.signals(called), called, answers, opinion, truth, importance)
        each = torch.arange(len(rows), device=rows.device)
        for _ in range(PASSES):
            gate = replace(gate, voice=voice)
            paths, sure = gate._whole_paths(heard, answers, opinion)
            stops = _stops(sure, _threshold(sure, MARGIN * budget))
            # Each row as it ends, and as it is underway: the gate judges by both.
            called = torch.cat([paths[stops, each], paths[each % len(paths), each]])
            voice = voice.fitted(
                torch.cat([heard.signals(half) for half in called.chunk(2)]),
                called,
                answers.repeat(2, 1, 1),
                opinion.repeat(2, 1),
                truth.repeat(2),
                importance.repeat(2) / 2.0,
            )
        gate = replace(gate, voice=voice)
        _, sure = gate._whole_paths(heard, answers, opinion)
        return replace(gate, enough=_threshold(sure, MARGIN * budget))

    def decide(self, features: NDArray[np.float32], probabilities: NDArray[np.float32]) -> Decision:
        """Decide rows, given what each expert would answer, (E, n, C).

        Answers of experts that the gate doesn't call have no influence.
        """
        with torch.no_grad():
            rows = self.embedding.apply(features)
            answers = torch.from_numpy(probabilities).to(rows.device).permute(1, 0, 2)
            opinion, local = self.nearby(rows, self.record.accuracy)
            heard = Heard.of(self.record, answers, local)
            sharpened = self.voice.sharpened(answers)
            called = self._called(heard, sharpened, opinion)
            shares = self.voice.shares(heard.signals(called), called)
            chances = self.voice.log_chances(shares, sharpened, opinion).exp()
            votes = sharpened * self.voice.factor(opinion)[:, None, :]
            highest = (votes * called[..., None]).amax(dim=(1, 2), keepdim=True)
            votes = (votes / highest.clamp(min=1e-12)).clamp(max=1.0)
        return Decision(
            shares.cpu().numpy(), votes.permute(1, 0, 2).cpu().numpy(), chances.cpu().numpy()
        )

    def _called(self, heard: Heard, sharpened: Tensor, opinion: Tensor) -> Tensor:
        """Return whom each row calls, bool (n, E); a row that is sure leaves the queue."""
        called = torch.zeros(heard.chosen.shape, dtype=torch.bool, device=opinion.device)
        going = torch.arange(len(opinion), device=opinion.device)
        chances = self._unheard(opinion)
        for _ in range(self.most_calls):
            called[going], chances = self._call(heard, sharpened, opinion, called[going], chances)
            open_rows = chances.amax(dim=1) < self.enough
            if not open_rows.any():
                break
            going, chances = going[open_rows], chances[open_rows]
            heard, sharpened = heard.of_rows(open_rows), sharpened[open_rows]
            opinion = opinion[open_rows]
        return called

    def _whole_paths(self, heard: Heard, answers: Tensor, opinion: Tensor) -> tuple[Tensor, Tensor]:
        """Call on, however sure.

        Returns
        -------
        tuple[Tensor, Tensor]
            Bool (calls, n, E): who has been called after each step; and the chance of the
            likeliest class then, (calls, n).
        """
        paths, sure = [], []
        with torch.no_grad():
            called = torch.zeros(heard.chosen.shape, dtype=torch.bool, device=opinion.device)
            chances, sharpened = self._unheard(opinion), self.voice.sharpened(answers)
            for _ in range(self.most_calls):
                called, chances = self._call(heard, sharpened, opinion, called, chances)
                paths.append(called)
                sure.append(chances.amax(dim=1))
        return torch.stack(paths), torch.stack(sure)

    def _unheard(self, opinion: Tensor) -> Tensor:
        """Return the chances (n, C) before anybody is asked."""
        return (opinion * self.voice.gamma.exp()).softmax(dim=1)

    def _call(
        self, heard: Heard, sharpened: Tensor, opinion: Tensor, called: Tensor, chances: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Call one more expert for each row and return who is called, and the chances then."""
        known = heard.alone[..., [ACCURACY, NEARBY]] - self.voice.mean[[ACCURACY, NEARBY]]
        useful = (chances @ self.record.knows.T + LEAST_KNOWN).log()
        worth = self.voice.worth / self.voice.deviation
        wanted = known @ worth[[ACCURACY, NEARBY]] + self.voice.level + self.bias + useful
        chosen = wanted.masked_fill(called, -torch.inf).argmax(dim=1, keepdim=True)
        called = called.scatter(1, chosen, True)
        shares = self.voice.shares(heard.signals(called), called)
        return called, self.voice.log_chances(shares, sharpened, opinion).exp()

    def restricted(self, experts: NDArray[np.int64]) -> SequentialGate:
        """Return the gate over some of its experts, in the given order."""
        chosen = torch.from_numpy(experts).to(self.record.accuracy.device)
        return replace(
            self,
            nearby=self.nearby.restricted(chosen),
            record=self.record.restricted(chosen),
            voice=self.voice.restricted(chosen),
            most_calls=min(self.most_calls, len(experts)),
            bias=self.bias[chosen],
        )

    def to_bytes(self) -> bytes:
        """Serialise; :meth:`from_bytes` is the inverse."""
        arrays = arrays_of({part: getattr(self, part) for part in _PARTS})
        arrays["selection.bias"] = self.bias.cpu().numpy()
        return pack({"enough": self.enough, "most_calls": self.most_calls}, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> SequentialGate:
        """Read a gate.

        Raises
        ------
        UnreadableModel
            If the bytes are not such a gate.
        """
        header, arrays = unpack(data)
        enough, most_calls = header.get("enough"), header.get("most_calls")
        if type(enough) is not float or not 0.0 <= enough <= 2.0:
            raise unreadable("the gate does not say when it is sure enough")
        if type(most_calls) is not int or most_calls < 1:
            raise unreadable("the gate does not say how many experts a row may call")
        check(arrays, _DIMENSIONS)
        if most_calls > len(arrays["record.accuracy"]):
            raise unreadable("the gate would call more experts than it has")
        parts = {part: kind(**tensors_of(arrays, part)) for part, kind in _PARTS.items()}
        return cls(
            enough=enough,
            most_calls=most_calls,
            bias=tensors_of(arrays, "selection")["bias"],
            **parts,
        )


def _stops(sure: Tensor, enough: float) -> Tensor:
    """Return after how many calls less one each row stops, (n,)."""
    stopped = sure >= enough
    stopped[-1] = True
    return stopped.to(torch.int8).argmax(dim=0)


def _threshold(sure: Tensor, budget: float) -> float:
    """Return the highest threshold under which the rows keep to the budget on average."""
    levels = torch.cat([sure.flatten(), sure.new_tensor([1.1])]).unique()
    low, high = 0, len(levels) - 1
    while low < high:
        middle = (low + high + 1) // 2
        calls = float((_stops(sure, float(levels[middle])) + 1).double().mean())
        low, high = (middle, high) if calls <= budget else (low, middle - 1)
    return float(levels[low])
