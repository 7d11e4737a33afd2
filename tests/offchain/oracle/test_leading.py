"""The leader goes on when a seat or an expert fails, and sends nothing without a quorum."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from small_trade import StageAt

from marketplace.chain.market import Market
from marketplace.protocol.documents import GateManifest, SettlementEvidence, TrainingRecord
from marketplace.protocol.errors import QuorumNotReached, TradeRefused
from marketplace.protocol.states import State
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from offchain.exchange import Exchange
from offchain.oracle.experts import ExpertOwner, TrainedModel, TrainingJob
from offchain.oracle.leader import OracleLeader
from offchain.oracle.signer import OracleSigner, Verdict
from offchain.storage.cid import cid_of
from offchain.storage.disk import DiskStore


class Turncoat(OracleSigner):
    """Signs what it is asked to, as somebody else's report."""

    def review_attempt(self, trade_id: bytes, proposal: object) -> Verdict:
        return Verdict(bytes(32), bytes(64) + b"\x1b")

    def review_gate(self, trade_id: bytes, evidence: bytes) -> bytes:
        return super().review_gate(trade_id, evidence)[::-1]


def blind(seat: OracleSigner, folder: Path) -> OracleSigner:
    """The same seat, whose store has nothing in it."""
    cut_off = rejoin_seat(seat)
    cut_off.exchange.store = DiskStore(folder / "empty")
    return cut_off


def rejoin_seat(seat: OracleSigner, kind: type[OracleSigner] = OracleSigner) -> OracleSigner:
    exchange = Exchange(seat.exchange.store, seat.account, seat.market.encryption_key_of)
    return kind(Market(seat.market.node, seat.market.address), exchange)


def lead(run: TradeRun, *peers: OracleSigner) -> OracleLeader:
    return OracleLeader(run.world.signers[0], peers, run.progress)


def said(run: TradeRun) -> str:
    assert isinstance(run.progress, list)
    return "\n".join(run.progress)


# ------------------------------------------------------------------------ seats


@pytest.mark.parametrize("place", [1, 2])
def test_another_peer_signs_when_one_refuses(stage: StageAt, tmp_path: Path, place: int) -> None:
    run = stage(State.DATA_DELIVERED)
    peers = list(run.world.signers[1:])
    peers[place - 1] = blind(peers[place - 1], tmp_path)
    lead(run, *peers).report_gate(run.trade_id, run.world.experts)
    assert run.state() == State.GATED


def test_a_refusal_is_told_with_its_reason(stage: StageAt, tmp_path: Path) -> None:
    run = stage(State.DATA_DELIVERED)
    peers = [blind(seat, tmp_path) for seat in run.world.signers[1:]]
    with pytest.raises(QuorumNotReached, match=r"1 of 2 .*: block .* is not in the store"):
        lead(run, *peers).report_gate(run.trade_id, run.world.experts)
    for peer in peers:
        assert f"{peer.address} does not sign: block" in said(run)


def test_a_seat_that_signs_otherwise_costs_no_transaction(stage: StageAt) -> None:
    run = stage(State.DATA_DELIVERED)
    _, second, third = run.world.signers
    sent = len(run.world.market.node.gas_records)
    leader = lead(run, rejoin_seat(second, Turncoat), rejoin_seat(third, Turncoat))
    with pytest.raises(QuorumNotReached, match="1 of 2 needed oracles signed") as seen:
        leader.report_gate(run.trade_id, run.world.experts)
    assert second.address[:10] in str(seen.value)
    assert third.address[:10] in str(seen.value)
    assert len(run.world.market.node.gas_records) == sent
    assert run.state() == State.DATA_DELIVERED


def test_the_leader_may_be_the_one_that_is_wrong(stage: StageAt, tmp_path: Path) -> None:
    """A leader whose own seat can't review still collects the others' signatures."""
    run = stage(State.GATED)
    first, second, third = run.world.signers
    leader = OracleLeader(rejoin_seat(first, Turncoat), [second, third], run.progress)
    leader.run_attempt(run.trade_id, run.world.experts)
    assert run.state() == State.PASSED
    assert f"{first.address} does not sign" in said(run)


def test_strangers_and_doubles_do_not_count(stage: StageAt) -> None:
    run = stage(State.DATA_DELIVERED)
    first = run.world.signers[0]
    stranger = rejoin_seat(first)
    stranger.account = stranger.exchange.account = run.world.stranger
    with pytest.raises(QuorumNotReached, match="no member of this trade's committee"):
        lead(run, first, rejoin_seat(first), stranger).report_gate(run.trade_id, run.world.experts)
    assert run.state() == State.DATA_DELIVERED


def test_without_peers_there_is_no_quorum(stage: StageAt) -> None:
    run = stage(State.DATA_DELIVERED)
    with pytest.raises(QuorumNotReached, match=r"1 of 2 .* \(no other was asked\)"):
        lead(run).report_gate(run.trade_id, run.world.experts)


def test_peers_take_turns(stage: StageAt) -> None:
    """The oracle fee goes to those that signed anything, so everybody must get a chance."""
    run = stage(State.SETTLED)
    assert run.world.market.trade(run.trade_id).signers.bit_count() == 3


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.DATA_DELIVERED, lambda run, leader: leader.report_data(run.trade_id, {})),
        (State.FUNDED, lambda run, leader: leader.report_gate(run.trade_id, run.world.experts)),
        (State.PASSED, lambda run, leader: leader.run_attempt(run.trade_id, run.world.experts)),
        (State.GATED, lambda run, leader: leader.report_settlement(run.trade_id)),
        (State.PASSED, lambda run, leader: leader.publish(run.trade_id)),
    ],
    ids=["data", "gate", "attempt", "settlement", "publication"],
)
def test_a_step_out_of_turn_is_refused_before_any_work(
    stage: StageAt, state: State, step: object
) -> None:
    run = stage(state)
    assert callable(step)
    with pytest.raises(TradeRefused, match=f"the trade is {state.name}"):
        step(run, run.leader())
    assert run.world.market.node.gas_records == []


# ---------------------------------------------------------------------- experts


@dataclass
class Failing:
    """An expert's owner with one fault."""

    honest: Expert
    fault: str

    @property
    def address(self) -> str:
        return self.honest.address

    @property
    def kind(self) -> str:
        return self.honest.kind

    def train(self, job: TrainingJob) -> TrainedModel:
        if self.fault == "refuses":
            raise TradeRefused("too busy", "ask again")
        result = self.honest.train(job)
        exchange, readers = self.honest.exchange, self.honest.market.current_committee()[0]
        purpose = f"model/{self.address}/{job.attempt}"
        if self.fault == "sealed for nobody else":
            payload = exchange.seal(b"model", job.trade_id, purpose, [self.address])
            return replace(result, sealed=payload)
        if self.fault == "other bytes":
            other = exchange.seal(b"other", job.trade_id, purpose, readers)
            return replace(result, sealed=other)
        if self.fault == "signed for another attempt":
            return self.honest.train(replace(job, attempt=job.attempt + 1))
        if self.fault == "signed by nobody":
            unsigned = result.training.model_copy(update={"signature": "0x" + "00" * 65})
            return replace(result, training=unsigned)
        return self._with_model(job, self.fault.encode(), purpose, readers)

    def _with_model(
        self, job: TrainingJob, model: bytes, purpose: str, readers: list[str]
    ) -> TrainedModel:
        """Deliver bytes that are no model, honestly signed for."""
        sealed = self.honest.exchange.seal(model, job.trade_id, purpose, readers)
        return TrainedModel(sealed, self.honest._signed(job, model))


FAULTS = (
    "refuses",
    "sealed for nobody else",
    "other bytes",
    "signed for another attempt",
    "signed by nobody",
    "delivers what is no model",
)


@pytest.mark.parametrize("faults", [FAULTS[:2], FAULTS[2:4], FAULTS[4:]], ids=" and ".join)
def test_whatever_an_expert_does_wrong_it_alone_is_dropped(
    stage: StageAt, faults: tuple[str, str]
) -> None:
    run = stage(State.GATED)
    honest, *others = run.world.experts
    owners: list[ExpertOwner] = [honest, *map(Failing, others, faults)]
    proposal = run.leader().run_attempt(run.trade_id, owners)
    record = run.world.signers[0].exchange.read(TrainingRecord, proposal.report.training)
    assert [training.expert for training in record.trainings] == [honest.address]
    assert [f"{other.kind} is dropped" in said(run) for other in others] == [True, True]


def test_the_trade_goes_on_without_a_failed_expert(stage: StageAt) -> None:
    run = stage(State.GATED)
    first, *others = run.world.experts
    run.leader().run_attempt(run.trade_id, [Failing(first, "refuses"), *others])
    assert run.state() == State.PASSED
    run.hand_over()
    assert run.state() == State.SETTLED
    paid = dict(_shares(run))
    assert paid[first.address] == 0
    assert sum(paid.values()) == run.world.market.trade(run.trade_id).expert_pool
    assert all(paid[other.address] > 0 for other in others)


def _shares(run: TradeRun) -> list[tuple[str, int]]:
    settled = run.world.market.event(run.trade_id, "TradeSettled")
    return list(zip(settled["experts"], settled["amounts"], strict=True))


def test_when_all_experts_fail_the_buyer_gets_its_money_back(stage: StageAt) -> None:
    run = stage(State.GATED)
    market, buyer = run.world.market, run.world.buyer.account.address
    owners = [Failing(expert, "refuses") for expert in run.world.experts]
    with pytest.raises(TradeRefused, match="no chosen expert delivered a usable model"):
        run.leader().run_attempt(run.trade_id, owners)
    assert run.state() == State.GATED
    escrow = market.trade(run.trade_id).escrow
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    assert end_trade(market, run.world.stranger, run.trade_id) == State.REFUNDED
    assert market.credit_of(buyer) == escrow > 0


def test_a_kind_that_can_not_be_fitted_gets_no_weight(stage: StageAt) -> None:
    run = stage(State.DATA_DELIVERED)
    first, *others = run.world.experts
    unknown = Expert(run.world.market, first.exchange, "crystal-ball")
    weights = run.leader().report_gate(run.trade_id, [unknown, *others])
    assert set(weights) == {other.address.lower() for other in others}
    assert "crystal-ball is left out: there is no expert of kind" in said(run)
    manifest = run.world.signers[1].book.committed_gate(run.trade_id)[0]
    assert first.address.lower() in manifest.candidates
    run.attempt()
    assert run.state() == State.PASSED


def test_without_candidates_there_is_no_gate(stage: StageAt) -> None:
    run = stage(State.DATA_DELIVERED)
    crystal = [Expert(run.world.market, run.world.experts[0].exchange, "crystal-ball")]
    for owners in ([], crystal):
        with pytest.raises(TradeRefused, match="no candidate can be probed"):
            run.leader().report_gate(run.trade_id, owners)


def test_a_party_of_the_trade_can_not_be_an_expert_in_it(stage: StageAt) -> None:
    run = stage(State.DATA_DELIVERED)
    world = run.world
    barred = [
        Expert(world.market, party.exchange, "logistic")
        for party in (world.buyer, world.auditor, world.providers[0])
    ]
    weights = run.leader().report_gate(run.trade_id, [*barred, *world.experts])
    assert set(weights) <= {expert.address.lower() for expert in world.experts}


def test_an_expert_without_weight_receives_nothing(stage: StageAt) -> None:
    run = stage(State.GATED)
    digest = bytes(run.world.market.event(run.trade_id, "GateCommitted")["evidence"])
    manifest = run.world.signers[0].exchange.read(GateManifest, digest)
    chosen = {subset.expert for subset in manifest.subsets}
    weights = dict(_committed(run))
    assert set(weights) == chosen
    assert min(weights.values()) > 0


def _committed(run: TradeRun) -> list[tuple[str, int]]:
    event = run.world.market.event(run.trade_id, "GateCommitted")
    return list(zip(event["experts"], event["weights"], strict=True))


# ------------------------------------------------------------------- settlement


def test_a_signer_refuses_another_allocation(stage: StageAt) -> None:
    run = stage(State.PASSED)
    run.world.buyer.confirm(run.trade_id)
    first, second, _ = run.world.signers
    honest = first.book.settlement(run.trade_id)
    one, two, *rest = honest.shares
    greedy = (
        one.model_copy(update={"amount": one.amount + 1}),
        two.model_copy(update={"amount": two.amount - 1}),
        *rest,
    )
    changes: dict[str, object]
    for changes in (
        {"shares": greedy},
        {"shares": honest.shares[::-1]},
        {"shares": honest.shares[1:]},
        {"expert_pool": honest.expert_pool - 1},
        {"attempt": 2},
        {"attempt_evidence": cid_of(b"")},
    ):
        altered: SettlementEvidence = honest.model_copy(update=changes)
        with pytest.raises(TradeRefused, match="not what this signer computes"):
            second.review_settlement(run.trade_id, altered)
    assert len(second.review_settlement(run.trade_id, honest)) == 65
