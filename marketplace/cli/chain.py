"""`moemarket devnet`, `deploy` and `compile`: a chain and the contracts on it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click
from eth_account import Account
from eth_account.signers.local import LocalAccount

from marketplace.cli.output import as_json, command, print_data, timed_progress
from marketplace.protocol.errors import ConfigurationError, WrongChain


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
    if json_output:
        print_data(contracts)
    else:
        click.echo(f"{len(contracts)} contracts are compiled")


@click.command("deploy")
@click.option("--rpc", required=True, metavar="URL", help="Endpoint of an EVM node.")
@click.option("--chain-id", type=int, help="Refuse any other chain.")
@click.option(
    "--keystore",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Encrypted key of the operator; on a devnet its first account is used without one.",
)
@click.option("--signer", "signers", multiple=True, required=True, help="An oracle's account.")
@click.option("--quorum", type=int, required=True, help="Signatures that make a quorum.")
@click.option("--treasury", help="Receives the protocol fee.  [default: the operator]")
@click.option("--fee-bps", default=100, show_default=True, help="Protocol fee in basis points.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write addresses here."
)
@as_json
@command
def deploy_command(
    rpc: str,
    chain_id: int | None,
    keystore: Path | None,
    signers: tuple[str, ...],
    quorum: int,
    treasury: str | None,
    fee_bps: int,
    out: Path | None,
    json_output: bool,
) -> None:
    """Deploy committee, registry and market."""
    from marketplace.chain.client import connect
    from marketplace.chain.deploy import deploy

    node = connect(rpc, chain_id)
    operator = _operator(node.chain_id, keystore)
    deployment = deploy(
        node,
        operator,
        signers=signers,
        threshold=quorum,
        fee_bps=fee_bps,
        treasury=treasury or operator.address,
    )
    if out is not None:
        deployment.save(out)
    if json_output:
        print_data(asdict(deployment))
    else:
        click.echo(f"market    {deployment.market}")
        click.echo(f"committee {deployment.committee}")
        click.echo(f"registry  {deployment.registry}")


def _operator(chain_id: int, keystore: Path | None) -> LocalAccount:
    from marketplace.chain.client import DEVNET_CHAIN_ID
    from marketplace.chain.devnet.accounts import well_known_accounts

    if keystore is not None:
        password = click.prompt("Password of the keystore", hide_input=True, err=True)
        try:
            account: LocalAccount = Account.from_key(
                Account.decrypt(keystore.read_text(), password)
            )
        except (OSError, ValueError, KeyError) as error:
            raise ConfigurationError(
                f"the keystore {keystore} does not open", "check the file and the password"
            ) from error
        return account
    if chain_id != DEVNET_CHAIN_ID:
        raise WrongChain(
            f"chain {chain_id} is no devnet, so the well-known accounts are not used there",
            "name the operator's key with --keystore",
        )
    return well_known_accounts()[0]
