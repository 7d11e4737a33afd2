"""`moemarket verify-report`: who signed the report of an audit, and are these its files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.arguments import address_of
from marketplace.cli.output import as_json, command, conclude
from marketplace.protocol.errors import BadSignature, ConfigurationError

if TYPE_CHECKING:
    from marketplace.audit import Report

FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("verify-report")
@click.argument("report", type=FILE)
@click.argument("signature", type=FILE)
@click.option("--by", metavar="ADDRESS", help="Refuse a signature of anybody else.")
@click.option("--html", type=FILE, help="A page that must be the one of this report.")
@click.option("--csv", type=FILE, help="A ledger that must be the one of this report.")
@as_json
@command
def verify_report_command(
    report: Path,
    signature: Path,
    by: str | None,
    html: Path | None,
    csv: Path | None,
    json_output: bool,
) -> None:
    """Say who signed REPORT, by the detached SIGNATURE that `moemarket audit` wrote beside it.

    Whether the report is right, another audit tells: this says whose word it is, and that not
    one byte of it has changed since. Page and ledger follow from the report, so they are made
    anew and compared; another version of this program may make others.
    """
    from marketplace.audit import Report
    from marketplace.audit.reporting.signing import ReportSignature, report_signer

    expected = None if by is None else address_of(by, "the auditor")
    signed = ReportSignature.from_bytes(_read(signature))
    content = _read(report)
    signer = report_signer(content, signed)
    if expected is not None and signer != expected:
        raise BadSignature(f"{signer} signed this, not {expected}", "ask that auditor to sign it")
    _require_made_of(Report.from_bytes(content), html, csv)
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


def _require_made_of(report: Report, html: Path | None, csv: Path | None) -> None:
    from marketplace.audit.reporting.ledger import ledger
    from marketplace.audit.reporting.page import page

    if html is not None:
        _require_same(html, page(report).encode())
    if csv is not None:
        _require_same(csv, ledger(report))


def _require_same(path: Path, made: bytes) -> None:
    if _read(path) != made:
        raise BadSignature(
            f"{path} is not what follows from the report that was signed",
            "have it made anew: moemarket audit with --html and --csv, at the same block",
        )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read", "name a readable file") from error
