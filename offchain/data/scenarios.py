"""Scenarios that ship: real data, divided by seed among providers and a buyer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from marketplace.protocol.errors import ConfigurationError
from offchain.data import credit, digits
from offchain.data.dataset import Dataset, Task


@dataclass(frozen=True, eq=False)
class Scenario:
    """Who holds which rows at the start of a trade.

    Parameters
    ----------
    task
        What the buyer asks for.
    providers
        Each provider's rows, by provider name.
    validation
        The buyer's rows, which nobody else has.
    """

    task: Task
    providers: Mapping[str, Dataset]
    validation: Dataset


_SCENARIOS: Mapping[
    str, Callable[[np.random.Generator], tuple[Task, dict[str, Dataset], Dataset]]
] = MappingProxyType({"credit": credit.divide, "digits": digits.divide})


def scenario_names() -> tuple[str, ...]:
    """Names that :func:`load_scenario` knows."""
    return tuple(_SCENARIOS)


def load_scenario(name: str, seed: int) -> Scenario:
    """Load a scenario; the seed alone decides who holds which rows.

    No source row is held by two parties.

    Raises
    ------
    ConfigurationError
        If there is no scenario of that name.
    """
    if name not in _SCENARIOS:
        raise ConfigurationError(
            f"there is no scenario {name!r}", f"choose one of {', '.join(_SCENARIOS)}"
        )
    task, providers, validation = _SCENARIOS[name](np.random.default_rng(seed))
    return Scenario(task, MappingProxyType(providers), validation)
