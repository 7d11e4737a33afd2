"""In which rows each coalition's vote is right: the only costly part of a contribution.

The label wins against a lower class with one vote more, against a higher class with equal
votes; class 0 needs a vote at all, the others then have one. Each of these is one integer per
expert and a lower bound on their sum over the coalition. The sums over the subsets of the first
players are tabled, as are those of the last ones, and every coalition is one addition, that is
one comparison, away: integers throughout, so the order of summation changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

LOW_PLAYERS = 12
_CELLS = 1 << 18
_MOST_BYTE_SUM = 255

Progress = Callable[[int], None]


def count_wins(
    predictions: NDArray[np.int16],
    gates: NDArray[np.int16],
    label: int,
    progress: Progress | None = None,
) -> NDArray[np.int64]:
    """Count the rows in which ``label`` wins the vote, for every coalition as a bit mask.

    Parameters
    ----------
    predictions
        Quantised probabilities, shape (k, n, C).
    gates
        Quantised gate weights, shape (n, k).
    label
        The true class of all n rows.
    progress
        Told how many rows are done, whenever some are.

    Returns
    -------
    NDArray[np.int64]
        Shape (2^k,); memory beside it is bounded, whatever n is.
    """
    total = np.zeros(1 << len(predictions), np.int64)
    few = np.zeros(len(total), np.uint8)
    held = 0
    for won in won_rows(predictions, gates, label):
        if held + len(won) > _MOST_BYTE_SUM:
            total += few
            few[:] = 0
            held = 0
        for row in won.view(np.uint8):
            few += row
        held += len(won)
        if progress:
            progress(len(won))
    return total + few


def won_rows(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], label: int
) -> Iterator[NDArray[np.bool_]]:
    """Yield the next m <= 255 rows' (m, 2^k) table of who wins; it is overwritten later."""
    players, rows, classes = predictions.shape
    low = min(players, LOW_PLAYERS)
    rivals = [other for other in range(classes) if other != label] + [0] * (label == 0)
    least = np.array([int(other <= label) for other in rivals], np.int32)[:, None, None]
    step = min(max(1, _CELLS >> players), _MOST_BYTE_SUM)
    won = np.empty((min(step, rows), 1 << (players - low), 1 << low), bool)
    beats = np.empty_like(won)
    for start in range(0, rows, step):
        part = slice(start, min(rows, start + step))
        leads = _leads(predictions[:, part], gates[part], label, rivals)
        lower, upper = _subset_sums(leads[..., :low]), least - _subset_sums(leads[..., low:])
        many = part.stop - part.start
        for rival, (some, needed) in enumerate(zip(lower, upper, strict=True)):
            result = beats[:many] if rival else won[:many]
            np.greater_equal(some[:, None, :], needed[:, :, None], out=result)
            if rival:
                np.logical_and(won[:many], result, out=won[:many])
        yield won[:many].reshape(many, -1)


def _leads(
    predictions: NDArray[np.int16], gates: NDArray[np.int16], label: int, rivals: list[int]
) -> NDArray[np.int32]:
    """Return each expert's votes for the label less those for each rival, (rivals, n, k).

    Class 0 has no lower rival that it must outvote, so its own votes stand last.
    """
    votes = predictions.astype(np.int32) * gates.T.astype(np.int32)[:, :, None]
    by_class = votes.transpose(2, 1, 0)
    leads: NDArray[np.int32] = by_class[label] - by_class[rivals]
    if label == 0:
        leads[-1] = by_class[0]
    return leads


def _subset_sums(terms: NDArray[np.int32]) -> NDArray[np.int32]:
    """Sum (..., k) over every subset of the k, in the order of bit masks: (..., 2^k)."""
    sums = np.zeros((*terms.shape[:-1], 1 << terms.shape[-1]), np.int32)
    for index in range(terms.shape[-1]):
        size = 1 << index
        np.add(sums[..., :size], terms[..., index, None], out=sums[..., size : 2 * size])
    return sums
