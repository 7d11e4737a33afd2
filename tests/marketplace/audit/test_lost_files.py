"""Each stored file of a trade lost in turn: the audit misses whatever an export would demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from audited_trade import LICENCE, UNSKILLED, AuditedTrade
from cases import case_of

from marketplace.audit import Report, audit
from marketplace.audit.auditor import replayed
from marketplace.audit.checks.documents import MOST_GAPS, check_documents
from marketplace.audit.holdings import holdings
from marketplace.protocol.disputes import Claim, Reexecution
from marketplace.protocol.documents import DataManifest
from offchain.storage.block import Cid
from offchain.storage.cid import cid_of, cid_of_digest, digest_of

BIG = bytes(range(256)) * 2_000
"""Of two blocks and a node."""


def audited(trade: AuditedTrade) -> Report:
    return audit(trade.market.node.web3.provider, trade.market.address, trade.store)


def documents(report: Report) -> tuple[str, str]:
    (check,) = (check for check in report.checks if check.name == "documents")
    return check.verdict, check.detail


@contextmanager
def lost(file: Path) -> Iterator[None]:
    away = file.with_name("away")
    file.rename(away)
    yield
    away.rename(file)


def seal_all(trade: AuditedTrade) -> None:
    """Let the training record name sealed evidence and the sealed composite."""
    trade.sealed_evidence = trade.seal("evidence")
    trade.sealed_composite = trade.seal("composite")


def require_each_file(trade: AuditedTrade, not_due: set[str]) -> None:
    """Lose each block of the store in turn, and hold the audit against an export's list."""
    provider, address = trade.market.node.web3.provider, trade.market.address
    history = replayed(provider, address)
    told, acts = history.trades[trade.id], history.disputes.acts[trade.id]
    whole = audited(trade)
    assert whole.ok, whole.objections
    assert not [held for held in holdings(told, acts, trade.store) if held.lacking]
    for file in trade.store.block_files():
        with lost(file):
            report = audited(trade)
            lacking = [held for held in holdings(told, acts, trade.store) if held.lacking]
        assert bool(lacking) == (file.name not in not_due), file.name
        assert report.ok == (not lacking), (file.name, lacking)
        if lacking:
            assert documents(report)[0] == "missing"
            # The log names the root of a file by its digest, so perhaps as if it were one block.
            names = file.name, cid_of_digest(Cid.parse(file.name).digest)
            assert any(name in documents(report)[1] for name in names)
    assert len(trade.store.block_files()) > 20


def test_each_file_of_a_settled_trade(trade: AuditedTrade) -> None:
    licence = digest_of(trade.store.put(BIG))
    trade = AuditedTrade(trade.market, trade.store, trade.parties, licence=licence)
    trade.to_gate()
    seal_all(trade)
    trade.attempt(UNSKILLED)
    trade.attempt()
    trade.attest(report=trade.store.put(b"the report of its own audit"))
    trade.finish()
    require_each_file(trade, {cid_of(LICENCE)})


def test_each_file_of_a_disputed_trade(trade: AuditedTrade) -> None:
    claim = Claim(trade=trade.name, claim="it is wrong")
    ruling = Reexecution(trade=trade.name, attempt=1, stands=True, finding="it is right")
    trade.claim, trade.ruling = claim.to_bytes(), ruling.to_bytes()
    trade.to_funded()
    trade.report_data(accepted=0b011)
    seal_all(trade)
    trade.attempt()
    trade.challenge()
    trade.uphold()
    trade.finish()
    assert trade.data is not None
    data = DataManifest.from_bytes(trade.store.get(cid_of_digest(trade.data.data_evidence)))
    refused = data.deliveries[2].sealed
    assert refused is not None
    require_each_file(trade, {refused.ciphertext, refused.envelope})


def test_what_is_altered_fails(trade: AuditedTrade) -> None:
    trade.to_passed()
    trade.finish()
    cid = cid_of_digest(trade.request.licence)
    (trade.store.path / "blocks" / cid).write_bytes(b"for ever")
    verdict, detail = documents(audited(trade))
    assert verdict == "failed"
    assert detail.startswith("licence: ")
    assert cid in detail


def test_a_stranger_s_names_are_not_asked_for_without_end(
    trade: AuditedTrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A challenger's document names hundreds of files that are nowhere."""
    gone = ",".join(f'"{cid_of(str(number).encode())}"' for number in range(500))
    trade.claim = f'{{"document":"claim","files":[{gone}]}}'.encode()
    trade.to_passed()
    trade.challenge()
    trade.uphold()
    trade.finish()
    asked: set[str] = set()
    case, block = case_of(trade), trade.store.block

    def watched(cid: Cid) -> bytes:
        asked.add(str(cid))
        return block(cid)

    monkeypatch.setattr(trade.store, "block", watched)
    assert check_documents(case).verdict == "missing"
    assert sum(cid_of(str(number).encode()) in asked for number in range(500)) == MOST_GAPS
