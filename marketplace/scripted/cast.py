"""Which of a devnet's well-known accounts plays which part in a scripted trade."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from eth_account.signers.local import LocalAccount

from marketplace.chain.devnet.accounts import ACCOUNT_COUNT, well_known_accounts
from marketplace.protocol.errors import ConfigurationError
from marketplace.scripted.script import Script
from offchain.data.scenarios import Scenario
from offchain.training import default_roster

SEATS = 3
"""Of the committee, and of the panel."""


@dataclass(frozen=True)
class Cast:
    """One account for each part.

    Attributes
    ----------
    operator
        Deploys the contracts, pays for the others' gas, and is the treasury.
    stranger
        An account that is no party of the trade.
    seats, panel
        The oracle committee, and the second one, which decides challenges.
    providers, experts
        By their names in the scenario, and by their kinds.
    """

    operator: LocalAccount
    buyer: LocalAccount
    broker: LocalAccount
    auditor: LocalAccount
    stranger: LocalAccount
    seats: tuple[LocalAccount, ...]
    panel: tuple[LocalAccount, ...]
    providers: dict[str, LocalAccount]
    experts: dict[str, LocalAccount]

    @property
    def parties(self) -> tuple[LocalAccount, ...]:
        """Everybody who takes part in the trade."""
        single = self.buyer, self.broker, self.auditor
        judges = *self.seats, *self.panel
        return (*single, *judges, *self.providers.values(), *self.experts.values())

    @property
    def names(self) -> dict[str, str]:
        """What to call each account that may be paid, by its checksummed address."""
        return {
            self.operator.address: "treasury",
            self.buyer.address: "buyer",
            self.broker.address: "broker",
            self.auditor.address: "auditor",
            self.stranger.address: "stranger",
            **{seat.address: f"oracle {number}" for number, seat in enumerate(self.seats, 1)},
            **{juror.address: f"juror {number}" for number, juror in enumerate(self.panel, 1)},
            **{account.address: f"provider {name}" for name, account in self.providers.items()},
            **{account.address: f"expert {kind}" for kind, account in self.experts.items()},
        }


def cast_of(script: Script, scenario: Scenario) -> Cast:
    """Hand out the well-known accounts; equal scripts and scenarios give equal parts.

    Raises
    ------
    ConfigurationError
        If there are more parts than accounts.
    """
    accounts = iter(well_known_accounts())
    panel = well_known_accounts(ACCOUNT_COUNT + SEATS)[ACCOUNT_COUNT:]  # only they need funding
    operator, buyer, broker, auditor, stranger = islice(accounts, 5)
    seats = tuple(islice(accounts, SEATS))
    kinds = script.experts or tuple(default_roster(scenario.task).values())
    providers = dict(zip(scenario.providers, accounts, strict=False))
    experts = dict(zip(kinds, accounts, strict=False))
    if (len(providers), len(experts)) != (len(scenario.providers), len(kinds)):
        raise ConfigurationError(
            f"{len(scenario.providers)} providers and {len(kinds)} experts are more than a devnet"
            " has accounts",
            "name fewer experts in the script",
        )
    return Cast(operator, buyer, broker, auditor, stranger, seats, panel, providers, experts)
