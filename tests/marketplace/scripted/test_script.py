"""The shipped scripts, and who plays in them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_trade import SMALL, small_scenario

from marketplace.protocol.errors import ConfigurationError
from marketplace.protocol.units import PARTS
from marketplace.scripted.cast import SEATS, cast_of
from marketplace.scripted.script import SCRIPTS, script_named
from offchain.data.scenarios import Scenario, load_scenario, scenario_names
from offchain.training import default_roster


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_shipped_script_is_playable(name: str) -> None:
    script = script_named(name)
    assert script.name == name
    assert script.ends.final
    assert 0 < script.threshold <= PARTS
    assert script.scenario in scenario_names()
    scenario = load_scenario(script.scenario, 0)
    cast = cast_of(script, scenario)
    assert len(cast.providers) == len(scenario.providers) >= 3
    assert len(cast.experts) == len(default_roster(scenario.task)) >= 5
    assert len(cast.seats) == len(cast.panel) == SEATS == 3


def test_an_unknown_script_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"'nope'.*credit, digits, declined"):
        script_named("nope")


def test_everybody_has_an_account_of_their_own() -> None:
    cast = cast_of(SMALL, small_scenario())
    everybody = [cast.operator, cast.stranger, *cast.parties]
    assert len({account.address for account in everybody}) == len(everybody)
    assert set(cast.names) == {account.address for account in everybody}
    assert len(set(cast.names.values())) == len(cast.names)
    assert cast_of(SMALL, small_scenario()) == cast


def test_more_parts_than_accounts_are_refused() -> None:
    crowd = replace(SMALL, experts=tuple(f"kind {number}" for number in range(30)))
    with pytest.raises(ConfigurationError, match="3 providers and 30 experts are more"):
        cast_of(crowd, small_scenario())
    scenario = small_scenario()
    many = Scenario(
        scenario.task,
        {str(number): scenario.validation for number in range(40)},
        scenario.validation,
    )
    with pytest.raises(ConfigurationError, match="40 providers"):
        cast_of(SMALL, many)
