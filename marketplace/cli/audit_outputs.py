"""What `moemarket audit` leaves behind: files, a signature under them, an attestation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from marketplace.cli.arguments import open_account
from marketplace.protocol.errors import ConfigurationError

if TYPE_CHECKING:
    from eth_account.signers.local import LocalAccount

    from marketplace.audit import Report
    from marketplace.chain.client import Node
    from offchain.storage.store import Store


@dataclass(frozen=True)
class Outputs:
    """What was asked for on the command line.

    Attributes
    ----------
    report, html, csv
        Files to write.
    keystore, password_file, account
        Whose key signs; nobody's, if neither keystore nor account is given.
    attest
        Whether to put the finding on chain.
    """

    report: Path | None
    html: Path | None
    csv: Path | None
    keystore: Path | None
    password_file: Path | None
    account: int | None
    attest: bool

    @property
    def signed(self) -> bool:
        """Whether a key is given."""
        return self.keystore is not None or self.account is not None

    def require_possible(self, trade: str | None, rpc: str | None) -> None:
        """Require that all of it can be made, before the audit begins.

        Raises
        ------
        ConfigurationError
            If something is missing, or a file can't be written.
        """
        from marketplace.chain.files import require_writable

        if self.attest and (trade is None or rpc is None or not self.signed):
            raise ConfigurationError(
                "--attest puts one trade's finding on a live chain, signed by its auditor",
                "give --trade, --rpc, and --keystore or --account, too",
            )
        if self.signed and self.report is None and not self.attest:
            raise ConfigurationError(
                "a key is given and nothing is to be signed", "give --report or --attest, too"
            )
        for path in (self.report, self.html, self.csv):
            if path is not None:
                require_writable(path)

    def signer(self, node: Node) -> LocalAccount | None:
        """Open the account that signs; None if no key is given.

        Raises
        ------
        ConfigurationError, WrongChain
            If it does not open, or the chain is no devnet.
        """
        if not self.signed:
            return None
        return open_account(node, self.keystore, self.account or 0, self.password_file)

    def write(self, found: Report, signer: LocalAccount | None) -> None:
        """Write the files; a signature is said on standard error.

        Raises
        ------
        ConfigurationError
            If a file can't be written.
        """
        from marketplace.audit.reporting.ledger import ledger
        from marketplace.audit.reporting.page import page
        from marketplace.audit.reporting.signing import sign_report
        from marketplace.chain.files import write_whole

        if self.report is not None:
            content = found.to_bytes()
            write_whole(self.report, content)
            if signer is not None:
                signature, beside = sign_report(content, signer), signature_of(self.report)
                write_whole(beside, signature.to_bytes())
                click.echo(f"{beside}: {signer.address} signed {signature.report}", err=True)
        if self.html is not None:
            write_whole(self.html, page(found).encode())
        if self.csv is not None:
            write_whole(self.csv, ledger(found))


def attest_on_chain(
    found: Report, node: Node, store: Store, trade: bytes, auditor: LocalAccount
) -> None:
    """Store a report, and put on chain what the trade's auditor found.

    Raises
    ------
    TradeRefused
        If no finding by this account is due; nothing is stored then.
    ChainError, StorageError
        If the node or the store fails, or the store can only be read.
    """
    from marketplace.chain.market import Market
    from marketplace.roles.auditor import Auditor
    from offchain.exchange import Exchange
    from offchain.storage.cid import cid_of, cid_of_digest

    market = Market(node, found.market)
    role = Auditor(market, Exchange(store, auditor, market.encryption_key_of))
    content = found.to_bytes()
    names = ", ".join(sorted({check.name for check in found.objections}))
    finding = role.attest(trade, content, f"the audit objects: {names}" if names else None)
    role.record(trade, finding)
    click.echo(
        f"{auditor.address} {'approves' if finding.approved else 'does not approve'} on chain:"
        f" attestation {cid_of_digest(finding.report)} names report {cid_of(content)}",
        err=True,
    )


def signature_of(report: Path) -> Path:
    """Return where the signature under a report lies: ``report.sig.json`` for ``report.json``."""
    return report.with_suffix(".sig.json")
