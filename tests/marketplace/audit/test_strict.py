"""Warnings and gaps on the command line: they fail the audit only when asked to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

from audit_chain import QuickChain
from audited_trade import AuditedTrade
from cast_of_trade import Cast
from click.testing import CliRunner
from test_patterns import send
from test_wider_chains import deploy_code, forwarder_to

from marketplace.chain.market import Market
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


def test_what_could_not_be_checked_fails_an_audit_that_must_be_proven_only(
    trade: AuditedTrade, parties: Cast, tmp_path: Path
) -> None:
    """Of a finding that came through another contract no signature can be seen."""
    node, market = trade.market.node, trade.market.address
    through = Market(node, market)
    through.contract = node.contract(
        "ModelMarket", deploy_code(node, parties, forwarder_to(market))
    )
    trade.to_passed()
    trade.publish()
    trade.attest()
    trade.lapse()
    words = ["audit", "--market", market, "--store", str(trade.store.path)]

    def audited(name: str, *options: str) -> tuple[int, str]:
        saved = cast(QuickChain, node.web3.provider).devnet.save(tmp_path / name)
        ran = CliRunner().invoke(main, [*words, "--chain", str(saved), *options])
        return ran.exit_code, ran.stderr

    assert audited("before", "--proven") == (0, "")  # though nobody brought an anchor
    trade.market = through
    trade.settle()
    assert audited("after", "--strict") == (0, "")
    status, said = audited("after", "--proven")
    assert status == AuditFailed.exit_code
    assert "found no fault, but could not prove: audit-signature; ask a node" in said
