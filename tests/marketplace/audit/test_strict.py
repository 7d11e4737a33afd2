"""Warnings on the command line: they fail the audit only when asked to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from audit_chain import QuickChain
from audited_trade import AuditedTrade
from cast_of_trade import Cast
from click.testing import CliRunner
from test_patterns import send

from marketplace.cli import main
from marketplace.protocol.errors import AuditFailed


def test_warnings_fail_a_strict_audit_only(
    trade: AuditedTrade, parties: Cast, tmp_path: Path
) -> None:
    send(trade.market, parties.buyer.address, parties.providers[0].address)
    trade.to_funded()
    saved = cast(QuickChain, trade.market.node.web3.provider).devnet.save(tmp_path / "chain")
    words = ["audit", "--chain", str(saved), "--market", trade.market.address, "--json"]
    words += ["--store", str(trade.store.path), "--follow-funds"]
    clean = CliRunner().invoke(main, words)
    assert clean.exit_code == 0, clean.output
    report = json.loads(clean.stdout)["data"]
    assert report["ok"] is True
    assert [c["name"] for c in report["checks"] if c["verdict"] == "warned"] == ["funders"]
    strict = CliRunner().invoke(main, [*words, "--strict"])
    assert strict.exit_code == AuditFailed.exit_code
