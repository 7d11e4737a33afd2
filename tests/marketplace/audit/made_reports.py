"""Reports that no audit wrote, as short as a test needs them."""

from __future__ import annotations

from typing import Any

from marketplace.audit.report import AuditedTrade, Check, Report, Verdict
from marketplace.audit.reporting.records import Movement, Occurrence
from marketplace.protocol.terms import NATIVE
from offchain.storage.cid import cid_of

TOKEN = "0x" + "ab" * 20
MARKET = "0x" + "11" * 20
ONE, TWO = (f"0x{number:040x}" for number in (1, 2))
PROOF = cid_of(b"a proof")


def moved(payer_role: str, payee_role: str, **parts: Any) -> Movement:
    """Return a movement of one coin and a half, from `ONE` to `TWO` unless told otherwise."""
    told: dict[str, Any] = {
        "contract": MARKET,
        "block": 7,
        "transaction": "0x" + "77" * 32,
        "log_index": 0,
        "time": 0,
        "payer_role": payer_role,
        "payer": ONE,
        "payee_role": payee_role,
        "payee": TWO,
        "reason": "escrow",
        "currency": NATIVE,
        "amount": 15 * 10**17,
        "evidence": PROOF,
    }
    return Movement(**{**told, **parts})


def happened(time: int) -> Occurrence:
    """Return an event at some second since 1970."""
    return Occurrence(
        name="Happened",
        meaning="it happened",
        block=7,
        transaction="0x" + "77" * 32,
        log_index=0,
        time=time,
        evidence=(),
    )


def trade(*movements: Movement, name: str = "one", **parts: Any) -> AuditedTrade:
    told: dict[str, Any] = {"state": "SETTLED", "decimals": 18, "timeline": (), **parts}
    return AuditedTrade(id=name, movements=movements, **told)


def report(*trades: AuditedTrade, **parts: Any) -> Report:
    told: dict[str, Any] = {"checks": [], "movements": [], **parts}
    return Report.of(
        chain_id=1, market=MARKET, block=7, block_hash="0x" + "33" * 32, trades=trades, **told
    )


def check(name: str, of: str | None, verdict: Verdict = "passed") -> Check:
    return Check(trade=of, name=name, verdict=verdict, detail=f"{name} is as it should be")
