"""What accounts may withdraw from a contract, and whether they took just that."""

from __future__ import annotations

from collections import defaultdict

from marketplace.audit.abi import Event

Wallet = tuple[str, str]
"""An account and a currency, both checksummed addresses."""


def withdrawn(credit: defaultdict[Wallet, int], event: Event, faults: list[str]) -> None:
    """Take a withdrawal: every contract pays out a whole credit, and what isn't one is named.

    Parameters
    ----------
    credit
        Wei by wallet, which it is taken from.
    faults
        Gets a sentence if the amount isn't the credit of that moment.
    """
    wallet = event["account"], event["currency"]
    if event["amount"] != credit[wallet]:
        faults.append(
            f"{wallet[0]} withdrew {event['amount']} of {wallet[1]} in {event.log.place}"
            f" where its credit was {credit[wallet]}"
        )
    credit[wallet] -= event["amount"]
