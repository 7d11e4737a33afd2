"""A copy is found whatever its labels, order and noise; honest data are never one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from marketplace.protocol.errors import UnusableData
from marketplace.scripted.faults import disguised
from offchain.data import Dataset
from offchain.data.scenarios import load_scenario, scenario_names
from offchain.training import find_copies, require_agreeing


def _find(datasets: dict[str, Dataset], **prices: int):
    return find_copies(datasets, {name: Fraction(prices.get(name, 1)) for name in datasets}, 0)


def _noisy(dataset: Dataset, size: float) -> Dataset:
    noise = np.random.default_rng(1).normal(size=dataset.features.shape)
    spread = dataset.features.std(axis=0) * size
    return Dataset((dataset.features + noise * spread).astype(np.float32), dataset.labels)


def _flipped(dataset: Dataset) -> Dataset:
    return Dataset(dataset.features, 1 - dataset.labels)


@pytest.mark.parametrize("name", scenario_names())
def test_honest_providers_are_no_copies(name: str) -> None:
    trade = load_scenario(name, 11)
    providers = {
        key: data.take(np.arange(min(800, len(data)))) for key, data in trade.providers.items()
    }
    assert _find(providers) == {}
    for key, data in providers.items():
        require_agreeing(key, data, trade.validation, trade.task, 0)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.take(np.arange(len(data))[::-1][: len(data) // 2]),
        lambda data: _noisy(data, 1e-3).take(np.arange(100)),
        lambda data: _flipped(data).take(np.arange(150)),
        lambda data: disguised(data).take(np.repeat(np.arange(100), 3)),
    ],
    ids=["exact", "noise", "other labels", "each row three times"],
)
def test_a_copy_is_found_with_its_original(credit, change) -> None:
    copied = change(credit.providers["mortgage"])
    found = _find({"a": copied, **credit.providers})
    assert found.keys() == {"a"}
    assert found["a"].original == "mortgage"
    assert found["a"].share > 0.9
    assert found["a"].equal + found["a"].near <= found["a"].rows


def test_exact_and_near_rows_are_told_apart(credit) -> None:
    rows = credit.providers["platform"]
    exact = _find({"a": rows.take(np.arange(100)), "b": rows})["a"]
    near = _find({"a": _noisy(rows, 1e-3).take(np.arange(100)), "b": rows})["a"]
    assert (exact.equal, exact.near, exact.rows) == (100, 0, 100)
    assert (near.equal, near.rows) == (0, 100)


def test_images_with_faint_noise_are_copies(digits) -> None:
    images = digits.providers["upright"]
    noise = np.random.default_rng(2).normal(size=images.features.shape).astype(np.float32)
    faint = Dataset(images.features + noise / 500, images.labels).take(np.arange(100))
    assert _find({"z": faint, **digits.providers}).keys() == {"z"}


def test_of_equal_claims_the_cheaper_stays(credit) -> None:
    rows = credit.providers["platform"]
    assert _find({"a": rows, "b": rows}, a=2, b=1).keys() == {"a"}
    assert _find({"a": rows, "b": rows}, a=1, b=1).keys() == {"b"}
    assert _find({"a": rows, "b": rows, "c": rows}, c=0).keys() == {"a", "b"}


def test_less_than_half_is_no_copy(credit) -> None:
    one, other = credit.providers["platform"], credit.providers["mortgage"]
    mixed = Dataset(
        np.concatenate([one.features[:100], other.features[:150]]),
        np.concatenate([one.labels[:100], other.labels[:150]]),
    )
    assert _find({"mixed": mixed, "platform": one}) == {}


def test_rows_that_are_alike_by_nature_are_no_copies() -> None:
    generator = np.random.default_rng(0)
    tables = {
        name: Dataset(
            generator.integers(0, 3, (400, 3)).astype(np.float32), generator.integers(0, 2, 400)
        )
        for name in ("a", "b")
    }
    assert _find(tables) == {}


def test_few_rows_strewn_wide_displace_nobody() -> None:
    generator = np.random.default_rng(0)
    dense = generator.normal(size=(2_000, 2)).astype(np.float32)
    far = dense[np.argsort(np.abs(dense).max(axis=1))[-20:]]
    grid = np.stack(np.meshgrid(*[np.linspace(-3, 3, 4)] * 2), axis=-1).reshape(-1, 2)
    for few in (far, grid.astype(np.float32)):
        datasets = {
            name: Dataset(rows, np.zeros(len(rows), np.int64))
            for name, rows in (("few", few), ("many", dense))
        }
        assert "many" not in _find(datasets, few=0)


def test_one_row_and_one_provider_are_compared_too(credit) -> None:
    rows = credit.providers["mortgage"]
    assert _find({"a": rows}) == {}
    assert _find({}) == {}
    assert _find({"a": rows.take(np.arange(1)), "b": rows}).keys() == {"a"}


@pytest.mark.parametrize("provider", ["bank-owners", "platform", "mortgage"])
def test_labels_turned_round_contradict_the_buyer(provider) -> None:
    credit = load_scenario("credit", 0)
    flipped = _flipped(credit.providers[provider])
    with pytest.raises(UnusableData, match="contradict the buyer's"):
        require_agreeing(provider, flipped, credit.validation, credit.task, 0)


def test_renamed_classes_contradict_the_buyer() -> None:
    digits = load_scenario("digits", 0)
    rows = digits.providers["upright"]
    renamed = Dataset(rows.features, (rows.labels + 1) % 10)
    with pytest.raises(UnusableData, match="'upright' contradict"):
        require_agreeing("upright", renamed, digits.validation, digits.task, 0)
