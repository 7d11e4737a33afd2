"""`moemarket verify-report`: who signed the report of an audit, and is this the file."""

from __future__ import annotations

from pathlib import Path

import click

from marketplace.cli.arguments import address_of
from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol.errors import BadSignature, ConfigurationError


@click.command("verify-report")
@click.argument("report", type=click.Path(path_type=Path, dir_okay=False))
@click.argument("signature", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--by", metavar="ADDRESS", help="Refuse a signature of anybody else.")
@as_json
@command
def verify_report_command(report: Path, signature: Path, by: str | None, json_output: bool) -> None:
    """Say who signed REPORT, by the detached SIGNATURE that `moemarket audit` wrote beside it.

    Whether the report is right, another audit tells: this says whose word it is, and that not
    one byte of it has changed since.
    """
    from marketplace.audit.reporting.signing import ReportSignature, report_signer

    expected = None if by is None else address_of(by, "the auditor")
    signed = ReportSignature.from_bytes(_read(signature))
    signer = report_signer(_read(report), signed)
    if expected is not None and signer != expected:
        raise BadSignature(f"{signer} signed this, not {expected}", "ask that auditor to sign it")
    conclude(
        {
            "signer": signer,
            "report": signed.report,
            "chainId": signed.chain_id,
            "market": signed.market,
            "block": signed.block,
            "blockHash": signed.block_hash,
            "ok": signed.ok,
        },
        json_output,
        lambda: click.echo(
            f"{signer} signed {signed.report}: market {signed.market} on chain {signed.chain_id},"
            f" up to block {signed.block}, {'no objection' if signed.ok else 'objections'}"
        ),
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read", "name a readable file") from error
