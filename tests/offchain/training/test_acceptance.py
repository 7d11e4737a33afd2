import numpy as np
import pytest

from marketplace.protocol.errors import UnusableData
from offchain.data import Dataset
from offchain.data.scenarios import load_scenario, scenario_names
from offchain.training import examine, require_usable


def _shuffled(dataset: Dataset, seed: int) -> Dataset:
    order = np.random.default_rng(seed).permutation(len(dataset))
    return Dataset(dataset.features, dataset.labels[order])


@pytest.mark.parametrize("name", scenario_names())
def test_honest_providers_pass(name) -> None:
    trade = load_scenario(name, 11)
    for provider, data in trade.providers.items():
        assert examine(data, trade.task, 0).accepted, provider


@pytest.mark.parametrize(("name", "provider"), [("credit", "platform"), ("digits", "upright")])
def test_shuffled_labels_do_not_pass(name, provider) -> None:
    trade = load_scenario(name, 11)
    data = trade.providers[provider].take(np.arange(300))
    assert not examine(_shuffled(data, 1), trade.task, 0).accepted


def test_the_offender_is_named(digits) -> None:
    mixed = dict(digits.providers) | {"inverted": _shuffled(digits.providers["inverted"], 2)}
    require_usable(digits.providers, digits.task, 0)
    with pytest.raises(UnusableData, match="'inverted'"):
        require_usable(mixed, digits.task, 0)


def test_constant_features_or_labels_teach_nothing(credit) -> None:
    data = credit.providers["bank-owners"]
    assert not examine(Dataset(np.zeros_like(data.features), data.labels), credit.task, 0).accepted
    assert not examine(Dataset(data.features, np.zeros_like(data.labels)), credit.task, 0).accepted
    assert not examine(data.take(np.arange(3)), credit.task, 0).accepted


def test_evidence_of_shuffled_labels_is_about_standard_normal(credit) -> None:
    data = credit.providers["mortgage"]
    found = [examine(_shuffled(data, seed), credit.task, 0).evidence for seed in range(12)]
    assert max(found) < 4
    assert np.mean(found) < 2


def test_verdict_does_not_depend_on_the_run(credit) -> None:
    data = credit.providers["bank-owners"]
    assert examine(data, credit.task, 5) == examine(data, credit.task, 5)
