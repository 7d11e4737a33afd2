"""A provider sells a copy of another's rows: it is not paid, and the trade goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from small_trade import SMALL, fresh_run

from marketplace.protocol.documents import DataManifest
from marketplace.protocol.states import State
from marketplace.scripted.summary import summarise

COPIED = replace(SMALL, name="copied", copying_providers=1)


def test_a_copy_is_left_out_with_its_reason(tmp_path: Path) -> None:
    run = fresh_run(COPIED, tmp_path)
    assert run.play() == State.SETTLED
    copier, _, original = run.world.providers
    assert len(copier.dataset) == 80
    payments = {line.account: line.amount for line in summarise(run).payments}
    assert copier.account.address not in payments
    assert payments[original.account.address] == 100 * original.row_price
    digest = run.world.market.event(run.trade_id, "DataReported")["report"]["dataEvidence"]
    manifest = run.world.buyer.exchange.read(DataManifest, bytes(digest))
    (left_out,) = (delivery for delivery in manifest.deliveries if not delivery.accepted)
    assert left_out.provider == copier.account.address
    name = original.account.address.lower()
    assert left_out.reason == f"of 80 rows 0 are equal to rows of {name}, 80 nearly"
