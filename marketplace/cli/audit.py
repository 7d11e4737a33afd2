"""`moemarket audit`: recompute from log and store everything that moved money."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.arguments import (
    address_of,
    block_hash_of,
    chain_id_option,
    from_block_option,
    keystore_option,
    market_option,
    open_source,
    password_file_option,
    saved_chain_option,
    source_rpc_option,
    store_option,
    trade_id_of,
)
from marketplace.cli.audit_outputs import Outputs, attest_on_chain
from marketplace.cli.output import as_json, command, conclude, console
from marketplace.protocol.errors import AuditFailed

if TYPE_CHECKING:
    from marketplace.audit import Check

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("audit")
@source_rpc_option
@saved_chain_option
@chain_id_option
@market_option
@store_option
@click.option("--trade", metavar="ID", help="Report on this trade only (0x-hex).")
@click.option("--anchor", metavar="HASH", help="Hash of a block that you know from elsewhere.")
@from_block_option
@click.option("--bids", metavar="ADDRESS", help="Contract of tenders to look at, too.")
@click.option("--payouts", metavar="ADDRESS", help="Contract of payouts to many to look at, too.")
@click.option(
    "--follow-funds", is_flag=True, help="Read all transactions too, for who funded whom (slow)."
)
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option(
    "--proven",
    is_flag=True,
    help="Fail where a check could not be made, too; an anchor that you didn't bring excepted.",
)
@click.option("--report", type=_FILE, help="Write the report here, as JSON.")
@click.option("--html", type=_FILE, help="Write it here, as one page that needs nothing else.")
@click.option("--csv", type=_FILE, help="Write a ledger of all movements of money here.")
@keystore_option
@password_file_option
@click.option(
    "--account",
    type=click.IntRange(0, 19),
    help="Without a keystore, on a devnet: which of its well-known accounts signs.",
)
@click.option("--attest", is_flag=True, help="Put the finding on chain, as the trade's auditor.")
@as_json
@command
def audit_command(
    rpc: str | None,
    chain: Path | None,
    chain_id: int | None,
    market: str,
    store_location: str,
    trade: str | None,
    anchor: str | None,
    from_block: int,
    bids: str | None,
    payouts: str | None,
    follow_funds: bool,
    strict: bool,
    proven: bool,
    report: Path | None,
    html: Path | None,
    csv: Path | None,
    keystore: Path | None,
    password_file: Path | None,
    account: int | None,
    attest: bool,
    json_output: bool,
) -> None:
    """Replay the log and recompute sums, signatures, scores, contributions and payouts.

    With --anchor, the chain is looked at as of that block, and every log and every word of
    storage is held against its hash; without, the node's newest block is taken for true.

    Prints a verdict per check and exits non-zero if any check failed or evidence is missing.
    A warning names a pattern that no rule forbids; it fails the audit with --strict only. What
    is `unchecked`, because the node offers no proof of it or has forgotten it, fails it with
    --proven only.

    With a key, the report is signed, in NAME.sig.json beside NAME.json; `moemarket
    verify-report` reads it. With --attest, the report goes into the store and its CID into
    the attestation of the trade's auditor, between the last verdict and the settlement.
    """
    from marketplace.audit import audit
    from marketplace.audit.terminal import show_report
    from offchain.storage.store import open_store

    address = address_of(market, "the market")
    chosen = None if trade is None else trade_id_of(trade)
    outputs = Outputs(report, html, csv, keystore, password_file, account, attest)
    outputs.require_possible(trade, rpc)
    store = open_store(store_location)
    node = open_source(rpc, chain, chain_id)
    signer = outputs.signer(node)
    found = audit(
        node.web3.provider,
        address,
        store,
        trade=chosen,
        anchor=None if anchor is None else block_hash_of(anchor),
        first=from_block,
        bids=None if bids is None else address_of(bids, "the tenders' contract"),
        payouts=None if payouts is None else address_of(payouts, "the payouts' contract"),
        follow_funds=follow_funds,
    )
    objection = None
    if not found.ok or (strict and found.warnings):
        objection = audit_failed()
    elif proven and found.unproven:
        objection = audit_unproven(found.unproven)
    outputs.write(found, signer)
    if attest and chosen is not None and signer is not None:
        attest_on_chain(found, node, store, chosen, signer)
    conclude(
        found.to_json(),
        json_output,
        lambda: show_report(console(), found),
        objection,
    )


def audit_unproven(checks: Sequence[Check]) -> AuditFailed:
    """Return what an audit ends with that found no fault, and could not make some checks."""
    names = ", ".join(sorted({check.name for check in checks}))
    return AuditFailed(
        f"the audit found no fault, but could not prove: {names}",
        "ask a node that gives proofs and knows old states, or leave --proven out",
    )


def audit_failed() -> AuditFailed:
    """Return what an audit that is not clean ends with."""
    return AuditFailed("the audit found a fault", "read the checks that did not pass")
