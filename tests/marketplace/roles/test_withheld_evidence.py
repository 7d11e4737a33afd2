"""What a committee keeps from the panel, or gives it in another shape, counts against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from small_trade import StageAt, collude
from web3.types import RPCEndpoint

from marketplace.audit import audit
from marketplace.protocol.documents import (
    AttemptEvidence,
    DeliveryManifest,
    Sealed,
    TrainingRecord,
)
from marketplace.protocol.errors import (
    MissingContent,
    StorageError,
    StoreUnreachable,
    TradeRefused,
    UnreadableModel,
)
from marketplace.protocol.states import State
from marketplace.protocol.terms import AttemptFinding
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.juror import rule
from marketplace.scripted.trade import TradeRun
from offchain.oracle.case import passed_attempt
from offchain.storage.block import Cid
from offchain.storage.cid import cid_of_digest, digest_of
from offchain.storage.dag import leaf
from offchain.storage.disk import DiskStore
from offchain.storage.node import encode
from offchain.storage.store import Store

UNPUBLISHED = "the evidence is not published"
CLAIM = "the model can't be as good as that"
UNREADABLE = "what the committee published can't be read as the evidence that it named"


def challenged(run: TradeRun, *, published: bool = True) -> TradeRun:
    if published:
        run.leader().publish(run.trade_id)
    run.world.challenger.challenge(run.trade_id, CLAIM)
    return run


def second_half(run: TradeRun, *, before: int = 0) -> None:
    """Seal a block at the first second of the second half of the ruling window, or before it."""
    market = run.world.market
    (opened,) = (e["args"] for e in market.disputes(run.trade_id) if e["event"] == "Challenged")
    window = market.node.call(market.rules.functions.rulingWindow())
    moment = opened["deadline"] - window // 2 - before
    market.node.web3.provider.make_request(RPCEndpoint("evm_mine"), [moment])
    assert market.node.now() == moment


def without(run: TradeRun, lost: str, error: type[StorageError] = MissingContent) -> None:
    """Keep one CID from all jurors."""

    class Losing(DiskStore):
        def stream(self, cid: str, **limit: int) -> Iterator[bytes]:
            if cid == lost:
                raise error("it is not there", "ask for it")
            return super().stream(cid, **limit)

        def has(self, cid: str) -> bool:
            return cid != lost and super().has(cid)

    store = run.world.store
    assert isinstance(store, DiskStore)
    for juror in run.world.jurors:
        juror.exchange.store = Losing(store.path)


def ruled(run: TradeRun, models: dict[int, Sealed]) -> str | None:
    """Let the panel rule; return what it found wrong, if the verdict fell."""
    world = run.world
    found = rule(world.market, world.stranger, world.jurors, run.trade_id, models)
    assert found.attempt == 1
    return None if found.stands else found.finding


def finding_of(run: TradeRun) -> AttemptFinding:
    return passed_attempt(run.world.market, run.trade_id).finding


def evidence_of(run: TradeRun) -> AttemptEvidence:
    return run.world.buyer.exchange.read(AttemptEvidence, finding_of(run).evidence)


def sealed_of(run: TradeRun) -> Sealed:
    """Where the committee sealed the composite for its seats."""
    record = run.world.buyer.exchange.read(TrainingRecord, finding_of(run).training)
    assert record.composite is not None
    return record.composite


def reportable(stage: StageAt) -> tuple[TradeRun, AttemptFinding]:
    """Give a trade before its attempt, what is true of that, and a store that holds all of it."""
    return stage(State.GATED, store_of=State.SETTLED), finding_of(stage(State.SETTLED))


# ------------------------------------------------------------------- nothing published


def test_evidence_that_stays_withheld_overturns_in_the_second_half(stage: StageAt) -> None:
    run = challenged(stage(State.PASSED), published=False)
    world, market, trade_id = run.world, run.world.market, run.trade_id
    models = world.buyer.show_model(trade_id)
    second_half(run, before=1)
    with pytest.raises(TradeRefused, match=r"not published .*look again at [0-9]+"):
        world.jurors[0].examine(trade_id, models)
    second_half(run)
    assert ruled(run, models) == UNPUBLISHED
    market.node.advance_time(seconds_to_exit(market, trade_id))
    assert end_trade(market, world.stranger, trade_id) == State.REFUNDED
    report = audit(market.node.web3.provider, market.address, world.store)
    ruling = {check.name: check.verdict for check in report.checks}
    assert (ruling["dispute"], ruling["awards"]) == ("passed", "passed")


def test_what_is_published_late_is_looked_at(stage: StageAt) -> None:
    run = challenged(stage(State.PASSED), published=False)
    second_half(run)
    run.leader().publish(run.trade_id)
    assert ruled(run, run.world.buyer.show_model(run.trade_id)) is None


@pytest.mark.parametrize("part", ["votes", "openings"])
def test_each_part_of_the_evidence_is_due(stage: StageAt, part: str) -> None:
    run = challenged(stage(State.PASSED))
    without(run, getattr(evidence_of(run), part))
    models = run.world.buyer.show_model(run.trade_id)
    with pytest.raises(TradeRefused, match="the evidence of attempt 1 is not published"):
        run.world.jurors[0].examine(run.trade_id, models)
    second_half(run)
    assert ruled(run, models) == UNPUBLISHED


def test_a_store_that_does_not_answer_says_nothing_of_the_committee(stage: StageAt) -> None:
    run = challenged(stage(State.PASSED))
    without(run, evidence_of(run).votes, StoreUnreachable)
    second_half(run)
    with pytest.raises(StoreUnreachable):
        run.world.jurors[0].examine(run.trade_id, run.world.buyer.show_model(run.trade_id))


@pytest.mark.parametrize(
    "part",
    [
        lambda run: sealed_of(run).ciphertext,
        lambda run: sealed_of(run).envelope,
        lambda run: cid_of_digest(finding_of(run).delivery),
        lambda run: cid_of_digest(finding_of(run).training),
    ],
    ids=["ciphertext", "envelope", "delivery", "training record"],
)
def test_without_a_model_what_the_committee_sealed_must_be_there(
    stage: StageAt, part: Callable[[TradeRun], str]
) -> None:
    """Otherwise no seat, and no buyer, could hand it in."""
    run = challenged(stage(State.PASSED))
    second_half(run)
    with pytest.raises(TradeRefused, match="no model was handed in of attempt 1"):
        run.world.jurors[0].examine(run.trade_id, {})
    without(run, part(run))
    assert ruled(run, {}) == UNPUBLISHED


def test_a_record_that_names_no_sealed_model_withholds_it(stage: StageAt) -> None:
    run, true = reportable(stage)
    exchange = run.world.signers[0].exchange
    record = exchange.read(TrainingRecord, true.training)
    training = exchange.publish(record.model_copy(update={"composite": None}))
    collude(run, replace(true, training=training))
    challenged(run, published=False)
    with pytest.raises(TradeRefused, match="names no sealed model"):
        run.world.jurors[0].examine(run.trade_id, {})
    second_half(run)
    assert ruled(run, {}) == UNPUBLISHED


# ----------------------------------------------------- published, and not what it should be


def claiming_too_much(store: Store) -> str:
    """Store a file of one byte that says it has a tebibyte; returns its CID."""
    only = leaf(b"x")
    root = encode([only._replace(size=2**40)])
    store.put(b"x")
    store.put_blocks([(Cid.of("dag-pb", root), root)])
    return str(Cid.of("dag-pb", root))


@pytest.mark.parametrize("change", ["document", "votes", "votes' CID", "votes' size"])
def test_evidence_that_can_not_be_read_falls_at_once(stage: StageAt, change: str) -> None:
    run, true = reportable(stage)
    exchange = run.world.signers[0].exchange
    named = exchange.read(AttemptEvidence, true.evidence)
    if change == "document":
        digest = digest_of(run.world.store.put(b"no evidence"))
    else:
        store = run.world.store
        votes = {
            "votes": store.put(b"no votes"),
            "votes' CID": "no cid",
            "votes' size": claiming_too_much(store),
        }
        digest = exchange.publish(named.model_copy(update={"votes": votes[change]}))
    collude(run, replace(true, evidence=digest))
    challenged(run, published=False)
    assert ruled(run, {}) == UNREADABLE


def test_a_delivery_of_something_else_than_was_reported_falls(stage: StageAt) -> None:
    """The buyer can show no other model, so nobody could be asked for the right one."""
    run, true = reportable(stage)
    seat, buyer = run.world.signers[0], run.world.buyer
    readers = [seat.address, buyer.account.address]
    sealed = seat.exchange.seal(b"no model", run.trade_id, "composite/1", readers)
    manifest = DeliveryManifest(trade="0x" + run.trade_id.hex(), attempt=1, sealed=sealed)
    collude(run, replace(true, delivery=seat.exchange.publish(manifest)))
    challenged(run, published=False)
    why = "what the committee sealed is not the model that it reported"
    assert ruled(run, buyer.show_model(run.trade_id)) == why


@pytest.mark.parametrize("handed_in", ["nothing", "another model"])
def test_a_false_division_falls_though_nobody_hands_in_the_model(
    stage: StageAt, handed_in: str
) -> None:
    run, true = reportable(stage)
    first, second, *others = true.amounts
    collude(run, replace(true, amounts=(first + second, 0, *others)))
    challenged(run, published=False)
    panel = [juror.account.address for juror in run.world.jurors]
    other = run.world.buyer.exchange.seal(b"no model", run.trade_id, "composite/1", panel)
    found = ruled(run, {1: other} if handed_in == "another model" else {})
    assert found == "the expert pool is not divided by what the experts contributed"


def test_who_hands_in_another_model_makes_no_verdict_fall(stage: StageAt) -> None:
    run = challenged(stage(State.PASSED))
    panel = [juror.account.address for juror in run.world.jurors]
    other = run.world.buyer.exchange.seal(b"no model", run.trade_id, "composite/1", panel)
    second_half(run)
    with pytest.raises(UnreadableModel):
        run.world.jurors[0].examine(run.trade_id, {1: other})
