"""Exams on rows that were committed in advance, and what their scores are worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from eth_hash.auto import keccak

from marketplace.protocol.errors import ConfigurationError, TradeRefused
from offchain.data.dataset import Dataset
from offchain.gating.exam import Announcement
from offchain.gating.marks import UNIT, Marks
from offchain.validation import SCALE, commit

SEED, SECRET, MODEL = b"s" * 32, b"c" * 32, keccak(b"a newcomer")
ROWS, QUESTIONS, CLASSES = 60, 12, 3
DRAWN = [45, 18, 13, 33, 52, 25, 9, 6, 51, 17, 40, 57]


@pytest.fixture(scope="module")
def pool():
    generator = np.random.default_rng(100)
    features = generator.normal(size=(ROWS, 4)).astype(np.float32)
    return Dataset(features, generator.integers(0, CLASSES, ROWS))


@pytest.fixture(scope="module")
def commitment(pool):
    return commit(pool, SECRET)


@pytest.fixture(scope="module")
def announced(commitment):
    return Announcement.of(commitment.root, ROWS, QUESTIONS, SEED)


def sat(announced, commitment, pool, wrong=0):
    """What a newcomer that errs on the first rows hands in, and what opens its exam."""
    drawn = announced.draw(SEED, MODEL)
    said = pool.labels[drawn].copy()
    said[:wrong] = (said[:wrong] + 1) % CLASSES
    answers = (np.eye(CLASSES)[said] * SCALE).astype(np.int16)
    openings = [commitment.openings[row] for row in drawn]
    return answers, openings, [commitment.proof(int(row)) for row in drawn]


def test_a_stranger_marks_the_exam_from_what_is_published(announced, commitment, pool) -> None:
    right = announced.marked(SEED, MODEL, *sat(announced, commitment, pool, wrong=5))
    assert right.tolist() == [False] * 5 + [True] * (QUESTIONS - 5)


def test_the_draw_is_fixed_by_root_seed_and_model(announced) -> None:
    drawn = announced.draw(SEED, MODEL)
    assert len(set(drawn.tolist())) == QUESTIONS
    assert set(drawn.tolist()) <= set(range(ROWS))
    np.testing.assert_array_equal(announced.draw(SEED, MODEL), drawn)
    assert announced.draw(SEED, keccak(b"the same, a bit changed")).tolist() != drawn.tolist()
    other = replace(announced, root=b"r" * 32)
    assert other.draw(SEED, MODEL).tolist() != drawn.tolist()
    another = Announcement.of(announced.root, ROWS, QUESTIONS, b"t" * 32)
    assert another.draw(b"t" * 32, MODEL).tolist() != drawn.tolist()


def test_the_draw_is_the_same_on_every_machine(announced) -> None:
    fixed = replace(announced, root=b"r" * 32)
    assert fixed.draw(SEED, MODEL).tolist() == DRAWN


def test_a_seed_cannot_be_changed_once_models_are_known(announced) -> None:
    with pytest.raises(TradeRefused, match="seed"):
        announced.draw(b"t" * 32, MODEL)


def test_the_commitment_binds_labels_and_rows(announced, commitment, pool) -> None:
    answers, openings, proofs = sat(announced, commitment, pool)
    lie = replace(openings[3], label=(openings[3].label + 1) % CLASSES)
    with pytest.raises(TradeRefused, match="label"):
        announced.marked(SEED, MODEL, answers, [*openings[:3], lie, *openings[4:]], proofs)
    undrawn = next(row for row in range(ROWS) if row not in announced.draw(SEED, MODEL))
    easier = [*openings[:-1], commitment.openings[undrawn]]
    with pytest.raises(TradeRefused, match="rows"):
        announced.marked(SEED, MODEL, answers, easier, [*proofs[:-1], commitment.proof(undrawn)])
    with pytest.raises(TradeRefused, match="rows"):
        announced.marked(SEED, MODEL, answers[:-1], openings[:-1], proofs[:-1])
    with pytest.raises(TradeRefused, match="rows"):
        announced.marked(SEED, keccak(b"another model"), answers, openings, proofs)


def test_rows_that_an_earlier_round_opened_are_never_asked_again(announced) -> None:
    seen = frozenset(announced.draw(SEED, MODEL).tolist())
    second = announced.draw(SEED, keccak(b"retrained on what it saw"), seen)
    assert not seen & set(second.tolist())
    nearly_all = frozenset(range(ROWS - QUESTIONS + 1))
    with pytest.raises(TradeRefused, match="unspent"):
        announced.draw(SEED, MODEL, nearly_all)


@pytest.mark.parametrize(("questions", "seed"), [(0, SEED), (ROWS + 1, SEED), (5, b"short")])
def test_impossible_exams_are_not_announced(commitment, questions, seed) -> None:
    with pytest.raises(ConfigurationError):
        Announcement.of(commitment.root, ROWS, questions, seed)


# ------------------------------------------------------------------- shrinkage


def test_nobody_examined_is_what_experts_are_on_average_there(known, fresh) -> None:
    marks = Marks.of(known.features, right_of(known))
    unexamined = marks.joined(known.features[:0], np.zeros(0, bool)).competence(fresh.features)
    incumbents = marks.competence(fresh.features)
    np.testing.assert_array_equal(unexamined[:, :-1], incumbents)
    assert np.abs(unexamined[:, -1] - incumbents.mean(axis=1)).mean() < 0.05 * UNIT


def test_many_rows_are_their_own_score(known) -> None:
    row = known.features[:1]
    marks = Marks.of(known.features, right_of(known))
    for share in (0.0, 0.25, 1.0):
        many = np.arange(4_000) < share * 4_000
        found = marks.joined(np.repeat(row, 4_000, axis=0), many).competence(row)[0, -1]
        assert found == pytest.approx(share * UNIT, abs=0.001 * UNIT)


def test_the_fewer_rows_the_nearer_to_the_prior(known) -> None:
    row = known.features[:1]
    marks = Marks.of(known.features, right_of(known))
    scores = [
        marks.joined(np.repeat(row, rows, axis=0), np.ones(rows, bool)).competence(row)[0, -1]
        for rows in (0, 1, 3, 10, 100)
    ]
    assert scores == sorted(set(scores))
    assert scores[1] < 0.8 * UNIT < scores[-1] < UNIT


def test_an_exam_tells_where_the_newcomer_is_good(known, fresh) -> None:
    left = known.features[:, 0] < 0
    marks = Marks.of(known.features, right_of(known))
    every = marks.joined(known.features, left).competence(fresh.features)[:, -1]
    few = marks.joined(known.features[:50], left[:50]).competence(fresh.features)[:, -1]
    here, there = fresh.features[:, 0] < -0.7, fresh.features[:, 0] > 0.7
    assert every[here].mean() > every[there].mean() + 0.5 * UNIT
    assert 0.1 * UNIT < few[here].mean() - few[there].mean() < 0.4 * UNIT


def test_shares_stay_shares_where_everybody_is_right_or_wrong(known, fresh) -> None:
    for everybody in (False, True):
        marks = Marks.of(known.features, np.full((500, 3), everybody))
        found = marks.joined(known.features[:5], np.full(5, not everybody))
        competence = found.competence(fresh.features)
        assert competence.min() >= 0
        assert competence.max() <= UNIT


def test_competence_is_the_same_in_whatever_order_it_is_summed(known, fresh) -> None:
    right = right_of(known)
    marks = Marks.of(known.features, right)
    order = np.random.default_rng(100).permutation(len(right))
    shuffled = replace(marks, rows=marks.rows[order], right=right[order])
    expected = marks.competence(fresh.features)
    np.testing.assert_array_equal(shuffled.competence(fresh.features), expected)
    single = [marks.competence(fresh.features[row : row + 1])[0] for row in range(20)]
    np.testing.assert_array_equal(single, expected[:20])
    # Noise far below the grid, as between two machines' floats, changes nothing.
    near = np.rint(fresh.features * 256) / 256 + 1e-5
    np.testing.assert_array_equal(marks.competence(near.astype(np.float32)), expected)


def test_features_too_large_for_exact_distances_are_refused(known) -> None:
    for bad in (1e9, np.nan, np.inf):
        with pytest.raises(ConfigurationError):
            Marks.of(known.features * np.float32(bad), right_of(known))


def right_of(market):
    return (market.answers.argmax(axis=2) == market.labels).T
