"""`moemarket devnet`, `deploy` and `compile`: a chain and the contracts on it."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.arguments import (
    account_option,
    address_of,
    chain_id_option,
    keystore_option,
    open_account,
    rpc_option,
)
from marketplace.cli.output import as_json, command, conclude, timed_progress
from marketplace.protocol.errors import ConfigurationError

MAX_SEATS = 16
"""The committee contract takes no more members."""


@click.command("devnet")
@click.option("--port", default=8545, show_default=True, type=click.IntRange(0, 65_535))
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Restore the chain from this file if it exists, and save it there.",
)
@command
def devnet_command(port: int, state: Path | None) -> None:
    """Serve a local chain as JSON-RPC on loopback until interrupted."""
    from marketplace.chain.devnet.server import serve

    serve(port, state)


@click.command("compile")
@click.option("--force", is_flag=True, help="Compile though nothing changed.")
@as_json
@command
def compile_command(force: bool, json_output: bool) -> None:
    """Compile the contracts, if their sources changed."""
    from marketplace.chain.artifacts import compile_contracts

    contracts = compile_contracts(force, timed_progress())
    conclude(contracts, json_output, lambda: click.echo(f"{len(contracts)} contracts are compiled"))


@click.command("deploy")
@rpc_option
@chain_id_option
@keystore_option
@account_option
@click.option(
    "--signer",
    "signers",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="An oracle's account; once for each.",
)
@click.option(
    "--quorum",
    type=click.IntRange(1, MAX_SEATS),
    required=True,
    help="Signatures that make a quorum: more than half of the signers.",
)
@click.option(
    "--panel",
    "jurors",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    help="An account that decides challenges; once for each, and none of the oracles'.",
)
@click.option(
    "--panel-quorum",
    type=click.IntRange(1, MAX_SEATS),
    required=True,
    help="Signatures that make a ruling: more than half of the panel.",
)
@click.option(
    "--treasury",
    metavar="ADDRESS",
    help="Receives the protocol fee.  [default: the account that deploys]",
)
@click.option(
    "--fee-bps",
    default=100,
    show_default=True,
    type=click.IntRange(0, 1_000),
    help="Protocol fee in basis points.",
)
@click.option(
    "--stake",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Wei that each member of committee and panel has at stake; paid by who deploys.",
)
@click.option(
    "--penalty",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Wei that an oracle loses for a wrong verdict, for silence or for a sealed score.",
)
@click.option("--governor", metavar="ADDRESS", help="Who changes rules, after a delay.")
@click.option("--guardian", metavar="ADDRESS", help="Who may pause new requests.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write addresses here."
)
@as_json
@command
def deploy_command(
    rpc: str,
    chain_id: int | None,
    keystore: Path | None,
    account: int,
    signers: tuple[str, ...],
    quorum: int,
    jurors: tuple[str, ...],
    panel_quorum: int,
    treasury: str | None,
    fee_bps: int,
    stake: int,
    penalty: int,
    governor: str | None,
    guardian: str | None,
    out: Path | None,
    json_output: bool,
) -> None:
    """Deploy the market and all that stands around it.

    Without governor and guardian, the account that deploys stays in charge of the rules.
    """
    from marketplace.chain.client import connect
    from marketplace.chain.deploy import Terms, deploy
    from marketplace.chain.files import require_writable

    members = [address_of(signer, "the signer") for signer in signers]
    panel = [address_of(juror, "the member of the panel") for juror in jurors]
    _require_committee(members, quorum)
    _require_backed(penalty, stake)
    _require_committee(panel, panel_quorum)
    receiver = None if treasury is None else address_of(treasury, "the treasury")
    node = connect(rpc, chain_id)
    operator = open_account(node, keystore, account)
    if out is not None:
        require_writable(out)
    deployment = deploy(
        node,
        operator,
        signers=members,
        threshold=quorum,
        panel=panel,
        panel_threshold=panel_quorum,
        treasury=receiver or operator.address,
        terms=Terms(
            fee_bps=fee_bps,
            min_stake=stake,
            wrong_verdict_penalty=penalty,
            silence_penalty=penalty,
            closed_seal_penalty=penalty,
        ),
        governor=None if governor is None else address_of(governor, "the governor"),
        guardian=None if guardian is None else address_of(guardian, "the guardian"),
    )

    def show() -> None:
        for name, address in deployment.to_json().items():
            if name != "chainId" and address is not None:
                click.echo(f"{name:10} {address}")

    if out is not None:
        deployment.save(out)
    conclude(deployment.to_json(), json_output, show)


def _require_backed(penalty: int, stake: int) -> None:
    """Refuse a penalty that no stake covers; say so where nothing stands behind a verdict."""
    if penalty > stake:
        raise ConfigurationError(
            f"a penalty of {penalty} wei is more than the stake of {stake} that it is taken from",
            "raise --stake, or lower --penalty",
        )
    if penalty == 0:
        click.echo("note: a wrong verdict costs its signers nothing; see --penalty", err=True)


def _require_committee(members: list[str], quorum: int) -> None:
    """Refuse what the committee contract would refuse when it is already deployed."""
    seats = len(set(members))
    if seats < len(members) or seats > MAX_SEATS or not seats // 2 < quorum <= seats:
        raise ConfigurationError(
            f"{quorum} of {len(members)} members make no committee",
            f"name up to {MAX_SEATS} different members, and more than half of them as the quorum",
        )
