"""The report as objects, as JSON and on a terminal."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from audited_trade import Settled
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from rich.console import Console

from marketplace.audit import AuditedTrade, Check, Report, Verdict, audit
from marketplace.audit.report import MAX_DETAIL, counted, judged, listed, published_schema, shown
from marketplace.audit.reporting.records import Movement
from marketplace.audit.terminal import show_report
from marketplace.protocol.errors import ProtocolError
from marketplace.protocol.terms import NATIVE
from offchain.storage.disk import DiskStore

RUNNING, ENDED = "0x" + "01" * 32, "0x" + "02" * 32


def report_with(trade: str | None, verdict: Verdict, detail: str = "so it is") -> Report:
    return Report.of(
        chain_id=31337,
        market="0x" + "ab" * 20,
        block=7,
        block_hash="0x" + "cd" * 32,
        trades=[AuditedTrade(id=RUNNING, state="GATED"), AuditedTrade(id=ENDED, state="FAILED")],
        checks=[Check(trade=trade, name="sums", verdict=verdict, detail=detail)],
    )


@pytest.mark.parametrize(
    ("trade", "verdict", "ok"),
    [
        (ENDED, "passed", True),
        (ENDED, "failed", False),
        (ENDED, "missing", False),
        (ENDED, "sealed", True),
        (ENDED, "open", True),
        (ENDED, "unchecked", True),
        (ENDED, "warned", True),
        (RUNNING, "failed", False),
        (RUNNING, "missing", True),
        (None, "failed", False),
        (None, "missing", False),
        (None, "passed", True),
    ],
)
def test_failures_and_missing_evidence_of_ended_trades_speak_against(
    trade: str | None, verdict: Verdict, ok: bool
) -> None:
    report = report_with(trade, verdict)
    assert report.ok is ok
    assert len(report.objections) == (not ok)


def test_json_has_the_published_shape(settled: Settled) -> None:
    report = audit(settled.chain, settled.market, settled.store)
    content = json.loads(json.dumps(report.to_json()))
    assert content["document"] == "audit-report"
    assert content.keys() == {
        "document",
        "chainId",
        "market",
        "block",
        "blockHash",
        "ok",
        "trades",
        "checks",
        "movements",
    }
    assert content["checks"][0].keys() == {"trade", "name", "verdict", "detail"}
    assert Report.from_bytes(json.dumps(content).encode()) == report
    assert published_schema()["properties"].keys() == content.keys()


def test_equal_chains_give_equal_bytes(settled: Settled) -> None:
    one, other = (audit(settled.chain, settled.market, settled.store) for _ in range(2))
    assert one.to_bytes() == other.to_bytes()


def test_a_report_that_contradicts_itself_is_refused() -> None:
    content = report_with(ENDED, "failed").to_json() | {"ok": True}
    with pytest.raises(ProtocolError, match="ok contradicts the checks"):
        Report.from_bytes(json.dumps(content).encode())


def test_an_unheard_of_verdict_is_refused() -> None:
    with pytest.raises(ValidationError):
        Check(trade=None, name="sums", verdict="maybe", detail="")  # type: ignore[arg-type]  # what must fail


def test_faults_are_listed_and_none_is_a_pass() -> None:
    assert judged([], "all well") == ("passed", "all well")
    assert judged(["one", "two"], "all well") == ("failed", "one; two")


def test_numbers_and_nouns_agree() -> None:
    assert [counted(number, "fee") for number in (0, 1, 2)] == ["0 fees", "1 fee", "2 fees"]


@given(st.lists(st.text()))
def test_a_detail_is_one_printable_line(sentences: list[str]) -> None:
    detail = listed(sentences)
    assert detail.isprintable()
    assert len(detail) <= MAX_DETAIL


@pytest.mark.parametrize(
    ("length", "cut"), [(MAX_DETAIL - 1, 0), (MAX_DETAIL, 0), (MAX_DETAIL + 1, 1)]
)
def test_a_detail_is_cut_only_where_it_is_too_long(length: int, cut: int) -> None:
    detail = listed(["x" * length])
    assert len(detail) == min(length, MAX_DETAIL)
    assert detail.count("…") == cut


@pytest.mark.parametrize(
    ("state", "ended"), [("GATED", False), ("SETTLED", True), ("FORGOTTEN", False)]
)
def test_a_state_that_nobody_knows_is_no_end(state: str, ended: bool) -> None:
    assert AuditedTrade(id=RUNNING, state=state).ended is ended


def printed(report: Report) -> str:
    screen = StringIO()
    show_report(Console(file=screen, width=200), report)
    return screen.getvalue()


def test_the_terminal_shows_every_check_and_the_outcome(settled: Settled, tmp_path: object) -> None:
    report = audit(settled.chain, settled.market, settled.store)
    screen = printed(report)
    assert all(check.name in screen for check in report.checks)
    assert f"trade {settled.trade.name}: SETTLED" in screen
    assert "nothing speaks against" in screen
    empty = audit(settled.chain, settled.market, DiskStore(str(tmp_path)))
    assert "objections: allocation, documents, gate" in printed(empty)


def test_words_of_strangers_are_not_markup() -> None:
    screen = printed(report_with(ENDED, "failed", "[bold red]paid[/bold red] [/nonsense]"))
    assert "[bold red]paid[/bold red] [/nonsense]" in screen


@pytest.mark.parametrize("decimals", [6, None])
def test_the_native_coin_has_its_own_decimals(decimals: int | None) -> None:
    trade = AuditedTrade(id=ENDED, state="FAILED", decimals=decimals)
    token, where = "0x" + "ef" * 20, {"block": 7, "transaction": RUNNING, "log_index": 0, "time": 9}
    digits = {}
    for currency in (NATIVE, token):
        moved = Movement(
            contract="0x" + "ab" * 20,
            payer_role="escrow",
            payer="0x" + "ab" * 20,
            payee_role="expert",
            payee="0x" + "cd" * 20,
            reason="expert",
            currency=currency,
            amount=5,
            evidence=None,
            **where,
        )
        digits[currency] = trade.decimals_of(moved)
    assert digits == {NATIVE: 18, token: decimals}


@pytest.mark.parametrize(("value", "said"), [(b"\x01\xff", "0x01ff"), (7, "7"), ("so", "so")])
def test_values_are_shown_to_people(value: object, said: str) -> None:
    assert shown(value) == said
