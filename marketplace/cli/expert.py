"""`moemarket experts` and `moemarket expert`: kinds of experts, and one served over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from offchain.experts import Price


@click.command("experts")
@as_json
@command
def experts_command(json_output: bool) -> None:
    """List the kinds of experts: those that ship, and those of installed packages.

    A package offers experts under the entry-point group `moemarket.experts`.
    """
    from offchain.experts import expert, faults, origins

    offered = [(expert(kind).describe(), origin) for kind, origin in origins().items()]
    broken = [{"kind": f.kind, "origin": f.origin, "reason": f.reason} for f in faults()]

    def show() -> None:
        for said, origin in offered:
            click.echo(f"{said.kind:20} {said.inputs:6} {origin:14} {_asks(said.price)}")
            click.echo(f"  {said.summary}")
        for fault in broken:
            click.echo(f"not usable: {fault['kind']} of {fault['origin']}: {fault['reason']}")

    listed = [
        {
            "kind": said.kind,
            "inputs": said.inputs,
            "summary": said.summary,
            "keepsRows": said.keeps_rows,
            "origin": origin,
            "price": {"fixed": str(said.price.fixed), "perRow": str(said.price.per_row)},
        }
        for said, origin in offered
    ]
    conclude({"experts": listed, "notUsable": broken}, json_output, show)


@click.group("expert")
def expert_commands() -> None:
    """Serve an expert over HTTP, or ask one that is served."""


@expert_commands.command("serve")
@click.option("--kind", required=True, help="One of `moemarket experts`.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", default=8700, show_default=True, help="0 for any free one.")
@click.option("--price", default="0", metavar="WEI", help="Least price of a job.  [default: 0]")
@click.option("--row-price", default="0", metavar="WEI", help="And of each row.  [default: 0]")
@command
def serve_command(kind: str, host: str, port: int, price: str, row_price: str) -> None:
    """Serve an expert until SIGINT or SIGTERM: describe, quote, fit, predict, health.

    For programs on this machine; put a proxy with TLS in front of it for others.
    """
    import uvicorn

    from marketplace.chain.listening import listen
    from offchain.experts import AtPrice, Price, expert
    from offchain.serving.app import create_app
    from offchain.serving.workshop import Workshop

    offered = AtPrice(expert(kind), Price(_wei(price), _wei(row_price)))
    workshop = Workshop(offered)
    with listen(host, port, "use 127.0.0.1, and a proxy with TLS for other machines") as listener:
        address, used = listener.getsockname()[:2]
        click.echo(f"{kind} at http://{f'[{address}]' if ':' in address else address}:{used}")
        config = uvicorn.Config(
            create_app(workshop),
            log_level="warning",
            access_log=False,
            lifespan="off",
            limit_concurrency=64,
        )
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:
            click.echo("stopped")
        finally:
            workshop.close()


@expert_commands.command("ask")
@click.argument("url")
@click.option("--rows", default=1_000, show_default=True, type=click.IntRange(1), help="To quote.")
@as_json
@command
def ask_command(url: str, rows: int, json_output: bool) -> None:
    """Say what the expert served at URL is, and what it asks for training."""
    from offchain.serving.client import RemoteExpert

    remote = RemoteExpert(url)
    said, price, waiting = remote.describe(), remote.quote(rows), remote.health().waiting

    def show() -> None:
        click.echo(f"{said.kind}, for {said.inputs} rows, {waiting} jobs under way")
        click.echo(f"  {said.summary}")
        click.echo(f"  {price} wei for {rows} rows")

    data = {"kind": said.kind, "inputs": said.inputs, "summary": said.summary}
    conclude(data | {"rows": rows, "price": str(price), "waiting": waiting}, json_output, show)


def _wei(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise ConfigurationError(f"{text!r} is no amount", "give whole wei, as 1000")
    return int(text)


def _asks(price: Price) -> str:
    """Say what an owner asks for, as people read it."""
    if not price.fixed and not price.per_row:
        return "its share of the pool"
    return f"at least {price.fixed} wei, and {price.per_row} wei a row"
