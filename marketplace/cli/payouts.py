"""`moemarket payouts`: what arrived for many is divided by a committee, and claimed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from marketplace.cli.arguments import (
    address_of,
    chain_id_option,
    currency_option,
    market_option,
    receiver_option,
    rpc_option,
    seconds_option,
    signer_options,
    store_option,
)
from marketplace.cli.output import as_json, command, conclude
from marketplace.cli.store import read_file
from marketplace.protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from marketplace.cli.arguments import Signer
    from marketplace.protocol.earnings import Earning, Place
    from marketplace.roles.payouts import Payouts, Proposed, Standing

    _Contract = Callable[[], Payouts]

_FILE = click.Path(path_type=Path, dir_okay=False)

payouts_option = click.option(
    "--payouts", required=True, metavar="ADDRESS", help="The contract of payouts to many."
)
out_option = click.option("--out", required=True, type=_FILE, help="Write the signature here.")


def _at(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where the contract is, of which the command gets what opens it."""

    @functools.wraps(function)
    def placed(rpc: str, chain_id: int | None, payouts: str, **others: Any) -> Any:
        return function(contract=lambda: _opened(rpc, chain_id, payouts), **others)

    return rpc_option(chain_id_option(payouts_option(placed)))


@click.group("payouts")
def payouts_commands() -> None:
    """Pay any number of accounts what they earned over many trades.

    A trade, or anybody, pays into the contract. The committee in office divides what arrived:
    one of it makes a list from a CSV (`list`), each holds it against its own and signs (`sign`),
    anybody sends the signatures (`propose`) and, after the delay, puts them into force
    (`activate`). Then everybody on the list claims.
    """


# ----------------------------------------------------------------------- what there is


@payouts_commands.command("status")
@_at
@currency_option
@click.option("--payee", metavar="ADDRESS", help="Say what this account has claimed, too.")
@as_json
@command
def status_command(
    contract: _Contract,
    currency: str,
    payee: str | None,
    json_output: bool,
) -> None:
    """Say what arrived, what is given out, and what waits; amounts in the smallest unit."""
    token = address_of(currency, "the currency")
    account = None if payee is None else address_of(payee, "the payee")
    opened = contract()
    standing = opened.standing(token)
    data: dict[str, Any] = {
        "payouts": opened.address,
        "currency": token,
        "funded": str(standing.funded),
        "total": str(standing.total),
        "unclaimed": str(standing.unclaimed),
        "epoch": standing.epoch,
        "inForce": _proposed(standing.in_force),
        "waiting": _proposed(
            standing.waiting, total=str(standing.waiting_total), activeAt=standing.active_at
        ),
    }
    if account is not None:
        claimed, credit = (opened.view(v, account, token) for v in ("claimedOf", "creditOf"))
        data["payee"] = {"account": account, "claimed": str(claimed), "credit": str(credit)}
    conclude(data, json_output, lambda: _show(standing, data))


@payouts_commands.command("deposit")
@_at
@currency_option
@click.argument("amount", type=click.IntRange(1, 2**128 - 1))
@signer_options
@as_json
@command
def deposit_command(
    contract: _Contract,
    currency: str,
    amount: int,
    signer: Signer,
    json_output: bool,
) -> None:
    """Give AMOUNT, in the smallest unit, to be divided; it doesn't come back."""
    token = address_of(currency, "the currency")
    opened = contract()
    opened.deposit(signer(opened.node), token, amount)
    _say_funded(opened, token, json_output)


@payouts_commands.command("collect")
@_at
@market_option
@currency_option
@signer_options
@as_json
@command
def collect_command(
    contract: _Contract,
    market: str,
    currency: str,
    signer: Signer,
    json_output: bool,
) -> None:
    """Bring in what a market owes the contract as one payee of its trades; anyone may."""
    token, ledger = address_of(currency, "the currency"), address_of(market, "the market")
    opened = contract()
    opened.collect(signer(opened.node), ledger, token)
    _say_funded(opened, token, json_output)


# ------------------------------------------------------------------------- distributions


@payouts_commands.command("list")
@click.argument("file", type=_FILE)
@_at
@currency_option
@store_option
@as_json
@command
def list_command(
    file: Path,
    contract: _Contract,
    currency: str,
    store_location: str,
    json_output: bool,
) -> None:
    """Make a list of payees from FILE, publish it, and print its CID.

    FILE is a CSV that begins with the line `account,amount`. Amounts are in the smallest unit
    (wei), all that the account has earned since the beginning: never less than in the list in
    force, which has to be in the store. They sum to what had arrived after one of the deposits.
    Each row gets a new random salt, so the same FILE gives another CID each time.

    Who has the list can read all amounts. Nothing is sent.
    """
    from offchain.storage.store import open_store

    token = address_of(currency, "the currency")
    earnings, store = _earnings_in(file), open_store(store_location)
    opened = contract()
    cid, distribution = opened.draft(store, token, earnings)
    conclude(
        {
            "list": cid,
            "currency": token,
            "epoch": distribution.epoch,
            "payees": len(earnings),
            "total": str(distribution.total),
            "trees": len(distribution.roots),
            "digest": "0x" + opened.view("digestOf", distribution.as_tuple()).hex(),
        },
        json_output,
        lambda: click.echo(cid),
    )


@payouts_commands.command("sign")
@click.argument("cid")
@_at
@store_option
@click.option("--amounts", type=_FILE, help="CSV as for `list`: refuse a list that says otherwise.")
@out_option
@signer_options
@as_json
@command
def sign_command(
    cid: str,
    contract: _Contract,
    store_location: str,
    amounts: Path | None,
    out: Path,
    signer: Signer,
    json_output: bool,
) -> None:
    """Sign the list CID for a seat of the committee in office; nothing is sent.

    Builds the trees anew, and refuses a list that the contract would not take now, or by which
    somebody would have less than by the list in force. Whether the amounts are right only you
    can tell: give your own with --amounts.
    """
    from marketplace.chain.files import write_whole
    from marketplace.roles.payee_lists import amounts_of
    from offchain.storage.store import open_store

    agreed = None if amounts is None else amounts_of(_earnings_in(amounts))
    store = open_store(store_location)
    opened = contract()
    seat = signer(opened.node)
    signed = opened.vouch(store, seat, cid, agreed)
    write_whole(out, signed.to_bytes())
    conclude(
        {"signer": signed.signer, "epoch": signed.epoch, "list": cid, "file": str(out)},
        json_output,
        lambda: click.echo(f"{out}: {signed.signer} signed distribution {signed.epoch}"),
    )


@payouts_commands.command("propose")
@click.argument("signatures", nargs=-1, required=True, type=_FILE)
@_at
@signer_options
@as_json
@command
def propose_command(
    signatures: tuple[Path, ...],
    contract: _Contract,
    signer: Signer,
    json_output: bool,
) -> None:
    """Propose what a quorum signed: SIGNATURES are the files that `sign` wrote, in any order."""
    from marketplace.protocol.payouts import SignedDistribution

    signed = [SignedDistribution.from_bytes(read_file(file)) for file in signatures]
    opened = contract()
    sender = signer(opened.node)
    proposed = opened.propose(sender, signed)
    active_at = opened.standing(proposed.currency).active_at
    conclude(
        {"currency": proposed.currency, "epoch": proposed.epoch, "activeAt": active_at},
        json_output,
        lambda: click.echo(f"distribution {proposed.epoch} may be activated at {active_at}"),
    )


@payouts_commands.command("activate")
@_at
@currency_option
@click.option("--skip-time", is_flag=True, help="On a devnet: first move its clock to that time.")
@signer_options
@as_json
@command
def activate_command(
    contract: _Contract,
    currency: str,
    skip_time: bool,
    signer: Signer,
    json_output: bool,
) -> None:
    """Put what waits into force, once its delay is over; anyone may."""
    token = address_of(currency, "the currency")
    opened = contract()
    sender = signer(opened.node)
    if skip_time:
        opened.node.advance_time(opened.seconds_to_activation(token))
    opened.activate(sender, token)
    standing = opened.standing(token)
    conclude(
        {"epoch": standing.epoch, "total": str(standing.total)},
        json_output,
        lambda: click.echo(f"distribution {standing.epoch} is in force: {standing.total} in all"),
    )


@payouts_commands.command("veto")
@_at
@currency_option
@signer_options
@as_json
@command
def veto_command(
    contract: _Contract,
    currency: str,
    signer: Signer,
    json_output: bool,
) -> None:
    """Strike out what waits, as the guardian; its signatures are worth nothing then."""
    token = address_of(currency, "the currency")
    opened = contract()
    opened.veto(signer(opened.node), token)
    epoch = opened.standing(token).epoch
    conclude({"epoch": epoch}, json_output, lambda: click.echo(f"distribution {epoch} is vetoed"))


# -------------------------------------------------------------------------------- claims


listing_option = click.option(
    "--list",
    "listing",
    metavar="CID",
    help="The list in force.  [default: what the log names]",
)


@payouts_commands.command("proof")
@click.argument("payee")
@_at
@currency_option
@store_option
@listing_option
@click.option("--out", required=True, type=_FILE, help="Write the proof here.")
@as_json
@command
def proof_command(
    payee: str,
    contract: _Contract,
    currency: str,
    store_location: str,
    listing: str | None,
    out: Path,
    json_output: bool,
) -> None:
    """Write what PAYEE has earned by the list in force, with the proof that the contract takes.

    For `claim --proof`, by a payee who shall not see the others' amounts.
    """
    from marketplace.chain.files import write_whole
    from marketplace.protocol.payouts import PayeeProof
    from offchain.storage.store import open_store

    token, owner = address_of(currency, "the currency"), address_of(payee, "the payee")
    store, opened = open_store(store_location), contract()
    written = PayeeProof.of(token, opened.place_of(store, token, owner, listing))
    write_whole(out, written.to_bytes())
    conclude(
        {"payee": owner, "cumulative": str(written.cumulative), "file": str(out)},
        json_output,
        lambda: click.echo(f"{out}: {owner} has earned {written.cumulative} of the smallest unit"),
    )


@payouts_commands.command("claim")
@_at
@currency_option
@click.option(
    "--store",
    "store_location",
    metavar="PLACE",
    help="Where the list in force lies.",
)
@listing_option
@click.option("--proof", type=_FILE, help="What `proof` wrote for the payee, instead of a list.")
@click.option(
    "--payee", metavar="ADDRESS", help="Claim for this account.  [default: the one that signs]"
)
@click.option("--to", metavar="ADDRESS", help="Send the whole credit to this address at once.")
@click.option("--authority", type=_FILE, help="Send a payee's credit as its `authorise` file says.")
@signer_options
@as_json
@command
def claim_command(
    contract: _Contract,
    currency: str,
    store_location: str | None,
    listing: str | None,
    proof: Path | None,
    payee: str | None,
    to: str | None,
    authority: Path | None,
    signer: Signer,
    json_output: bool,
) -> None:
    """Credit a payee with all it earned since its last claim; anyone may pay for the gas.

    The credit waits in the contract for `withdraw`. With --to, for the account itself, or with
    --authority, for the payee that signed it, the credit is sent on in the same transaction.
    """
    from marketplace.protocol.payouts import ClaimAuthority

    if (payee is not None) + (to is not None) + (authority is not None) > 1:
        raise ConfigurationError(
            "--payee, --to and --authority exclude each other",
            "only a payee sends its own credit elsewhere, or signs that others may",
        )
    token = address_of(currency, "the currency")
    receiver = None if to is None else address_of(to, "the receiver")
    signed = None if authority is None else ClaimAuthority.from_bytes(read_file(authority))
    opened = contract()
    sender = signer(opened.node)
    owner = sender.address if payee is None else address_of(payee, "the payee")
    if signed is not None:
        order = opened.order_in(signed)
        owner, token, receiver = order.account, order.currency, order.receiver
    token, place = _place(opened, token, owner, store_location, listing, proof)
    owner = place.earning.account
    claimed = int(opened.view("claimedOf", owner, token))
    if signed is not None:
        opened.claim_by(sender, signed, place)
    elif receiver is not None:
        opened.claim_and_withdraw(sender, token, place, receiver)
    else:
        opened.claim(sender, token, place)
    amount = place.earning.cumulative - claimed
    conclude(
        {"payee": owner, "claimed": str(amount), "sentTo": receiver},
        json_output,
        lambda: click.echo(
            f"{owner} claimed {amount} of the smallest unit"
            + (f", and its credit went to {receiver}" if receiver else "")
        ),
    )


@payouts_commands.command("authorise")
@_at
@currency_option
@receiver_option
@seconds_option
@out_option
@signer_options
@as_json
@command
def authorise_command(
    contract: _Contract,
    currency: str,
    to: str | None,
    seconds: int,
    out: Path,
    signer: Signer,
    json_output: bool,
) -> None:
    """Sign that anyone may claim for an account and send its credit on; nothing is sent.

    For a payee without coins to pay for gas. It counts once, by `claim --authority`.
    """
    from marketplace.chain.files import write_whole

    token = address_of(currency, "the currency")
    receiver = None if to is None else address_of(to, "the receiver")
    opened = contract()
    owner = signer(opened.node)
    signed = opened.authorise(owner, token, receiver or owner.address, seconds)
    write_whole(out, signed.to_bytes())
    conclude(
        {"payee": signed.account, "to": signed.receiver, "file": str(out)},
        json_output,
        lambda: click.echo(f"{out} lets anyone claim once"),
    )


@payouts_commands.command("withdraw")
@_at
@currency_option
@receiver_option
@signer_options
@as_json
@command
def withdraw_command(
    contract: _Contract,
    currency: str,
    to: str | None,
    signer: Signer,
    json_output: bool,
) -> None:
    """Take out what an account has claimed."""
    token = address_of(currency, "the currency")
    receiver = None if to is None else address_of(to, "the receiver")
    opened = contract()
    owner = signer(opened.node)
    amount = int(opened.view("creditOf", owner.address, token))
    opened.withdraw(owner, token, receiver or owner.address)
    conclude(
        {"account": owner.address, "amount": str(amount)},
        json_output,
        lambda: click.echo(f"{owner.address} withdrew {amount} of the smallest unit"),
    )


# ----------------------------------------------------------------------------- internals


def _opened(rpc: str, chain_id: int | None, payouts: str) -> Payouts:
    from marketplace.chain.client import connect
    from marketplace.roles.payouts import open_payouts

    address = address_of(payouts, "the payouts' contract")
    return open_payouts(connect(rpc, chain_id), address)


def _place(
    opened: Payouts,
    currency: str,
    owner: str,
    store_location: str | None,
    listing: str | None,
    proof: Path | None,
) -> tuple[str, Place]:
    """Return what is claimed, and in which currency: by the list in force, or as a proof says."""
    from marketplace.protocol.payouts import PayeeProof
    from offchain.storage.store import open_store

    if proof is not None and store_location is None and listing is None:
        given = PayeeProof.from_bytes(read_file(proof))
        return address_of(given.currency, "the currency"), given.place
    if store_location is None or proof is not None:
        raise ConfigurationError("one source of the proof is needed", "give --store or --proof")
    return currency, opened.place_of(open_store(store_location), currency, owner, listing)


def _earnings_in(file: Path) -> tuple[Earning, ...]:
    from marketplace.roles.payee_lists import earnings_in

    try:
        table = read_file(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{file} is no text", "give a CSV in UTF-8") from error
    return earnings_in(table, str(file))


def _say_funded(opened: Payouts, currency: str, json_output: bool) -> None:
    funded = opened.view("fundsOf", currency)[0]
    conclude(
        {"currency": currency, "funded": str(funded)},
        json_output,
        lambda: click.echo(f"{funded} of the smallest unit have arrived in all"),
    )


def _proposed(proposed: Proposed | None, **more: Any) -> dict[str, Any] | None:
    if proposed is None:
        return None
    return {"epoch": proposed.epoch, "list": proposed.payee_list, **more}


def _show(standing: Standing, data: dict[str, Any]) -> None:
    click.echo(f"arrived    {standing.funded}")
    click.echo(f"given out  {standing.total}, {standing.unclaimed} of it unclaimed")
    for title, proposed in (("in force", standing.in_force), ("waits", standing.waiting)):
        if proposed is not None:
            click.echo(f"{title:10} distribution {proposed.epoch}, list {proposed.payee_list}")
    if standing.waiting is not None:
        click.echo(f"           of {standing.waiting_total}, from {standing.active_at} on")
    if "payee" in data:
        payee = data["payee"]
        click.echo(f"{payee['account']} claimed {payee['claimed']}, credit {payee['credit']}")
