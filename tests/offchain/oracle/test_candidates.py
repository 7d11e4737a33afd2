"""Of several owners of one kind one takes part, drawn by what earlier trades say of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from small_trade import StageAt

from marketplace.protocol.documents import DataManifest, GateManifest
from marketplace.protocol.errors import QuorumNotReached
from marketplace.protocol.states import State
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from offchain.oracle import leader
from offchain.oracle.candidates import Mark, drawn, marks_of
from offchain.storage.cid import cid_of_digest

ONE, OTHER = "0x" + "1a" * 20, "0x" + "2B" * 20


def shares(marks: dict[str, Mark], draws: int = 2_000) -> dict[str, float]:
    found = Counter(drawn(number.to_bytes(32, "big"), "mlp", marks) for number in range(draws))
    return {owner: found[owner] / draws for owner in marks}


def test_the_draw_goes_by_the_weights() -> None:
    found = shares({ONE: Mark(8, 8), OTHER: Mark(8, 0)})  # 9 to 1
    assert found[ONE] == pytest.approx(0.9, abs=0.03)


def test_newcomers_are_drawn_beside_the_best() -> None:
    found = shares({ONE: Mark(1_000, 1_000), OTHER: Mark()})
    assert found[OTHER] == pytest.approx(1 / 3, abs=0.04)


def test_the_draw_is_the_same_in_any_order_and_another_for_another_kind() -> None:
    marks = {ONE: Mark(), OTHER: Mark()}
    turned = dict(reversed(marks.items()))
    ids = [number.to_bytes(32, "big") for number in range(64)]
    assert [drawn(i, "mlp", marks) for i in ids] == [drawn(i, "mlp", turned) for i in ids]
    assert [drawn(i, "mlp", marks) for i in ids] != [drawn(i, "cnn", marks) for i in ids]


def test_weights_are_shares_with_one_of_each() -> None:
    assert Mark().weight == 500_000
    assert Mark(2, 2).weight == 750_000
    assert Mark(2, 0).weight == 250_000


def twins(run: TradeRun) -> tuple[Expert, Expert]:
    """An owner of the first expert's kind, with an account that has no part in the trade."""
    first = run.world.experts[0]
    stranger = replace_account(run, first)
    return first, stranger


def replace_account(run: TradeRun, like: Expert) -> Expert:
    from offchain.exchange import Exchange

    exchange = Exchange(run.world.store, run.world.stranger, run.world.market.encryption_key_of)
    run.world.market.publish_encryption_key(run.world.stranger, exchange.key.public)
    return Expert(run.world.market, exchange, like.kind)


def deliveries_of(stage: StageAt) -> dict[str, object]:
    later = stage(State.GATED)
    data = later.world.market.agreement(later.trade_id).data
    assert data is not None
    manifest = later.world.signers[0].exchange.read(DataManifest, data.data_evidence)
    return {delivery.provider: delivery.sealed for delivery in manifest.deliveries}


def test_one_of_two_owners_of_a_kind_takes_part(stage: StageAt) -> None:
    deliveries = deliveries_of(stage)
    run = stage(State.FUNDED, store_of=State.GATED)
    first, second = twins(run)
    run.leader().report_data(run.trade_id, deliveries, [*run.world.experts, second])
    data = run.world.market.agreement(run.trade_id).data
    assert data is not None
    manifest = GateManifest.from_bytes(run.world.store.get(cid_of_digest(data.gate_evidence)))
    assert len(set(manifest.kinds)) == len(manifest.kinds) == len(run.world.experts)
    chosen = drawn(run.trade_id, first.kind, {first.address: Mark(), second.address: Mark()})
    assert chosen.lower() in manifest.candidates
    assert isinstance(run.progress, list)
    assert any(f"{chosen} was drawn of the kind {first.kind}" in line for line in run.progress)


def test_seats_refuse_two_owners_of_a_kind(stage: StageAt, monkeypatch: pytest.MonkeyPatch) -> None:
    deliveries = deliveries_of(stage)
    run = stage(State.FUNDED, store_of=State.GATED)
    _, second = twins(run)

    def both(book: object, case: object, owners: list[Expert], *_: object) -> dict[str, Expert]:
        return {owner.address.lower(): owner for owner in owners}

    monkeypatch.setattr(leader, "fit_owners", both)
    with pytest.raises(QuorumNotReached, match="a kind has two owners"):
        run.leader().report_data(run.trade_id, deliveries, [*run.world.experts, second])


def test_marks_count_what_was_delivered_before_the_request(stage: StageAt) -> None:
    run = stage(State.GATED)
    market, world = run.world.market, run.world
    absent, *present = world.experts
    run.leader().report_attempt(run.trade_id, present)
    owners = [expert.address for expert in (*world.experts,)]
    own = marks_of(market, world.signers[0].exchange, run.trade_id, owners)
    assert own == dict.fromkeys(owners, Mark())  # a trade says nothing of itself
    later = replace(run, seed=run.seed + 1, trade_id=b"", offer=None)
    later.request()
    marks = marks_of(market, world.signers[0].exchange, later.trade_id, owners)
    assert marks[absent.address] == Mark(due=1, delivered=0)
    assert [marks[one.address] for one in present] == [Mark(1, 1)] * len(present)
    stranger = marks_of(market, world.signers[0].exchange, later.trade_id, [ONE])
    assert stranger == {ONE: Mark()}


def test_attempts_after_the_request_do_not_count(stage: StageAt) -> None:
    run = stage(State.GATED)
    later = replace(run, seed=run.seed + 1, trade_id=b"", offer=None)
    later.request()
    run.leader().report_attempt(run.trade_id, run.world.experts)
    owners = [expert.address for expert in run.world.experts]
    marks = marks_of(run.world.market, run.world.signers[0].exchange, later.trade_id, owners)
    assert marks == dict.fromkeys(owners, Mark())


def test_a_lost_training_record_says_nothing(stage: StageAt) -> None:
    run = stage(State.GATED)
    proposal = run.leader().report_attempt(run.trade_id, run.world.experts)
    later = replace(run, seed=run.seed + 1, trade_id=b"", offer=None)
    later.request()
    cid = cid_of_digest(proposal.finding.training)
    (run.world.store.path / "blocks" / cid).unlink()  # type: ignore[attr-defined]  # on disk
    owners = [expert.address for expert in run.world.experts]
    marks = marks_of(run.world.market, run.world.signers[0].exchange, later.trade_id, owners)
    assert marks == dict.fromkeys(owners, Mark())
