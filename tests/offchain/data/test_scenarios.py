import numpy as np
import pytest

from marketplace.protocol.errors import ConfigurationError
from offchain.data import decode, encode
from offchain.data.scenarios import load_scenario, scenario_names


def _rows(dataset):
    return [features.tobytes() for features in dataset.features]


@pytest.mark.parametrize("name", scenario_names())
def test_scenario_is_fit_for_a_trade(name) -> None:
    scenario = load_scenario(name, 7)
    parts = [*scenario.providers.values(), scenario.validation]
    assert len(scenario.providers) >= 3
    for part in parts:
        assert encode(decode(encode(part), scenario.task)) == encode(part)
        assert set(np.unique(part.labels)) == set(range(len(scenario.task.classes)))
    assert len(scenario.validation) >= 1_000


@pytest.mark.parametrize("name", scenario_names())
def test_seed_alone_decides_the_split(name) -> None:
    one, same, other = (load_scenario(name, seed) for seed in (3, 3, 4))
    assert encode(one.validation) == encode(same.validation)
    assert encode(one.validation) != encode(other.validation)
    assert all(encode(one.providers[k]) == encode(same.providers[k]) for k in one.providers)


def test_every_source_row_of_digits_is_held_once() -> None:
    undo = {
        "upright": lambda image: image,
        "quarter-turn": lambda image: np.rot90(image, -1),
        "inverted": lambda image: np.rint((1 - image) * 255),
        "upside-down": lambda image: np.rot90(image, 2),
    }
    scenario = load_scenario("digits", 5)
    held = [
        np.rint(undo[name](image) * (1 if name == "inverted" else 255)).astype(np.uint8).tobytes()
        for name, data in scenario.providers.items()
        for image in data.features
    ]
    bought = {
        np.rint(image * scale).astype(np.uint8).tobytes()
        for image in scenario.validation.features
        for scale in (255,)
    }
    assert len(held) == 4_000
    assert len(set(held)) == 4_000
    assert bought.isdisjoint(held)


def test_credit_lenders_serve_different_applicants() -> None:
    scenario = load_scenario("credit", 5)
    bad = {name: data.labels.mean() for name, data in scenario.providers.items()}
    assert list(bad) == ["bank-owners", "bank-tenants", "platform", "mortgage"]
    assert bad["bank-tenants"] > 1.5 * bad["bank-owners"]
    assert bad["platform"] < bad["mortgage"] < bad["bank-owners"]
    assert sum(map(len, scenario.providers.values())) + len(scenario.validation) == 11_334


def test_credit_validation_holds_a_stratified_share_of_every_book() -> None:
    validation = load_scenario("credit", 5).validation
    for product, (rows, bad) in enumerate([(1336, 376), (1350, None), (714, 86)]):
        own = validation.features[:, product - 3] == 1
        assert own.sum() == pytest.approx(rows, abs=2)
        assert bad is None or validation.labels[own].sum() == pytest.approx(bad, abs=2)


def test_credit_lenders_leave_each_others_answers_empty() -> None:
    scenario = load_scenario("credit", 5)
    products = {"bank-owners": 0, "bank-tenants": 0, "platform": 1, "mortgage": 2}
    used = {
        name: set(np.flatnonzero(data.features.any(axis=0)))
        for name, data in scenario.providers.items()
    }
    for name, columns in used.items():
        for other, others in used.items():
            assert (products[name] == products[other]) or not columns & others


def test_unknown_scenario_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="credit, digits"):
        load_scenario("weather", 0)
