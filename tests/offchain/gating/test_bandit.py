"""What lasts across trades: arrivals, departures, prices, drift and caps on small streams."""

from __future__ import annotations

import numpy as np
import pytest

from marketplace.protocol.errors import ConfigurationError, UnreadableModel
from offchain.gating.bandit import Bandit
from offchain.gating.marks import UNIT
from offchain.packing import pack, unpack

QUERIES, CELLS = 600, 4
ALL = np.ones(3, bool)


def share(*values: float):
    return np.array([round(value * UNIT) for value in values], np.int64)


FREE = share(0, 0, 0)


class Run:
    """Queries in four cells, and experts that are right with a given chance."""

    def __init__(self, bandit, seed=100):
        self.bandit, self.generator = bandit, np.random.default_rng(seed)

    def play(self, queries, competence, chances, prices=FREE, present=ALL, calls=1):
        """Return who was called, bool (queries, E)."""
        called = np.zeros((queries, len(competence)), bool)
        for at in range(queries):
            cell = int(self.generator.integers(CELLS))
            chosen = self.bandit.choose(competence, cell, prices, present, calls)
            called[at, chosen] = True
            right = self.generator.random(len(competence))[chosen] < np.array(chances)[chosen]
            self.bandit = self.bandit.learned(chosen, competence, cell, right)
        return called


def start(**settings):
    return Run(Bandit.over(3, cells=CELLS, **settings))


def test_who_is_gone_is_never_called() -> None:
    run, without = start(), np.array([False, True, True])
    assert run.play(100, share(0.9, 0.5, 0.5), [0.9, 0.5, 0.5])[:, 0].all()
    gone = run.play(QUERIES, share(0.9, 0.5, 0.5), [0.9, 0.5, 0.5], present=without, calls=3)
    assert not gone[:, 0].any()
    np.testing.assert_array_equal(gone[:, 1:].sum(axis=1), 2)
    with pytest.raises(ConfigurationError, match="no expert"):
        run.play(1, share(0.9, 0.5, 0.5), [0.9, 0.5, 0.5], present=np.zeros(3, bool))


def test_at_most_so_many_are_called_best_first_lower_index_on_ties() -> None:
    bandit = Bandit.over(4, cells=CELLS)
    level = share(0.5, 0.7, 0.7, 0.6)
    none, every = np.zeros(4, np.int64), np.ones(4, bool)
    assert bandit.choose(level, 0, none, every, 1).tolist() == [1]
    assert bandit.choose(level, 0, none, every, 3).tolist() == [1, 2, 3]
    assert bandit.choose(level, 0, none, every, 9).tolist() == [1, 2, 3, 0]


def test_a_better_newcomer_is_used_within_few_queries() -> None:
    run = start()
    run.play(QUERIES, share(0.7, 0.6, 0.5), [0.7, 0.6, 0.5])
    run.bandit = run.bandit.joined()
    level, everybody = share(0.7, 0.6, 0.5, 0.8), np.ones(4, bool)
    called = run.play(200, level, [0.7, 0.6, 0.5, 0.85], np.zeros(4, np.int64), everybody)
    assert called[:10, 3].any()
    assert called[100:, 3].mean() > 0.8


def test_one_that_was_underrated_by_its_exam_is_found_out() -> None:
    run = start(boldness=UNIT)
    level = share(0.7, 0.65, 0.3)
    called = run.play(2_000, level, [0.7, 0.9, 0.3])
    assert called[-500:, 1].mean() > 0.8
    assert called[:, 2].mean() < 0.05


def test_drift_is_followed_and_the_exam_counts_again_when_it_is_forgotten() -> None:
    run = start(forgetting=8)
    level = share(0.8, 0.7, 0.2)
    assert run.play(QUERIES, level, [0.8, 0.7, 0.2])[:, 0].mean() > 0.7
    fallen = run.play(QUERIES, level, [0.2, 0.7, 0.2])
    assert fallen[200:, 0].mean() < 0.2
    back = run.play(2 * QUERIES, level, [0.8, 0.7, 0.2])
    assert back[-300:, 0].mean() > 0.5


def test_a_fall_in_one_cell_is_seen_there_first() -> None:
    bandit, level = Bandit.over(2, cells=CELLS), share(0.8, 0.7)
    for _ in range(40):
        bandit = bandit.learned(np.array([0]), level, 1, np.array([False]))
    free, both = np.zeros(2, np.int64), np.ones(2, bool)
    assert bandit.choose(level, 1, free, both, 1).tolist() == [1]
    assert bandit.corrected(level, 1)[0] < bandit.corrected(level, 2)[0] < level[0]


def test_a_rise_in_price_moves_the_load() -> None:
    run, level, chances = start(), share(0.8, 0.75, 0.2), [0.8, 0.75, 0.2]
    cheap = run.play(QUERIES, level, chances, share(0.02, 0.02, 0.02))
    dear = run.play(QUERIES, level, chances, share(0.30, 0.02, 0.02))
    again = run.play(QUERIES, level, chances, share(0.02, 0.02, 0.02))
    assert cheap[:, 0].mean() > 0.6
    assert dear[:, 0].mean() < 0.05
    assert again[:, 0].mean() > 0.6


@pytest.mark.parametrize("cap", [0.7, 0.5, 0.4])
def test_a_cap_holds_on_average_and_does_not_touch_what_is_believed(cap) -> None:
    run, level = start(cap=cap), share(0.9, 0.6, 0.5)
    called = run.play(2_000, level, [0.9, 0.6, 0.5])
    assert called[500:].mean(axis=0).max() < cap + 0.03
    assert called[500:, 0].mean() > cap - 0.05
    free = start()
    free.bandit = Bandit(run.bandit.weight, run.bandit.surprise, 0 * run.bandit.toll)
    np.testing.assert_array_equal(free.bandit.corrected(level, 0), run.bandit.corrected(level, 0))


def test_a_truth_that_never_comes_out_teaches_nothing() -> None:
    bandit, level = Bandit.over(3, cells=CELLS), share(0.8, 0.7, 0.2)
    after = bandit.learned(np.array([0]), level, 0, None)
    np.testing.assert_array_equal(after.corrected(level, 0), level)


def test_a_replay_gives_equal_bits_and_goes_on_from_its_bytes() -> None:
    def log(run, queries):
        return run.play(queries, share(0.7, 0.65, 0.6), [0.6, 0.7, 0.6], calls=2)

    one, other = start(cap=0.4), start(cap=0.4)
    np.testing.assert_array_equal(log(one, 300), log(other, 300))
    assert one.bandit.to_bytes() == other.bandit.to_bytes()
    other.bandit = Bandit.from_bytes(other.bandit.to_bytes())
    np.testing.assert_array_equal(log(one, 300), log(other, 300))
    assert one.bandit.to_bytes() == other.bandit.to_bytes()


def test_altered_memories_are_refused() -> None:
    run = start()
    run.play(50, share(0.7, 0.65, 0.6), [0.6, 0.7, 0.6])
    header, arrays = unpack(run.bandit.to_bytes())
    for name, array in arrays.items():
        for altered in (array.astype(np.float64), array[None], array[:-1], array - (1 << 60)):
            with pytest.raises(UnreadableModel):
                Bandit.from_bytes(pack(header, arrays | {name: altered}))
    for wrong in ({"cap": 0}, {"forgetting": 99}, {"strength": 0}, {"boldness": True}, {"more": 1}):
        with pytest.raises(UnreadableModel):
            Bandit.from_bytes(pack(header | wrong, arrays))


@pytest.mark.parametrize(
    "settings", [{"cap": 0.0}, {"cap": 1.5}, {"forgetting": 0}, {"strength": 0}, {"boldness": -1}]
)
def test_settings_that_make_no_sense_are_refused(settings) -> None:
    with pytest.raises(ConfigurationError):
        Bandit.over(3, **settings)
