"""Scores of development models, released so that many submissions learn little.

Blum and Hardt, The Ladder: A Reliable Leaderboard for Machine Learning Competitions (ICML 2015),
Algorithm 1, for scores instead of losses. With R the answer before and eta the step, a model with
score s is answered by ``[s]_eta``, s rounded to the nearest multiple of eta, if there was no
answer yet or ``s > R + eta``, and by R otherwise. The answers to k models on n rows stay within
O((log(kn) / n) ** (1/3)) of the best model's true score when eta is of that size.

In integers: scores are parts per million, a tie between two multiples goes up, and the step
divides one million, so that rounding never exceeds a score of one.
"""

from __future__ import annotations

from collections.abc import Iterable

PARTS = 1_000_000
"""A score of one, in parts per million."""


def ladder_answer(best: int | None, score: int, step: int) -> int:
    """Return what is released for one more model.

    Parameters
    ----------
    best
        R, the answer before, in parts per million; None before the first round.
    score
        s, in parts per million.
    step
        eta, in parts per million.

    Raises
    ------
    ValueError
        If the score is outside 0 to one million, the step does not divide one million, or
        `best` is not one of its multiples.
    """
    _require_on_ladder(best, step)
    if not 0 <= score <= PARTS:
        raise ValueError(f"a score of {score} is outside 0 to {PARTS}")
    if best is not None and score <= best + step:
        return best
    return (score + step // 2) // step * step


def ladder_answers(scores: Iterable[int], step: int) -> list[int]:
    """Return what is released for each model of a series, in the order of submission.

    Raises
    ------
    ValueError
        As `ladder_answer`.
    """
    answers: list[int] = []
    best: int | None = None
    for score in scores:
        best = ladder_answer(best, score, step)
        answers.append(best)
    return answers


def is_ladder_answer(best: int | None, released: int, step: int) -> bool:
    """Tell whether some score has this answer: all that can be checked without the score.

    Raises
    ------
    ValueError
        If the step does not divide one million, or `best` is not one of its multiples.
    """
    _require_on_ladder(best, step)
    if released == best:
        return True
    lowest = 0 if best is None else best + step
    return lowest <= released <= PARTS and released % step == 0


def _require_on_ladder(best: int | None, step: int) -> None:
    if not (0 < step <= PARTS and PARTS % step == 0):
        raise ValueError(f"a step of {step} does not divide {PARTS}")
    if best is not None and not (0 <= best <= PARTS and best % step == 0):
        raise ValueError(f"{best} is no multiple of the step {step}")
