"""The audit from a terminal: one source, one verdict, one object."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import Run, Serve

from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.protocol.errors import (
    AuditFailed,
    ConfigurationError,
    MarketError,
    NoContract,
    WrongChain,
)
from marketplace.protocol.states import State


def test_a_clean_audit(run: Run, serve: Serve) -> None:
    served = serve(State.PASSED)
    words = ("audit", *served.place, "--store", served.store)
    report = run(*words, "--json").data
    assert report["ok"] is True
    assert [(told["id"], told["state"]) for told in report["trades"]] == [(served.trade, "PASSED")]
    shown = run(*words, "--trade", served.trade, "--chain-id", "31337")
    assert shown.status == 0
    assert "unanchored" in shown.out
    anchored = run(*words, "--anchor", report["blockHash"], "--from-block", "1", "--json").data
    verdicts = {check["name"]: check["verdict"] for check in anchored["checks"]}
    assert {verdicts[name] for name in ("anchor", "start", "headers", "receipts")} == {"passed"}
    wrong = run(*words, "--anchor", "0x" + "ab" * 32)
    assert wrong.status == AuditFailed.exit_code
    assert "anchor" in wrong.out.splitlines()[-1]
    assert "nothing speaks against what was paid" in shown.out


def test_an_audit_that_finds_a_fault(run: Run, serve: Serve) -> None:
    """The trade is settled, and its evidence is in another store."""
    served = serve(State.SETTLED, store_of=State.PASSED)
    words = ("audit", *served.place, "--store", served.store)
    ran = run(*words, "--json")
    assert ran.status == AuditFailed.exit_code == 50
    envelope = json.loads(ran.out)
    assert envelope["ok"] is False
    assert envelope["error"]["kind"] == "AuditFailed"
    assert envelope["data"]["ok"] is False
    assert "missing" in {check["verdict"] for check in envelope["data"]["checks"]}
    shown = run(*words)
    assert shown.status == 50
    assert "objections: " in shown.out
    assert shown.err == "error: the audit found a fault; read the checks that did not pass\n"


NOBODY = well_known_accounts()[9].address


def test_what_can_not_be_audited(run: Run, serve: Serve) -> None:
    served = serve(State.REQUESTED)
    rpc, market = ("--rpc", served.url), ("--market", served.market)
    Path("torn").write_bytes(b"moemarket-devnet/1\n{")
    cases: list[tuple[tuple[str, ...], type[MarketError]]] = [
        (market, ConfigurationError),
        ((*rpc, "--chain", "torn", *market), ConfigurationError),
        (("--chain", "nowhere", *market), ConfigurationError),
        (("--chain", "torn", *market), ConfigurationError),
        ((*rpc, "--market", "0xabc"), ConfigurationError),
        ((*rpc, "--market", NOBODY), NoContract),
        ((*rpc, *market, "--trade", "1"), ConfigurationError),
        ((*rpc, *market, "--trade", "0x" + "11" * 32), ConfigurationError),
        ((*rpc, *market, "--anchor", "0x12"), ConfigurationError),
        ((*rpc, *market, "--chain-id", "1"), WrongChain),
    ]
    for words, error in cases:
        ran = run("audit", "--store", served.store, *words)
        assert ran.status == error.exit_code, (words, ran.err)
        assert ran.err.startswith("error: ")
        assert ran.err.count("\n") == 1
        assert ran.out == ""
