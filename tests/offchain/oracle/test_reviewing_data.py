"""Step 5 from a signer's seat: it signs what it finds itself, and nothing else."""

from __future__ import annotations

from itertools import product

import pytest
from small_trade import StageAt

from marketplace.protocol.documents import DataManifest, Delivery, Sealed
from marketplace.protocol.errors import MissingContent, ProtocolError, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataReport
from marketplace.protocol.typed_data import signer_of
from marketplace.scripted.trade import TradeRun
from offchain.oracle.case import accepted_quotes

TORN = 1  # which of the three deliveries is bad


def delivered(run: TradeRun) -> list[Sealed]:
    """Two good deliveries, and one that is cut in half; in the order of the quotes."""
    by_address = {provider.account.address: provider for provider in run.world.providers}
    quotes = accepted_quotes(run.world.market, run.trade_id)
    deliveries = [by_address[quote.provider].deliver(run.trade_id) for quote in quotes]
    bad = by_address[quotes[TORN].provider]
    purpose = f"data/{bad.account.address}"
    members, _ = run.world.market.current_committee()
    seat = run.world.signers[0]
    whole = seat.exchange.unseal(deliveries[TORN], run.trade_id, purpose)
    deliveries[TORN] = bad.exchange.seal(whole[: len(whole) // 2], run.trade_id, purpose, members)
    return deliveries


def manifest_of(
    run: TradeRun, deliveries: list[Sealed], accepted: tuple[bool, ...]
) -> DataManifest:
    return DataManifest(
        trade="0x" + run.trade_id.hex(),
        deliveries=tuple(
            Delivery(provider=quote.provider, sealed=sealed, accepted=good, reason="")
            for quote, sealed, good in zip(
                accepted_quotes(run.world.market, run.trade_id), deliveries, accepted, strict=True
            )
        ),
    )


def test_signs_what_it_finds(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    manifest = manifest_of(run, delivered(run), (True, False, True))
    evidence = seat.exchange.publish(manifest)
    signature = seat.review_data(run.trade_id, evidence)
    report = DataReport(run.trade_id, 1, 0b101, evidence)
    assert signer_of(run.world.market.domain, report, signature) == seat.address


def test_refuses_every_other_finding(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    deliveries = delivered(run)
    for accepted in product((True, False), repeat=3):
        if accepted == (True, False, True):
            continue
        evidence = seat.exchange.publish(manifest_of(run, deliveries, accepted))
        with pytest.raises(TradeRefused, match="this signer finds"):
            seat.review_data(run.trade_id, evidence)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda m: m.model_copy(update={"trade": "0x" + "ab" * 32}), "another trade"),
        (lambda m: m.model_copy(update={"deliveries": m.deliveries[:2]}), "not by"),
        (lambda m: m.model_copy(update={"deliveries": m.deliveries[::-1]}), "not by"),
        (lambda m: m.model_copy(update={"deliveries": (*m.deliveries, m.deliveries[0])}), "not by"),
        (lambda m: m.model_copy(update={"deliveries": ()}), "not by"),
    ],
    ids=["another trade", "one fewer", "another order", "one more", "none"],
)
def test_refuses_a_manifest_of_other_deliveries(
    stage: StageAt, change: object, reason: str
) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    manifest = manifest_of(run, delivered(run), (True, False, True))
    assert callable(change)
    with pytest.raises(TradeRefused, match=reason):
        seat.review_data(run.trade_id, seat.exchange.publish(change(manifest)))


def test_refuses_what_is_no_manifest(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    spec = bytes(run.world.market.event(run.trade_id, "ModelRequested")["request"]["spec"])
    with pytest.raises(ProtocolError, match="not a data-manifest"):
        seat.review_data(run.trade_id, spec)
    with pytest.raises(MissingContent):
        seat.review_data(run.trade_id, bytes(31) + b"\x01")


def test_refuses_once_the_data_are_reported(stage: StageAt) -> None:
    run = stage(State.DATA_DELIVERED)
    evidence = bytes(run.world.market.event(run.trade_id, "DataDelivered")["evidence"])
    with pytest.raises(TradeRefused, match=r"DATA_DELIVERED.*FUNDED"):
        run.world.signers[1].review_data(run.trade_id, evidence)


def test_refuses_after_the_deadline(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    evidence = run.world.signers[1].exchange.publish(
        manifest_of(run, delivered(run), (True, False, True))
    )
    run.world.market.node.advance_time(run.world.market.trade(run.trade_id).windows.delivery + 1)
    with pytest.raises(TradeRefused, match="was over"):
        run.world.signers[1].review_data(run.trade_id, evidence)
