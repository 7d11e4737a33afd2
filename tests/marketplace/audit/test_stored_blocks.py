"""No byte of a settled trade's store can change without the audit's objection."""

from __future__ import annotations

from pathlib import Path

from audited_trade import AuditedTrade

from marketplace.audit import audit


def test_one_altered_byte_in_any_stored_block_is_named(trade: AuditedTrade, tmp_path: Path) -> None:
    trade.to_gate()
    trade.attempt()
    trade.attest()
    trade.finish()
    blocks = sorted(path for path in (tmp_path / "store" / "blocks").rglob("*") if path.is_file())
    assert len(blocks) > 20
    for block in blocks:
        good = block.read_bytes()
        block.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
        report = audit(trade.market.node.web3.provider, trade.market.address, trade.store)
        assert not report.ok, f"{block.name} was altered unnoticed"
        block.write_bytes(good)
