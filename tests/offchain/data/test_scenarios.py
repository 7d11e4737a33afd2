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
    assert len(scenario.validation) == 1_000


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
    assert bad["tenants"] > 1.5 * bad["owners"]
    assert sum(map(len, scenario.providers.values())) + len(scenario.validation) == 4_454
    assert scenario.validation.labels.mean() == pytest.approx(0.282)


def test_unknown_scenario_names_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="credit, digits"):
        load_scenario("weather", 0)
