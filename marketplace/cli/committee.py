"""`moemarket committee`: who judges, what each has at stake, and how stakes come and go."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.arguments import (
    address_of,
    chain_id_option,
    market_option,
    open_market,
    receiver_option,
    rpc_option,
    signer_options,
)
from marketplace.cli.output import as_json, command, conclude

if TYPE_CHECKING:
    from marketplace.cli.arguments import Signer
    from marketplace.protocol.terms import Committee
    from marketplace.roles.seats import Seats, Standing

    _Contract = Callable[[], Seats]

panel_option = click.option(
    "--panel", is_flag=True, help="The panel that rules on challenges, instead of who judges."
)
amount_argument = click.argument("amount", type=click.IntRange(1, 2**128 - 1))


def _at(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say which contract, of which the command gets what opens it."""

    @functools.wraps(function)
    def placed(rpc: str, chain_id: int | None, market: str, panel: bool, **others: Any) -> Any:
        return function(contract=lambda: _seats(rpc, chain_id, market, panel), **others)

    return rpc_option(chain_id_option(market_option(panel_option(placed))))


@click.group("committee")
def committee_commands() -> None:
    """Look after committee and panel, and after what their members have at stake.

    Where slashing has left fewer members than a quorum needs with the least stake, nobody can
    request a trade until somebody stakes for them (`stake`), or a rotation takes office. Amounts
    are in the smallest unit of the stakes' currency.
    """


@committee_commands.command("status")
@_at
@as_json
@command
def status_command(contract: _Contract, json_output: bool) -> None:
    """Say who is in office, who comes next, and what each has at stake."""
    standing = contract().standing()
    data = {
        "current": _committee(standing.current),
        "scheduled": _committee(standing.scheduled),
        "effectiveAt": standing.effective_at,
        "currency": standing.currency,
        "least": str(standing.least),
        "backed": standing.backed,
        "seats": [
            {
                "member": seat.member,
                "bonded": str(seat.bonded),
                "unbonding": str(seat.unbonding),
                "withdrawableAt": seat.withdrawable_at,
            }
            for seat in standing.seats
        ],
    }
    conclude(data, json_output, lambda: _show(standing))


@committee_commands.command("stake")
@_at
@click.option(
    "--member", metavar="ADDRESS", help="Whose stake it becomes.  [default: the account itself]"
)
@amount_argument
@signer_options
@as_json
@command
def stake_command(
    contract: _Contract,
    member: str | None,
    amount: int,
    signer: Signer,
    json_output: bool,
) -> None:
    """Bond AMOUNT as a member's stake; it is the member who gets it back."""
    named = None if member is None else address_of(member, "the member")
    seats = contract()
    payer = signer(seats.node)
    staked_for = named or payer.address
    seats.stake(payer, staked_for, amount)
    _conclude(seats, staked_for, json_output, f"{staked_for} has {amount} more at stake")


@committee_commands.command("unstake")
@_at
@amount_argument
@signer_options
@as_json
@command
def unstake_command(
    contract: _Contract,
    amount: int,
    signer: Signer,
    json_output: bool,
) -> None:
    """Give notice for AMOUNT of the account's stake, which starts its delay anew."""
    seats = contract()
    member = signer(seats.node)
    seats.give_notice(member, amount)
    text = f"{amount} of {member.address} is on its way out"
    _conclude(seats, member.address, json_output, text)


@committee_commands.command("withdraw")
@_at
@receiver_option
@signer_options
@as_json
@command
def withdraw_command(
    contract: _Contract,
    to: str | None,
    signer: Signer,
    json_output: bool,
) -> None:
    """Take out what is on its way out, once the account has no seat and its delay is over."""
    named = None if to is None else address_of(to, "the receiver")
    seats = contract()
    member = signer(seats.node)
    amount = seats.withdraw(member, named or member.address)
    conclude(
        {"member": member.address, "amount": str(amount)},
        json_output,
        lambda: click.echo(f"{member.address} took out {amount}"),
    )


def _seats(rpc: str, chain_id: int | None, market: str, panel: bool) -> Seats:
    from marketplace.roles.seats import Seats

    opened = open_market(rpc, chain_id, market)
    return Seats(opened.node, opened.panel if panel else opened.committee)


def _conclude(seats: Seats, member: str, json_output: bool, text: str) -> None:
    seat = seats.seat(member)
    data = {"member": member, "bonded": str(seat.bonded), "unbonding": str(seat.unbonding)}
    conclude(data, json_output, lambda: click.echo(text))


def _committee(committee: Committee) -> dict[str, Any] | None:
    if not committee.members:
        return None
    return {
        "version": committee.version,
        "threshold": committee.threshold,
        "members": list(committee.members),
    }


def _show(standing: Standing) -> None:
    for title, seated, more in (
        ("in office", standing.current, ""),
        ("scheduled", standing.scheduled, f", from {standing.effective_at} on"),
    ):
        if seated.members:
            count = len(seated.members)
            click.echo(f"{title}: version {seated.version}, {seated.threshold} of {count}{more}")
    for seat in standing.seats:
        click.echo(f"  {seat.member}  {seat.bonded} bonded, {seat.unbonding} on its way out")
    click.echo(f"least stake: {standing.least} of {standing.currency}")
    if not standing.backed:
        click.echo("new requests are refused: fewer have the least stake than a quorum needs")
