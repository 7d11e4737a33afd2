import numpy as np
import pytest

from marketplace.protocol.errors import UnusableData
from offchain.data import Dataset
from offchain.training import examine, require_usable


def _shuffled(dataset: Dataset, seed: int) -> Dataset:
    order = np.random.default_rng(seed).permutation(len(dataset))
    return Dataset(dataset.features, dataset.labels[order])


@pytest.mark.parametrize("scenario", ["credit", "digits"])
def test_honest_providers_pass_and_shuffled_labels_do_not(scenario, request) -> None:
    trade = request.getfixturevalue(scenario)
    for name, data in trade.providers.items():
        honest = examine(data, trade.task, 0)
        garbage = examine(_shuffled(data, 1), trade.task, 0)
        assert honest.accepted, name
        assert not garbage.accepted, name
        assert honest.evidence > garbage.evidence


def test_the_offender_is_named(credit) -> None:
    mixed = dict(credit.providers) | {"tenants": _shuffled(credit.providers["tenants"], 2)}
    require_usable(credit.providers, credit.task, 0)
    with pytest.raises(UnusableData, match="'tenants'"):
        require_usable(mixed, credit.task, 0)


def test_constant_features_or_labels_teach_nothing(credit) -> None:
    data = credit.providers["owners"]
    assert not examine(Dataset(np.zeros_like(data.features), data.labels), credit.task, 0).accepted
    assert not examine(Dataset(data.features, np.zeros_like(data.labels)), credit.task, 0).accepted
    assert not examine(data.take(np.arange(3)), credit.task, 0).accepted


def test_verdict_does_not_depend_on_the_run(credit) -> None:
    data = credit.providers["owners"]
    assert examine(data, credit.task, 5) == examine(data, credit.task, 5)
