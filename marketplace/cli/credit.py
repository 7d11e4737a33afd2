"""`moemarket withdraw`, `authorise` and `open-accounts`: the ledger of what is owed to whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.arguments import (
    account_option,
    address_of,
    chain_id_option,
    currency_option,
    keystore_option,
    market_option,
    open_account,
    open_market,
    receiver_option,
    rpc_option,
    seconds_option,
)
from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol.errors import ConfigurationError
from marketplace.protocol.terms import NATIVE

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.chain.market import Market


@click.command("withdraw")
@rpc_option
@chain_id_option
@market_option
@currency_option
@receiver_option
@click.option(
    "--awards",
    is_flag=True,
    help="Take out what bonds and stakes have paid, instead of what trades have.",
)
@click.option(
    "--authority",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Withdraw for another account, which made this file with `moemarket authorise`.",
)
@keystore_option
@account_option
@as_json
@command
def withdraw_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    currency: str,
    to: str | None,
    awards: bool,
    authority: Path | None,
    keystore: Path | None,
    account: int,
    json_output: bool,
) -> None:
    """Take out what trades have credited to an account, or challenges and penalties."""
    token = address_of(currency, "the currency")
    receiver = None if to is None else address_of(to, "the receiver")
    if authority is not None and (awards or to is not None or currency != NATIVE):
        raise ConfigurationError(
            "an authority names currency and receiver itself, and is for what trades credited",
            "leave out --currency, --to and --awards",
        )
    opened = open_market(rpc, chain_id, market)
    signed = None if authority is None else _read(authority)
    sender = open_account(opened.node, keystore, account)
    if signed is not None:
        owner, token = signed[0], signed[1]
        amount = opened.credit_of(owner, token)
        opened.send(sender, "withdrawFor", *signed)
    elif awards:
        owner, functions = sender.address, opened.challenges.functions
        amount = int(opened.node.call(functions.creditOf(owner, token)))
        opened.node.send(sender, functions.withdrawCredit(token, receiver or owner))
    else:
        owner = sender.address
        amount = opened.credit_of(owner, token)
        opened.send(sender, "withdraw", token, receiver or owner)
    conclude(
        {"account": owner, "amount": str(amount)},
        json_output,
        lambda: click.echo(f"{owner} withdrew {amount} of the smallest unit"),
    )


@click.command("authorise")
@rpc_option
@chain_id_option
@market_option
@currency_option
@receiver_option
@seconds_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the authority here.",
)
@keystore_option
@account_option
@as_json
@command
def authorise_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    currency: str,
    to: str | None,
    seconds: int,
    out: Path,
    keystore: Path | None,
    account: int,
    json_output: bool,
) -> None:
    """Sign that anyone may send an account's credit to its receiver; nothing is sent.

    For an account without coins to pay for gas. It counts once.
    """
    from marketplace.chain.files import write_whole

    token = address_of(currency, "the currency")
    receiver = None if to is None else address_of(to, "the receiver")
    opened = open_market(rpc, chain_id, market)
    owner = open_account(opened.node, keystore, account)
    content = _authority(opened, owner, token, receiver or owner.address, seconds)
    write_whole(out, (json.dumps(content, indent=2) + "\n").encode())
    conclude(content, json_output, lambda: click.echo(f"{out} lets anyone withdraw once"))


@click.command("open-accounts")
@rpc_option
@chain_id_option
@market_option
@currency_option
@keystore_option
@account_option
@click.argument("accounts", nargs=-1, required=True, metavar="ADDRESS...")
@as_json
@command
def open_accounts_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    currency: str,
    keystore: Path | None,
    account: int,
    accounts: tuple[str, ...],
    json_output: bool,
) -> None:
    """Prepare accounts for their first credit, so that no trade bears the cost.

    Once for each account and currency, by anyone; nothing else depends on it.
    """
    token = address_of(currency, "the currency")
    named = [address_of(each, "an account") for each in accounts]
    opened = open_market(rpc, chain_id, market)
    receipt = opened.send(
        open_account(opened.node, keystore, account), "openAccounts", named, token
    )
    conclude(
        {"accounts": named, "gas": receipt["gasUsed"]},
        json_output,
        lambda: click.echo(f"{len(named)} accounts are open ({receipt['gasUsed']:,} gas)"),
    )


def _authority(
    market: Market, owner: LocalAccount, currency: str, to: str, seconds: int
) -> dict[str, Any]:
    from marketplace.protocol.terms import Withdrawal
    from marketplace.protocol.typed_data import sign

    expiry = market.node.now() + seconds
    nonce = int(market.view("nonces", owner.address))
    signed = Withdrawal(owner.address, currency, to, nonce, expiry)
    return {
        "account": signed.account,
        "currency": signed.currency,
        "to": signed.to,
        "expiry": signed.expiry,
        "signature": "0x" + sign(market.domain, signed, owner).hex(),
    }


def _read(authority: Path) -> tuple[str, str, str, int, bytes]:
    """Read the arguments of a withdrawal by signature."""
    try:
        content = json.loads(authority.read_text())
        account, currency, to = (str(content[name]) for name in ("account", "currency", "to"))
        signature = bytes.fromhex(content["signature"].removeprefix("0x"))
        return (
            address_of(account, "the account"),
            address_of(currency, "the currency"),
            address_of(to, "the receiver"),
            int(content["expiry"]),
            signature,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{authority} holds no authority", "give the file that `moemarket authorise` wrote"
        ) from error
