"""The Ladder: what it answers, and that a search by its answers finds little."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.validation import is_ladder_answer, ladder_answer, ladder_answers

PARTS = 1_000_000
STEPS = st.sampled_from([step for step in range(1, PARTS + 1) if PARTS % step == 0])
SCORES = st.integers(0, PARTS)


@pytest.mark.parametrize(
    ("scores", "step", "answers"),
    [
        ([500_000, 560_000, 700_000, 690_000], 100_000, [500_000, 500_000, 700_000, 700_000]),
        ([530_000, 600_000, 600_001, 600_000], 100_000, [500_000, 500_000, 600_000, 600_000]),
        ([0, 0, 1_000_000, 3], 1_000_000, [0, 0, 0, 0]),
        ([549_999, 650_001], 100_000, [500_000, 700_000]),
        ([450_000], 100_000, [500_000]),  # a tie goes up
        ([], 100_000, []),
    ],
)
def test_answers_by_hand(scores: list[int], step: int, answers: list[int]) -> None:
    assert ladder_answers(scores, step) == answers


@given(st.lists(SCORES, min_size=1, max_size=30), STEPS)
def test_answers_rise_by_steps_and_stay_near_the_best(scores: list[int], step: int) -> None:
    answers = ladder_answers(scores, step)
    assert all(answer % step == 0 and 0 <= answer <= PARTS for answer in answers)
    for before, after in pairwise(answers):
        assert after == before or after >= before + step
    for submitted, answer in enumerate(answers, 1):
        best = max(scores[:submitted])
        assert answer - step / 2 <= best <= answer + step


@given(st.none() | SCORES, SCORES, STEPS)
def test_every_answer_is_admitted(best: int | None, score: int, step: int) -> None:
    before = None if best is None else best // step * step
    assert is_ladder_answer(before, ladder_answer(before, score, step), step)


@given(
    st.none() | SCORES,
    st.integers(-PARTS, 2 * PARTS),
    STEPS.filter(lambda step: step > 2),
)
def test_nothing_else_is_admitted(best: int | None, released: int, step: int) -> None:
    """An answer is its own score's or, one step above the answer before, that of one more.

    Steps of one or two leave no integer between best + step and the next multiple.
    """
    before = None if best is None else best // step * step
    scores = (before, released, released + 1)
    possible = any(
        ladder_answer(before, score, step) == released
        for score in scores
        if score is not None and 0 <= score <= PARTS
    )
    # only at the very top no score can exceed best + step
    if before is not None and released == before + step == PARTS:
        possible = True
    assert is_ladder_answer(before, released, step) == possible


@pytest.mark.parametrize("step", [0, -1, 3, 300_000, 2_000_000])
def test_a_step_divides_the_whole(step: int) -> None:
    with pytest.raises(ValueError, match="does not divide"):
        ladder_answer(None, 1, step)


@pytest.mark.parametrize(("best", "score"), [(50_000, 1), (-100_000, 1), (1_100_000, 1)])
def test_the_answer_before_lies_on_the_ladder(best: int, score: int) -> None:
    with pytest.raises(ValueError, match="no multiple"):
        ladder_answer(best, score, 100_000)


@pytest.mark.parametrize("score", [-1, PARTS + 1])
def test_a_score_is_a_share(score: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        ladder_answer(None, score, 100_000)


def test_boosting_by_the_answers_finds_little() -> None:
    """Random predictions, those with good answers kept, their majority submitted at last.

    The true accuracy is one half. Full scores lead the search well above it; with a step of
    n ** (-1/3) the Ladder leads it nowhere (mean of 20 searches, 300 submissions, 1,000 rows).
    """
    rows, submissions, step = 1_000, 300, 100_000
    gained = {"full": 0.0, "ladder": 0.0}
    for seed in range(20):
        rng = np.random.default_rng(seed)
        right = rng.integers(0, 2, (submissions, rows), dtype=np.int64)  # 1 where it is right
        full = [int(score) for score in right.sum(axis=1) * PARTS // rows]
        for name, answers in (("full", full), ("ladder", ladder_answers(full, step))):
            kept = right[np.array(answers) > PARTS // 2]
            kept = kept if len(kept) else right
            majority = 2 * kept.sum(axis=0) > len(kept)
            gained[name] += (float(majority.mean()) - 0.5) / 20
    assert gained["full"] > 0.08
    assert abs(gained["ladder"]) < 0.03
