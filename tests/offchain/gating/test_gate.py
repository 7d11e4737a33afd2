"""The gate on answers whose quality is known, region by region."""

import numpy as np
import pytest

from marketplace.protocol.errors import UnreadableModel, WrongShape
from offchain.compute import work_on_one_core
from offchain.gating import Gate
from offchain.packing import pack, unpack

work_on_one_core()
EXPERTS, CLASSES = 5, 3


def _market(rows, skill, seed=0):
    """Features, answers and labels of experts right with probability skill(features)[:, e]."""
    generator = np.random.default_rng(seed)
    features = generator.normal(size=(rows, 6)).astype(np.float32)
    labels = generator.integers(0, CLASSES, rows)
    chances = skill(features)
    answers = np.full((chances.shape[1], rows, CLASSES), 0.1, np.float32)
    for expert in range(chances.shape[1]):
        right = generator.random(rows) < chances[:, expert]
        said = np.where(right, labels, (labels + generator.integers(1, CLASSES, rows)) % CLASSES)
        answers[expert, np.arange(rows), said] = 0.8
    return features, answers, labels


def _regional(features):
    """Two halves of the space; experts 0 and 1 know one each, the others little."""
    left = features[:, 0] < 0
    chances = np.full((len(features), EXPERTS), 0.4)
    chances[:, 0] = np.where(left, 0.95, 0.3)
    chances[:, 1] = np.where(left, 0.3, 0.95)
    return chances


def _equal(features):
    return np.full((len(features), EXPERTS), 0.7)


def _fit(market, **settings):
    features, answers, labels = market
    return Gate.fit(features, answers, labels, np.ones(len(labels), np.float32), 0, **settings)


def _score(gate, market):
    features, answers, labels = market
    pooled = np.einsum("ne,enc->nc", gate.weights(features), gate.calibrated(answers))
    return (pooled.argmax(axis=1) == labels).mean()


def test_weights_are_sparse_shares() -> None:
    market = _market(400, _regional)
    for top_k in (1, 2, 9):
        weights = _fit(market, top_k=top_k).weights(market[0])
        assert weights.dtype == np.float32
        assert weights.shape == (400, EXPERTS)
        assert (weights >= 0).all()
        assert ((weights > 0).sum(axis=1) <= top_k).all()
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-5)


def test_it_learns_who_knows_what_from_features() -> None:
    gate = _fit(_market(1500, _regional))
    fresh = _market(1500, _regional, seed=1)
    weights = gate.weights(fresh[0])
    left = fresh[0][:, 0] < -0.5
    assert weights[left, 0].mean() > 2 * weights[left, 1].mean()
    alone = max((fresh[1][e].argmax(axis=1) == fresh[2]).mean() for e in range(EXPERTS))
    uniform = (fresh[1].mean(axis=0).argmax(axis=1) == fresh[2]).mean()
    assert _score(gate, fresh) > max(alone, uniform) + 0.1


def test_equals_are_not_collapsed_onto_one() -> None:
    market = _market(600, _equal)
    loads = _fit(market, top_k=EXPERTS).weights(market[0]).mean(axis=0)
    assert loads.max() < 0.4
    assert loads.min() > 0.05


def test_nothing_to_learn_from_features_leaves_the_pool_alone() -> None:
    generator = np.random.default_rng(5)
    features, answers, labels = _market(800, _equal)
    noise = generator.normal(size=features.shape).astype(np.float32)
    weights = _fit((noise, answers, labels), top_k=EXPERTS).weights(noise)
    assert np.abs(weights - weights.mean(axis=0)).mean() < 0.05


def test_few_rows_give_weights_by_accuracy() -> None:
    def skill(features):
        return np.tile([0.9, 0.85, 0.4, 0.35, 0.35], (len(features), 1))

    gate = _fit(_market(12, skill))
    fresh = _market(1000, skill, seed=1)
    uniform = (fresh[1].mean(axis=0).argmax(axis=1) == fresh[2]).mean()
    assert _score(gate, fresh) > uniform


def test_an_expert_that_answers_at_random_gets_little() -> None:
    def skill(features):
        return np.tile([0.8, 0.75, 0.7, 0.7, 1 / 3], (len(features), 1))

    market = _market(600, skill)
    loads = _fit(market, top_k=EXPERTS).weights(market[0]).mean(axis=0)
    assert loads[4] == loads.min()
    assert loads[4] < 0.1


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_hardly_any_rows_do_not_break_it(rows) -> None:
    market = _market(rows, _equal)
    weights = _fit(market).weights(market[0])
    assert np.isfinite(weights).all()


def test_calibrated_answers_are_probabilities_that_keep_zero_low() -> None:
    features, answers, labels = _market(300, _regional)
    answers[0, :, 0] = 0
    answers[0] /= answers[0].sum(axis=1, keepdims=True)
    calibrated = _fit((features, answers, labels)).calibrated(answers)
    np.testing.assert_allclose(calibrated.sum(axis=2), 1, atol=1e-5)
    assert calibrated.min() >= 0
    assert calibrated.max() <= 1


def test_same_seed_gives_the_same_gate_and_bytes_survive() -> None:
    market = _market(500, _regional)
    one, same = _fit(market), _fit(market)
    assert one.to_bytes() == same.to_bytes()
    loaded = Gate.from_bytes(one.to_bytes())
    assert loaded.to_bytes() == one.to_bytes()
    np.testing.assert_array_equal(loaded.weights(market[0]), one.weights(market[0]))
    np.testing.assert_array_equal(loaded.calibrated(market[1]), one.calibrated(market[1]))


def test_restricting_renormalises_the_others() -> None:
    market = _market(500, _regional)
    gate = _fit(market, top_k=EXPERTS)
    whole = gate.weights(market[0])[:, [3, 0]]
    part = gate.restricted(np.array([3, 0])).weights(market[0])
    np.testing.assert_allclose(part, whole / whole.sum(axis=1, keepdims=True), atol=1e-5)


def test_rows_of_another_width_are_refused() -> None:
    with pytest.raises(WrongShape, match="6 values"):
        _fit(_market(50, _equal)).weights(np.zeros((2, 7), np.float32))


@pytest.mark.parametrize("data", [b"", b"gate", b"\x00" * 80])
def test_other_bytes_are_refused(data) -> None:
    with pytest.raises(UnreadableModel):
        Gate.from_bytes(data)


def test_altered_arrays_are_refused() -> None:
    header, arrays = unpack(_fit(_market(100, _regional)).to_bytes())
    for name, array in arrays.items():
        for altered in (array.astype(np.float64), array[None], np.full_like(array, np.nan)):
            with pytest.raises(UnreadableModel):
                Gate.from_bytes(pack(header, arrays | {name: altered}))
        with pytest.raises(UnreadableModel):
            Gate.from_bytes(pack(header, {k: v for k, v in arrays.items() if k != name}))
    for top_k in (0, "4", None):
        with pytest.raises(UnreadableModel):
            Gate.from_bytes(pack({"top_k": top_k}, arrays))
