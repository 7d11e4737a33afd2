"""`moemarket demo` and `moemarket scripts`: play whole trades and audit them."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.audit import audit_failed
from marketplace.cli.output import as_json, command, conclude, console, timed_progress


@click.command("demo")
@click.argument("script", default="credit")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 2**32 - 1))
@click.option("--rpc", metavar="URL", help="A devnet, e.g. Anvil; by default one in process.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder for chain, store and summary.  [default: runs/SCRIPT-SEED]",
)
@click.option(
    "--store",
    "store_location",
    metavar="PLACE",
    help="Another store, e.g. ipfs:/ip4/127.0.0.1/tcp/5001.",
)
@as_json
@command
def demo_command(
    script: str,
    seed: int,
    rpc: str | None,
    out: Path | None,
    store_location: str | None,
    json_output: bool,
) -> None:
    """Play a scripted trade from request to audit; `moemarket scripts` lists them."""
    from marketplace.cli.demo_view import show_summary
    from marketplace.scripted.play import play

    result = play(
        script,
        seed=seed,
        rpc=rpc,
        folder=out or Path("runs") / f"{script}-{seed}",
        store_location=store_location,
        progress=timed_progress(),
    )
    conclude(
        {
            "summary": result.summary.model_dump(mode="json", by_alias=True),
            "audit": result.report.to_json(),
        },
        json_output,
        lambda: show_summary(console(), result),
        None if result.report.ok else audit_failed(),
    )


@click.command("scripts")
@as_json
@command
def scripts_command(json_output: bool) -> None:
    """List the scripted trades and how each one ends."""
    from marketplace.scripted.script import SCRIPTS

    def show() -> None:
        for script in SCRIPTS.values():
            click.echo(f"{script.name:10} {script.ends.name.lower():9} {script.title}")

    conclude(
        [
            {"name": s.name, "title": s.title, "scenario": s.scenario, "ends": s.ends.name}
            for s in SCRIPTS.values()
        ],
        json_output,
        show,
    )
