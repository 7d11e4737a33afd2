"""The gate that asks one expert after another, on experts whose quality is known."""

import numpy as np
import pytest

from marketplace.protocol.errors import UnreadableModel
from offchain.gating import SequentialGate, cap_costs, capped
from offchain.packing import pack, unpack
from offchain.validation import decide, quantise_gate, quantise_probabilities, vote


def fit(market, rows=None, **settings):
    return SequentialGate.fit(
        market.features[:rows],
        market.answers[:, :rows],
        market.labels[:rows],
        market.weights[:rows],
        **settings,
    )


@pytest.fixture(scope="module")
def gate(known):
    return fit(known, budget=3.0)


@pytest.fixture(scope="module")
def found(gate, fresh):
    return gate.decide(fresh.features, fresh.answers)


def accuracy(decision, market):
    return (decision.chances.argmax(axis=1) == market.labels).mean()


def test_it_beats_what_needs_no_gate(found, fresh) -> None:
    alone = (fresh.answers.argmax(axis=2) == fresh.labels).mean(axis=1).max()
    uniform = (fresh.answers.mean(axis=0).argmax(axis=1) == fresh.labels).mean()
    assert accuracy(found, fresh) > max(alone, uniform) + 0.1


def test_calls_keep_to_the_budget(known, fresh, found) -> None:
    assert 1.0 <= (found.weights > 0).sum(axis=1).mean() <= 3.2
    cheap = fit(known, budget=1.5).decide(fresh.features, fresh.answers)
    assert (cheap.weights > 0).sum(axis=1).mean() < 1.7
    one = fit(known, most_calls=1).decide(fresh.features, fresh.answers)
    np.testing.assert_array_equal((one.weights > 0).sum(axis=1), 1)


def test_it_asks_those_who_know_the_place_first(known, fresh) -> None:
    called = fit(known, most_calls=1).decide(fresh.features, fresh.answers).weights > 0
    left, right = fresh.features[:, 0] < -0.7, fresh.features[:, 0] > 0.7
    assert called[left, 0].mean() > 0.8
    assert called[right, 1].mean() > 0.8


def test_the_trades_integers_decide_as_it_does(found) -> None:
    votes = quantise_probabilities(found.votes)
    decided = decide(vote(votes, quantise_gate(found.weights)))
    ordered = np.sort(found.chances, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 0.01
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(decided[clear], found.chances.argmax(axis=1)[clear])


def test_weights_and_chances_are_shares(found) -> None:
    assert found.weights.dtype == found.votes.dtype == found.chances.dtype == np.float32
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(found.chances.sum(axis=1), 1, atol=1e-5)
    assert found.votes.min() >= 0
    assert found.votes.max() <= 1


def test_answers_of_those_not_called_do_not_matter(gate, fresh, found) -> None:
    called = (found.weights > 0).T[..., None]
    other = np.where(called, fresh.answers, np.float32(1 / 3))
    again = gate.decide(fresh.features, other)
    np.testing.assert_array_equal(again.weights > 0, found.weights > 0)
    np.testing.assert_allclose(again.chances, found.chances, atol=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_hardly_any_rows_do_not_break_it(known, fresh, rows) -> None:
    found = fit(known, rows).decide(fresh.features, fresh.answers)
    assert np.isfinite(found.chances).all()
    assert np.isfinite(found.weights).all()


def test_no_chance_is_involved_and_bytes_survive(gate, known, fresh, found) -> None:
    assert fit(known, budget=3.0).to_bytes() == gate.to_bytes()
    loaded = SequentialGate.from_bytes(gate.to_bytes())
    assert loaded.to_bytes() == gate.to_bytes()
    again = loaded.decide(fresh.features, fresh.answers)
    np.testing.assert_array_equal(again.weights, found.weights)
    np.testing.assert_array_equal(again.votes, found.votes)


def test_a_restricted_gate_calls_the_others(gate, fresh) -> None:
    chosen = np.array([5, 1])
    part = gate.restricted(chosen).decide(fresh.features, fresh.answers[chosen])
    assert part.weights.shape == (500, 2)
    np.testing.assert_allclose(part.weights.sum(axis=1), 1, atol=1e-5)


def test_altered_files_are_refused(gate) -> None:
    header, arrays = unpack(gate.to_bytes())
    for name, array in arrays.items():
        for altered in (array.astype(np.float64), array[None], np.full_like(array, np.nan)):
            with pytest.raises(UnreadableModel):
                SequentialGate.from_bytes(pack(header, arrays | {name: altered}))
    for wrong in ({"most_calls": 0}, {"most_calls": 7}, {"enough": None}, {"enough": float("nan")}):
        with pytest.raises(UnreadableModel):
            SequentialGate.from_bytes(pack(header | wrong, arrays))


def test_a_cap_spreads_the_calls_and_its_price_is_told(gate, fresh) -> None:
    features, answers = fresh.features, fresh.answers
    free, tight = cap_costs(gate, features, answers, fresh.labels, [1.0, 0.25])
    assert tight.top_share < free.top_share
    assert tight.top_share <= 0.3
    assert free.accuracy >= tight.accuracy - 0.02
    assert capped(gate, features, answers, 1.0) is not None
