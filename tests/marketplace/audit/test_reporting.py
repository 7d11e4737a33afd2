"""What an audit hands over: schema, timeline, ledger, page and signature."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from html import escape
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from audited_trade import UNSKILLED, AuditedTrade, Settled
from eth_account import Account
from jsonschema import Draft202012Validator

from marketplace.audit import Report, audit
from marketplace.audit.report import published_schema
from marketplace.audit.reporting.flow import flow
from marketplace.audit.reporting.ledger import COLUMNS, guarded, ledger
from marketplace.audit.reporting.page import page
from marketplace.audit.reporting.purposes import purpose_of
from marketplace.audit.reporting.signing import (
    ReportSignature,
    report_signer,
    sign_report,
)
from marketplace.audit.reporting.words import decimal, moment, money, short, span
from marketplace.protocol.agreement import price_of
from marketplace.protocol.documents import MAX_DOCUMENT_BYTES
from marketplace.protocol.errors import BadSignature, ProtocolError
from marketplace.protocol.terms import NATIVE
from offchain.storage.cid import cid_of_digest
from offchain.storage.disk import DiskStore

SCHEMA = Path(__file__).parents[3] / "docs" / "audit-report.schema.json"
ACCOUNT = Account.from_key("0x" + "42" * 32)
HOSTILE = "=cmd|'/c calc'!A0<script>alert(\"x\")</script><img src=//evil onerror=1>]]>&"


@pytest.fixture(scope="module")
def report(settled: Settled) -> Report:
    return audit(settled.chain, settled.market, settled.store)


def lines_of(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(ledger(report).decode("utf-8-sig"), newline="")))


def hostile(report: Report) -> Report:
    """The same report, whose strangers chose their words and names to do harm."""
    (trade,) = report.trades
    events = [each.model_copy(update={"name": HOSTILE, "meaning": HOSTILE, "evidence": (HOSTILE,)})
              for each in trade.timeline]  # fmt: skip
    named = ("payer", "payee", "payer_role", "payee_role", "currency", "transaction", "evidence")
    moved = [each.model_copy(update=dict.fromkeys(named, HOSTILE)) for each in trade.movements]
    kept = trade.movements[:1]
    trades = trade.model_copy(
        update={"id": HOSTILE, "state": HOSTILE, "timeline": events, "movements": [*kept, *moved]}
    )
    checks = [each.model_copy(update={"name": HOSTILE, "detail": HOSTILE, "trade": HOSTILE})
              for each in report.checks]  # fmt: skip
    told = {"market": HOSTILE, "block_hash": HOSTILE, "trades": (trades,), "checks": checks}
    return report.model_copy(update=told)


# ----------------------------------------------------------------------- schema


def test_the_published_schema_is_that_of_the_reports() -> None:
    assert json.loads(SCHEMA.read_text()) == published_schema()


def test_a_real_report_has_the_published_shape(report: Report) -> None:
    schema, content = json.loads(SCHEMA.read_text()), json.loads(report.to_bytes())
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert content["trades"][0]["movements"]
    assert [fault.message for fault in validator.iter_errors(content)] == []
    content["trades"][0]["movements"][0]["amount"] = 7  # a number would be rounded by readers
    content["trades"][0]["timeline"][0]["surprise"] = None
    assert len(list(validator.iter_errors(content))) == 2


def test_a_report_is_read_back_as_it_was(report: Report) -> None:
    assert Report.from_bytes(report.to_bytes()) == report
    for wrong in (b"", b"[]", b'{"document":"attestation"}', report.to_bytes()[:-1]):
        with pytest.raises(ProtocolError):
            Report.from_bytes(wrong)


def test_a_report_of_many_trades_is_read_and_signed_like_any_other(report: Report) -> None:
    many = report.model_copy(update={"trades": report.trades * 60, "checks": report.checks * 60})
    content = many.to_bytes()
    assert len(content) > MAX_DOCUMENT_BYTES
    assert Report.from_bytes(content) == many
    assert report_signer(content, sign_report(content, ACCOUNT)) == ACCOUNT.address


# ------------------------------------------------------------ what happened


def test_the_timeline_has_every_event_of_the_trade(report: Report, settled: Settled) -> None:
    (told,) = report.trades
    names = [event.name for event in told.timeline]
    assert names[0] == "ModelRequested"
    assert names.count("AttemptReported") == 2
    assert names[-2:] == ["TradeEnded", "ScoresOpened"]
    places = [(event.block, event.log_index) for event in told.timeline]
    assert places == sorted(places)
    assert all(event.meaning for event in told.timeline)
    reads = {cid for event in told.timeline for cid in event.evidence}
    assert cid_of_digest(settled.trade.request.licence) in reads
    assert all(settled.store.get(cid) for cid in reads)


def test_movements_are_what_the_market_locked_and_paid(report: Report, settled: Settled) -> None:
    (told,) = report.trades
    price = price_of(settled.trade.quote, settled.trade.request.fee_bps)[0]
    locked = [m.amount for m in told.movements if m.reason == "escrow"]
    assert locked == [price]
    paid = Counter[str]()
    for moved in told.movements[1:]:
        assert moved.payer == settled.market
        paid[moved.payee] += moved.amount
    for payee, amount in paid.items():
        still = settled.trade.market.credit_of(payee, NATIVE)
        assert still in (0, amount)  # some have withdrawn
    assert told.held == 0


def test_money_of_a_dispute_is_told_beside_the_escrow(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    trade.attempt(UNSKILLED, passed=True, seats=(0, 1, 2), verdicts=(1, 2))
    trade.challenge()
    trade.overturn()
    trade.publish()
    trade.lapse()
    trade.settle()
    told = audit_of(trade).trades[0]
    assert told.held == 0
    by_reason = Counter[str]()
    for moved in told.movements:
        by_reason[moved.reason] += moved.amount
    assert by_reason["bond"] > 0
    assert by_reason["slash"] > 0
    assert by_reason["award"] == by_reason["bond"] + by_reason["slash"]
    assert flow(told, 1).count("<svg") == 2


def test_a_running_trade_holds_what_was_not_paid_yet(trade: AuditedTrade) -> None:
    trade.to_gate()
    trade.attempt(UNSKILLED)
    told = audit_of(trade).trades[0]
    data = sum(m.amount for m in told.movements if m.reason == "data")
    assert told.held == price_of(trade.quote, trade.request.fee_bps)[0] - data > 0


def audit_of(trade: AuditedTrade) -> Report:
    return audit(trade.market.node.web3.provider, trade.market.address, trade.store)


# ----------------------------------------------------------------------- ledger


def test_the_ledger_has_a_line_for_each_withdrawal(report: Report, settled: Settled) -> None:
    lines = [line for line in lines_of(report) if line["purpose"] == "withdrawal"]
    parties = settled.trade.parties
    who = [parties.providers[0].address, parties.broker.address]
    assert [line["from account"] for line in lines] == who
    assert [line["to account"] for line in lines] == who
    assert {line["trade"] for line in lines} == {""}
    paid = Counter[str]()
    for moved in report.trades[0].movements:
        paid[moved.payee] += moved.amount
    for line in lines:
        assert int(line["amount (smallest unit)"]) == paid[line["from account"]]
        assert line["amount"] == decimal(paid[line["from account"]], 18)


def test_a_report_on_one_trade_tells_of_no_withdrawals(settled: Settled) -> None:
    one = audit(settled.chain, settled.market, settled.store, trade=settled.trade.id)
    assert one.movements == ()


def test_the_ledger_sums_to_the_escrow(report: Report, settled: Settled) -> None:
    lines = [line for line in lines_of(report) if line["trade"]]
    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == len(report.trades[0].movements)
    amounts = [int(line["amount (smallest unit)"]) for line in lines]
    into = [line["to role"] == "escrow" for line in lines]
    locked = sum(n for n, inwards in zip(amounts, into, strict=True) if inwards)
    assert locked == price_of(settled.trade.quote, settled.trade.request.fee_bps)[0]
    assert sum(amounts) == 2 * locked
    for line, amount in zip(lines, amounts, strict=True):
        whole, _, rest = line["amount"].partition(".")
        assert int(whole) * 10**18 + int(rest.ljust(18, "0")) == amount
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line["time"])
        assert line["trade"] == settled.trade.name


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert guarded(f"{start}1+1") == f"'{start}1+1"
    assert guarded(f"1{start}1") == f"1{start}1"


def test_hostile_names_are_words_in_the_ledger(report: Report) -> None:
    for line in lines_of(hostile(report)):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in line.values())
    assert lines_of(hostile(report))[1]["from account"] == f"'{HOSTILE}"


@pytest.mark.parametrize(
    ("amount", "decimals", "shown"),
    [
        (0, 18, "0"),
        (1, 18, "0.000000000000000001"),
        (10**18, 18, "1"),
        (2**256 - 1, 0, str(2**256 - 1)),
        (1_250_000, 6, "1.25"),
        (100, 0, "100"),
    ],
)
def test_amounts_are_shifted_exactly(amount: int, decimals: int, shown: str) -> None:
    assert decimal(amount, decimals) == shown


def test_words_for_people() -> None:
    assert money(15, NATIVE, 1) == "1.5 coins"
    assert money(15, "0xabc", None) == "15 smallest units of 0xabc"
    assert moment(0) == "1970-01-01T00:00:00Z"
    assert span(0) == "at once"
    assert span(1) == "1 second"
    assert span(86_400 + 3_601) == "1 day 1 hour"
    assert span(2 * 86_400 + 60) == "2 days 1 minute"
    assert short("x" * 17) == "x" * 17
    assert short("a" * 9 + "b" * 9) == "aaaaaaaa…bbbbbbbb"


@pytest.mark.parametrize("seconds", [253_402_300_800, 2**56, 2**64])
def test_a_time_that_no_calendar_has_is_a_number(seconds: int) -> None:
    assert moment(seconds) == str(seconds)  # too late for people, for the system, for a machine


# ------------------------------------------------------------------------- page


class Reader(HTMLParser):
    """Notes every tag, and refuses what isn't closed."""

    VOID = ("meta", "br", "line", "path", "rect", "!doctype")

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.names: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.names += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_says_all_of_it_and_needs_nothing_else(report: Report) -> None:
    reader = read(page(report))
    (told,) = report.trades
    for said in (
        *(check.detail for check in report.checks),
        *(event.meaning for event in told.timeline),
        *(cid for event in told.timeline for cid in event.evidence),
        *(moved.payee for moved in told.movements),
        *(str(moved.amount) for moved in told.movements),
        report.block_hash,
        "Nothing speaks against what was paid.",
        "prefers-color-scheme: dark",
        "@media print",
    ):
        assert said in reader.words
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & set(reader.tags)
    held = {"src", "href", "style", "xlink:href", "srcset"}
    assert {value for name, value in reader.names if name in held} == {"#trade-1"}
    assert "url(" not in page(report)
    assert "@import" not in page(report)
    assert all(purpose_of(check.name) for check in report.checks)


def test_pictures_are_named_and_say_who_paid_whom(report: Report) -> None:
    (told,) = report.trades
    svg = "{http://www.w3.org/2000/svg}"
    picture = ElementTree.fromstring(flow(told, 1))  # noqa: S314  # our own words
    ids = {part.get("id") for part in picture if part.tag in (f"{svg}title", f"{svg}desc")}
    assert ids == set(picture.attrib["aria-labelledby"].split())
    tips = [group.findtext(f"{svg}title") for group in picture.iter(f"{svg}g")]
    assert len(tips) == len(told.movements)
    for moved, tip in zip(told.movements, tips, strict=True):
        assert tip is not None
        assert f"{moved.payer} to {moved.payee}: {decimal(moved.amount, 18)} coins" in tip
        assert f"evidence {moved.evidence}" in tip


def test_hostile_words_stay_words(report: Report) -> None:
    text = page(hostile(report))
    reader = read(text)
    assert HOSTILE in reader.words
    assert escape(HOSTILE) in text
    assert not {"script", "img"} & set(reader.tags)
    assert not any(name.startswith("on") for name, _ in reader.names)
    assert set(reader.tags) == set(read(page(report)).tags)


def test_objections_are_at_the_top(report: Report, settled: Settled, tmp_path: Path) -> None:
    empty = audit(settled.chain, settled.market, DiskStore(tmp_path))
    words = read(page(empty)).words
    names = ", ".join(sorted({check.name for check in empty.objections}))
    assert f"Objections: {names}." in words
    assert "Nothing speaks against" not in words


def test_a_market_without_trades_was_not_audited(settled: Settled) -> None:
    none = audit(settled.chain, settled.market, settled.store, trade=())
    assert "nothing was audited" in page(none)
    assert lines_of(none) == []


# -------------------------------------------------------------------- signature


def test_a_signature_names_its_signer(report: Report) -> None:
    content = report.to_bytes()
    signature = sign_report(content, ACCOUNT)
    assert ReportSignature.from_bytes(signature.to_bytes()) == signature
    assert report_signer(content, signature) == ACCOUNT.address


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1},
        {"market": NATIVE},
        {"block": 1},
        {"block_hash": "0x" + "00" * 32},
        {"ok": False},
        {"signer": NATIVE},
        {"signature": "0x"},
        {"signature": "no hex"},
        {"signature": "0x" + "11" * 65},
        {"report": "bafkreib47y4ibw7u4hju4zjqgzq5ak6yaht72o5qgpj26isdxfflpsykfu"},
    ],
    ids=lambda change: f"{next(iter(change))}",
)
def test_a_signature_under_something_else_is_refused(
    report: Report, change: dict[str, object]
) -> None:
    content = report.to_bytes()
    signature = sign_report(content, ACCOUNT).model_copy(update=change)
    with pytest.raises(BadSignature):
        report_signer(content, signature)


def test_no_byte_of_a_signed_report_can_change(report: Report) -> None:
    content = report.to_bytes()
    signature = sign_report(content, ACCOUNT)
    with pytest.raises(BadSignature, match="was signed"):
        report_signer(content + b"\n", signature)


@pytest.mark.parametrize("block_hash", ["", "no hex", "0x12", "0x" + "12" * 33])
def test_a_report_that_names_no_block_can_not_be_signed(report: Report, block_hash: str) -> None:
    content = report.model_copy(update={"block_hash": block_hash}).to_bytes()
    with pytest.raises(ProtocolError, match="the report names no block"):
        sign_report(content, ACCOUNT)
