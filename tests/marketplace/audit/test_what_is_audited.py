"""Which trades an audit tells, which checks it makes, and when it holds answers against proofs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest
from audited_trade import AuditedTrade, Settled
from cast_of_trade import Cast

from marketplace.audit import auditor
from marketplace.audit.auditor import audit, begin
from marketplace.audit.checks import MARKET_CHECKS
from marketplace.audit.patterns import PATTERNS
from marketplace.audit.report import Report
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.errors import ConfigurationError
from offchain.storage.disk import DiskStore

OF_THE_CHAIN = {
    *("start", "anchor", "headers", "receipts", "transactions", "served-log", "log"),
    *("invariants", "solvency", "state-proofs"),
}
ALWAYS = {*OF_THE_CHAIN, *PATTERNS, *MARKET_CHECKS} - {"tenders", "payouts"}


def of_market(report: Report) -> set[str]:
    return {check.name for check in report.checks if check.trade is None}


def test_checks_of_a_market(settled: Settled) -> None:
    source = settled.chain, settled.market, settled.store
    assert of_market(audit(*source)) == ALWAYS
    assert of_market(audit(*source, follow_funds=True)) == {*ALWAYS, "funders"}


@pytest.mark.parametrize(
    ("named", "more"),
    [
        (("bids",), {"tenders", "bids"}),
        (("payouts",), {"payouts", "distributions"}),
        (("bids", "payouts"), {"tenders", "bids", "payouts", "distributions"}),
    ],
)
def test_contracts_that_the_auditor_names_have_checks_of_their_own(
    market: Market,
    store: DiskStore,
    deployment: Deployment,
    named: Collection[str],
    more: set[str],
) -> None:
    given: dict[str, Any] = {name: str(getattr(deployment, name)) for name in named}
    report = audit(market.node.web3.provider, market.address, store, **given)
    assert of_market(report) == ALWAYS | more


def test_only_trades_that_are_asked_for_are_told(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    first, second = (AuditedTrade(market, store, parties, salt=salt) for salt in ("one", "two"))
    for trade in (first, second):
        trade.ask()
    source = market.node.web3.provider, market.address, store

    def told(wanted: bytes | Collection[bytes] | None) -> tuple[list[str], bool]:
        report = audit(*source, trade=wanted)
        checked = {check.trade for check in report.checks} - {None}
        assert checked == {trade.id for trade in report.trades}
        assert all(trade.timeline for trade in report.trades)
        return [trade.id for trade in report.trades], bool(report.movements)

    assert told(None) == ([first.name, second.name], True)  # stakes moved, too
    assert told([second.id, first.id]) == ([first.name, second.name], False)
    assert told(second.id) == ([second.name], False)
    assert told([]) == ([], False)
    with pytest.raises(ConfigurationError, match=f"has no trade 0x{bytes(32).hex()}"):
        told([first.id, bytes(32)])


def test_many_answers_are_proven_before_the_next_trade(
    settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def left(most: int) -> int:
        """Return how many answers are not proven yet after the only trade, if `most` are kept."""
        monkeypatch.setattr(auditor, "ANSWERS_AT_ONCE", most)
        begun = begin(settled.chain, settled.market, settled.store)
        ((told, _),) = begun.trades()
        assert told.id == settled.trade.name
        unproven = len(begun.chain.answers)
        assert begun.proofs_check().verdict == "passed"
        return unproven

    asked = left(10**6)
    assert asked > 0
    assert left(asked + 1) == asked
    assert left(asked) == 0
