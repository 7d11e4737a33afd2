"""Step 5 from a signer's seat: it signs what it finds itself, and nothing else."""

from __future__ import annotations

from itertools import product

import pytest
from small_trade import StageAt

from marketplace.protocol.agreement import dropped_of, seats_in
from marketplace.protocol.documents import DataManifest, Delivery, Sealed
from marketplace.protocol.errors import MissingContent, ProtocolError, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataReport
from marketplace.protocol.typed_data import signer_of
from marketplace.scripted.trade import TradeRun
from offchain.oracle.case import accepted_quotes
from offchain.oracle.signer import NO_GATE

TORN = 1  # which of the three deliveries is bad


def delivered(run: TradeRun, *torn: int) -> list[Sealed]:
    """Good deliveries but for those that are cut in half, in the order of the quotes."""
    by_address = {provider.account.address: provider for provider in run.world.providers}
    quotes = accepted_quotes(run.world.market, run.trade_id)
    deliveries = [by_address[quote.provider].deliver(run.trade_id) for quote in quotes]
    members = run.world.market.current_committee().members
    seat = run.world.signers[0]
    for place in torn:
        bad = by_address[quotes[place].provider]
        purpose = f"data/{bad.account.address}"
        whole = seat.exchange.unseal(deliveries[place], run.trade_id, purpose)
        half = whole[: len(whole) // 2]
        deliveries[place] = bad.exchange.seal(half, run.trade_id, purpose, members)
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


def test_a_bad_delivery_is_left_out_and_the_rest_goes_on(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    market, quotes = run.world.market, accepted_quotes(run.world.market, run.trade_id)
    by_provider = dict(zip((q.provider for q in quotes), delivered(run, TORN), strict=True))
    manifest = run.leader().report_data(run.trade_id, by_provider, run.world.experts)
    assert [delivery.accepted for delivery in manifest.deliveries] == [True, False, True]
    assert run.state() == State.GATED
    agreed = market.agreement(run.trade_id)
    assert agreed.data is not None
    assert agreed.data.accepted == 0b101
    assert agreed.gate.dropped == quotes[TORN].price == dropped_of(agreed.supplies, 0b101)
    for place, quote in enumerate(quotes):
        assert market.credit_of(quote.provider) == (0 if place == TORN else quote.price)


def test_refuses_every_other_finding(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    deliveries = delivered(run, TORN)
    for accepted in product((True, False), repeat=3):
        if accepted == (True, False, True):
            continue
        evidence = seat.exchange.publish(manifest_of(run, deliveries, accepted))
        with pytest.raises(TradeRefused, match="this signer finds"):
            seat.review_data(run.trade_id, evidence, NO_GATE)


# ------------------------------------------------------------------ too few rows


def test_signs_a_report_without_a_gate_when_too_few_rows_are_left(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    manifest = manifest_of(run, delivered(run, 0, 1, 2), (False, False, False))
    evidence = seat.exchange.publish(manifest)
    signature = seat.review_data(run.trade_id, evidence, NO_GATE)
    report = DataReport(run.trade_id, 1, 0, (), (), evidence, NO_GATE)
    assert signer_of(run.world.market.domain, report, signature) == seat.address
    with pytest.raises(TradeRefused, match=r"0 rows are left of 100 .* a gate is there"):
        seat.review_data(run.trade_id, evidence, evidence)


def test_refuses_to_leave_out_the_gate_when_rows_are_left(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    evidence = seat.exchange.publish(manifest_of(run, delivered(run), (True, True, True)))
    with pytest.raises(TradeRefused, match=r"300 rows are left of 100 .* a gate is missing"):
        seat.review_data(run.trade_id, evidence, NO_GATE)


def test_too_few_rows_refund_the_buyer_and_pay_the_judges(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    market, buyer = run.world.market, run.world.buyer.account.address
    manifest = run.leader().report_data(run.trade_id, {}, run.world.experts)
    assert [delivery.reason for delivery in manifest.deliveries] == ["nothing was delivered"] * 3
    assert run.state() == State.REFUNDED
    deal = market.agreement(run.trade_id).deal
    data_price = sum(quote.price for quote in accepted_quotes(market, run.trade_id))
    pools = deal.expert_pool + deal.broker_fee + deal.auditor_fee + deal.protocol_fee
    assert market.credit_of(buyer) == pools + data_price
    signers = seats_in(market.status(run.trade_id).signers)
    case = run.world.signers[0].book.case(run.trade_id)
    paid = [market.credit_of(case.members[seat]) for seat in signers]
    assert sum(paid) == deal.oracle_fee
    assert min(paid) > 0


# ---------------------------------------------------------------- other evidence


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
    manifest = manifest_of(run, delivered(run, TORN), (True, False, True))
    assert callable(change)
    with pytest.raises(TradeRefused, match=reason):
        seat.review_data(run.trade_id, seat.exchange.publish(change(manifest)), NO_GATE)


def test_refuses_what_is_no_manifest(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    seat = run.world.signers[1]
    spec = run.world.market.agreement(run.trade_id).request.spec
    with pytest.raises(ProtocolError, match="not a data-manifest"):
        seat.review_data(run.trade_id, spec, NO_GATE)
    with pytest.raises(MissingContent):
        seat.review_data(run.trade_id, bytes(31) + b"\x01", NO_GATE)


def test_refuses_once_the_data_are_reported(stage: StageAt) -> None:
    run = stage(State.GATED)
    data = run.world.market.agreement(run.trade_id).data
    assert data is not None
    with pytest.raises(TradeRefused, match=r"GATED.*FUNDED"):
        run.world.signers[1].review_data(run.trade_id, data.data_evidence, data.gate_evidence)


def test_refuses_after_the_deadline(stage: StageAt) -> None:
    run = stage(State.FUNDED)
    market, seat = run.world.market, run.world.signers[1]
    manifest = manifest_of(run, delivered(run, TORN), (True, False, True))
    evidence = seat.exchange.publish(manifest)
    windows = market.status(run.trade_id).windows
    market.node.advance_time(windows.delivery + windows.judging + 1)
    with pytest.raises(TradeRefused, match="was over"):
        seat.review_data(run.trade_id, evidence, NO_GATE)
