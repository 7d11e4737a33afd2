"""What one does with a trade: `trades`, `timeout`, `challenge`, `licence` and `receive`."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.arguments import (
    account_option,
    address_of,
    chain_id_option,
    keystore_option,
    market_option,
    open_account,
    open_market,
    rpc_option,
    store_option,
    trade_id_of,
    trade_option,
)
from marketplace.cli.output import as_json, command, conclude, timed_progress


@click.command("trades")
@rpc_option
@chain_id_option
@market_option
@as_json
@command
def trades_command(rpc: str, chain_id: int | None, market: str, json_output: bool) -> None:
    """List a market's trades: id, state, and when anyone may end one that stands still."""
    from marketplace.roles.exits import seconds_to_exit

    opened = open_market(rpc, chain_id, market)
    lines = []
    for trade_id in opened.trades():
        state = opened.status(trade_id).state
        seconds = None if state.final else seconds_to_exit(opened, trade_id)
        lines.append(
            {"trade": "0x" + trade_id.hex(), "state": state.name, "secondsToExit": seconds}
        )

    def show() -> None:
        for line in lines:
            seconds = line["secondsToExit"]
            exit_in = "" if seconds is None else f"anyone may end it in {seconds} s"
            click.echo(f"{line['trade']} {line['state']:14} {exit_in}".rstrip())

    conclude(lines, json_output, show)


@click.command("timeout")
@rpc_option
@chain_id_option
@market_option
@trade_option
@keystore_option
@account_option
@click.option(
    "--skip-time",
    is_flag=True,
    help="On a devnet: first move its clock to where the trade's time is over.",
)
@as_json
@command
def timeout_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    trade: str,
    keystore: Path | None,
    account: int,
    skip_time: bool,
    json_output: bool,
) -> None:
    """End a trade that stands still, once its time is over; any account may.

    Before a verdict the buyer is refunded, less what is due to those who put on record that
    they delivered. After it the trade is settled without the scores that stay sealed. A
    dispute on which nobody ruled goes back to the verdict, and is ended by a second call.
    """
    from marketplace.roles.exits import end_trade, seconds_to_exit

    trade_id = trade_id_of(trade)
    opened = open_market(rpc, chain_id, market)
    sender = open_account(opened.node, keystore, account)
    if skip_time:
        opened.node.advance_time(seconds_to_exit(opened, trade_id))
    state = end_trade(opened, sender, trade_id)
    conclude({"state": state.name}, json_output, lambda: click.echo(f"the trade is {state.name}"))


@click.command("challenge")
@rpc_option
@chain_id_option
@market_option
@trade_option
@store_option
@keystore_option
@account_option
@click.option("--claim", required=True, help="What is wrong with the verdict, for the panel.")
@as_json
@command
def challenge_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    trade: str,
    store_location: str,
    keystore: Path | None,
    account: int,
    claim: str,
    json_output: bool,
) -> None:
    """Have the panel judge a trade again, for a bond; any account may, in the review window.

    The challenge is announced first, by a seal that tells nobody which trade it is of, and
    comes when the announcement's delay is over; on a devnet the clock is moved. A command that
    broke off goes on from its announcement if it is given again with the same claim.
    """
    from marketplace.roles.challenger import Challenger
    from offchain.exchange import Exchange
    from offchain.storage.store import open_store

    trade_id = trade_id_of(trade)
    opened = open_market(rpc, chain_id, market)
    owner = open_account(opened.node, keystore, account)
    exchange = Exchange(open_store(store_location), owner, opened.encryption_key_of)
    bond = Challenger(opened, exchange).challenge(trade_id, claim, timed_progress())
    conclude(
        {"bond": str(bond), "challenger": owner.address},
        json_output,
        lambda: click.echo(f"{owner.address} put up {bond} of the smallest unit"),
    )


@click.command("licence")
@rpc_option
@chain_id_option
@market_option
@trade_option
@click.option("--licences", required=True, metavar="ADDRESS", help="The market's licence contract.")
@keystore_option
@account_option
@as_json
@command
def licence_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    trade: str,
    licences: str,
    keystore: Path | None,
    account: int,
    json_output: bool,
) -> None:
    """Mint the licence token of a settled trade to its buyer, and tell who holds it.

    Any account may have it minted; where that was done, nothing is sent.
    """
    from marketplace.roles.licence import licence_holder, mint_licence

    trade_id = trade_id_of(trade)
    contract = address_of(licences, "the licence contract")
    opened = open_market(rpc, chain_id, market)
    if licence_holder(opened, contract, trade_id) is None:
        sender = open_account(opened.node, keystore, account)
        mint_licence(opened, contract, sender, trade_id)
    holder = licence_holder(opened, contract, trade_id)
    conclude(
        {"token": "0x" + trade_id.hex(), "holder": holder},
        json_output,
        lambda: click.echo(f"{holder} holds the licence 0x{trade_id.hex()}"),
    )


@click.command("receive")
@rpc_option
@chain_id_option
@market_option
@trade_option
@store_option
@keystore_option
@account_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the model here.",
)
@as_json
@command
def receive_command(
    rpc: str,
    chain_id: int | None,
    market: str,
    trade: str,
    store_location: str,
    keystore: Path | None,
    account: int,
    out: Path,
    json_output: bool,
) -> None:
    """Open the delivered model with the buyer's key and save it.

    It is saved only if it is the very model that the committee scored.
    `offchain.training.Composite.from_bytes` reads it.
    """
    from marketplace.chain.files import write_whole
    from marketplace.roles.buyer import Buyer
    from offchain.exchange import Exchange
    from offchain.storage.store import open_store

    trade_id = trade_id_of(trade)
    opened = open_market(rpc, chain_id, market)
    owner = open_account(opened.node, keystore, account)
    exchange = Exchange(open_store(store_location), owner, opened.encryption_key_of)
    composite = Buyer(opened, exchange).receive(trade_id)
    content = composite.to_bytes()
    write_whole(out, content)
    experts = [fitted.kind for fitted in composite.experts.values()]
    conclude(
        {"file": str(out), "bytes": len(content), "experts": experts},
        json_output,
        lambda: click.echo(f"{out}: {len(content)} bytes, experts {', '.join(experts)}"),
    )
