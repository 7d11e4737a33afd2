"""The leader goes on when a seat or an expert fails, and sends nothing without a quorum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from eth_keys.constants import SECPK1_N
from small_trade import SMALL, StageAt, fresh_run

from marketplace.chain.market import Market
from marketplace.protocol.documents import DataManifest, GateManifest, Sealed, TrainingRecord
from marketplace.protocol.errors import QuorumNotReached, TradeRefused
from marketplace.protocol.states import State
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import TERMS
from offchain.exchange import Exchange
from offchain.oracle.experts import ExpertOwner, TrainedModel, TrainingJob
from offchain.oracle.leader import OracleLeader
from offchain.oracle.signer import OracleSigner, Verdict
from offchain.storage.disk import DiskStore


class Turncoat(OracleSigner):
    """Signs what it is asked to, as somebody else's report."""

    def review_attempt(self, trade_id: bytes, proposal: object) -> Verdict:
        return Verdict(bytes(32), bytes(64) + b"\x1b")

    def review_data(self, trade_id: bytes, data_evidence: bytes, gate_evidence: bytes) -> bytes:
        return super().review_data(trade_id, data_evidence, gate_evidence)[::-1]


class Twisting(OracleSigner):
    """Signs the right report with the other, equally valid `s`, which contracts refuse."""

    def review_data(self, trade_id: bytes, data_evidence: bytes, gate_evidence: bytes) -> bytes:
        signature = super().review_data(trade_id, data_evidence, gate_evidence)
        s = SECPK1_N - int.from_bytes(signature[32:64], "big")
        return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])


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


@dataclass
class Delivered:
    """A trade whose data are with the oracles, and not reported on."""

    run: TradeRun
    deliveries: dict[str, Sealed | None]

    def report(
        self, leader: OracleLeader, owners: Sequence[ExpertOwner] | None = None
    ) -> dict[str, int]:
        """Have the data reported on; returns the experts' weights on chain."""
        experts = self.run.world.experts if owners is None else owners
        leader.report_data(self.run.trade_id, self.deliveries, experts)
        gate = self.run.world.market.agreement(self.run.trade_id).gate
        return dict(zip(gate.experts, gate.weights, strict=True))


@pytest.fixture
def delivered(stage: StageAt) -> Delivered:
    """What was delivered when the trade was played, so that seats remember its inspection."""
    later = stage(State.GATED)
    data = later.world.market.agreement(later.trade_id).data
    assert data is not None
    manifest = later.world.signers[0].exchange.read(DataManifest, data.data_evidence)
    deliveries = {delivery.provider: delivery.sealed for delivery in manifest.deliveries}
    return Delivered(stage(State.FUNDED, store_of=State.GATED), deliveries)


def said(run: TradeRun) -> str:
    assert isinstance(run.progress, list)
    return "\n".join(run.progress)


# ------------------------------------------------------------------------ seats


@pytest.mark.parametrize("place", [1, 2])
def test_another_peer_signs_when_one_refuses(
    delivered: Delivered, tmp_path: Path, place: int
) -> None:
    run = delivered.run
    peers = list(run.world.signers[1:])
    peers[place - 1] = blind(peers[place - 1], tmp_path)
    delivered.report(lead(run, *peers))
    assert run.state() == State.GATED


def test_a_refusal_is_told_with_its_reason(delivered: Delivered, tmp_path: Path) -> None:
    run = delivered.run
    peers = [blind(seat, tmp_path) for seat in run.world.signers[1:]]
    with pytest.raises(QuorumNotReached, match=r"1 of 2 .*: block .* is not in the store"):
        delivered.report(lead(run, *peers))
    for peer in peers:
        assert f"{peer.address} does not sign: block" in said(run)


@pytest.mark.parametrize(
    ("kind", "reason"), [(Turncoat, "something else|no key"), (Twisting, "can't be made compact")]
)
def test_a_seat_that_signs_otherwise_costs_no_transaction(
    delivered: Delivered, kind: type[OracleSigner], reason: str
) -> None:
    run = delivered.run
    _, second, third = run.world.signers
    sent = len(run.world.market.node.gas_records)
    leader = lead(run, rejoin_seat(second, kind), rejoin_seat(third, kind))
    with pytest.raises(
        QuorumNotReached, match=f"1 of 2 needed oracles signed .*({reason})"
    ) as seen:
        delivered.report(leader)
    assert second.address[:10] in str(seen.value)
    assert third.address[:10] in str(seen.value)
    assert len(run.world.market.node.gas_records) == sent
    assert run.state() == State.FUNDED


def test_the_leader_may_be_the_one_that_is_wrong(stage: StageAt) -> None:
    """A leader whose own seat can't review still collects the others' signatures."""
    run = stage(State.GATED)
    first, second, third = run.world.signers
    leader = OracleLeader(rejoin_seat(first, Turncoat), [second, third], run.progress)
    leader.report_attempt(run.trade_id, run.world.experts)
    assert run.state() == State.PASSED
    assert f"{first.address} does not sign" in said(run)


def test_strangers_and_doubles_do_not_count(delivered: Delivered) -> None:
    run = delivered.run
    first = run.world.signers[0]
    stranger = rejoin_seat(first)
    stranger.account = stranger.exchange.account = run.world.stranger
    with pytest.raises(QuorumNotReached, match="no member of this trade's committee"):
        delivered.report(lead(run, first, rejoin_seat(first), stranger))
    assert run.state() == State.FUNDED


def test_without_peers_there_is_no_quorum(delivered: Delivered) -> None:
    with pytest.raises(QuorumNotReached, match=r"1 of 2 .* \(no other was asked\)"):
        delivered.report(lead(delivered.run))


def test_peers_take_turns(stage: StageAt) -> None:
    """The oracle fee goes to those that signed anything, so everybody must get a chance."""
    run = stage(State.PASSED)
    assert run.world.market.status(run.trade_id).signers.bit_count() == 3


def test_seats_are_told_apart_on_chain(stage: StageAt) -> None:
    run = stage(State.PASSED)
    attempt = run.world.market.agreement(run.trade_id).last_attempt
    assert attempt.record.signers == attempt.record.verdicts
    assert attempt.record.signers.bit_count() == len(attempt.record.seals) == 2
    assert attempt.passed


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (State.GATED, lambda run, leader: leader.report_data(run.trade_id, {}, [])),
        (State.FUNDED, lambda run, leader: leader.report_attempt(run.trade_id, run.world.experts)),
        (State.PASSED, lambda run, leader: leader.report_attempt(run.trade_id, run.world.experts)),
        (State.GATED, lambda run, leader: leader.settle(run.trade_id)),
        (State.GATED, lambda run, leader: leader.publish(run.trade_id)),
        (State.GATED, lambda run, leader: leader.open_deciding_scores(run.trade_id)),
        (State.PASSED, lambda run, leader: leader.open_failed_scores(run.trade_id)),
    ],
    ids=["data", "early attempt", "late attempt", "settlement", "publication", "scores", "failed"],
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
        exchange, readers = self.honest.exchange, self.honest.market.current_committee().members
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
        self, job: TrainingJob, model: bytes, purpose: str, readers: tuple[str, ...]
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
    proposal = run.leader().report_attempt(run.trade_id, owners)
    record = run.world.signers[0].exchange.read(TrainingRecord, proposal.finding.training)
    assert [training.expert for training in record.trainings] == [honest.address]
    assert [f"{other.kind} is dropped" in said(run) for other in others] == [True, True]


def test_the_trade_goes_on_without_a_failed_expert(stage: StageAt) -> None:
    run = stage(State.GATED)
    first, *others = run.world.experts
    run.leader().report_attempt(run.trade_id, [Failing(first, "refuses"), *others])
    assert run.state() == State.PASSED
    agreed = run.world.market.agreement(run.trade_id)
    paid = dict(zip(agreed.gate.experts, agreed.last_attempt.finding.amounts, strict=True))
    assert paid[first.address] == 0
    assert sum(paid.values()) == agreed.deal.expert_pool
    assert all(paid[other.address] > 0 for other in others)


def test_when_all_experts_fail_the_buyer_gets_back_all_but_the_judges_fee(stage: StageAt) -> None:
    run = stage(State.GATED)
    market, buyer = run.world.market, run.world.buyer.account.address
    owners = [Failing(expert, "refuses") for expert in run.world.experts]
    with pytest.raises(TradeRefused, match="no chosen expert delivered a usable model"):
        run.leader().report_attempt(run.trade_id, owners)
    assert run.state() == State.GATED
    deal = market.agreement(run.trade_id).deal
    market.node.advance_time(seconds_to_exit(market, run.trade_id))
    assert end_trade(market, run.world.stranger, run.trade_id) == State.REFUNDED
    fees = deal.broker_fee + deal.auditor_fee + deal.protocol_fee
    assert market.credit_of(buyer) == deal.expert_pool + fees > 0
    # Whoever judged the data is not the one who pays for the experts' silence.
    signers = [signer.address for signer in run.world.signers]
    assert sum(market.credit_of(signer) for signer in signers) == deal.oracle_fee > 0


def test_a_kind_that_can_not_be_fitted_gets_no_weight(delivered: Delivered) -> None:
    run = delivered.run
    first, *others = run.world.experts
    unknown = Expert(run.world.market, first.exchange, "crystal-ball")
    weights = delivered.report(run.leader(), [unknown, *others])
    assert set(weights) == {other.address for other in others}
    assert "crystal-ball is left out: there is no expert of kind" in said(run)
    manifest = run.world.signers[1].book.committed_gate(run.trade_id)[0]
    assert first.address.lower() in manifest.candidates
    run.leader().report_attempt(run.trade_id, others)
    assert run.state() == State.PASSED


def test_without_candidates_there_is_no_gate(delivered: Delivered) -> None:
    run = delivered.run
    crystal = [Expert(run.world.market, run.world.experts[0].exchange, "crystal-ball")]
    for owners in ([], crystal):
        with pytest.raises(TradeRefused, match="no candidate can be probed"):
            delivered.report(run.leader(), owners)
    assert run.state() == State.FUNDED


def test_a_party_of_the_trade_can_not_be_an_expert_in_it(delivered: Delivered) -> None:
    run, world = delivered.run, delivered.run.world
    barred = [
        Expert(world.market, party.exchange, "logistic")
        for party in (world.buyer, world.auditor, world.providers[0])
    ]
    weights = delivered.report(run.leader(), [*barred, *world.experts])
    assert set(weights) <= {expert.address for expert in world.experts}
    for expert in barred:
        assert f"{expert.address} is left out" in said(run)


def test_nor_can_another_account_of_a_party(tmp_path: Path) -> None:
    """The registry knows of affiliations, and the leader asks it before anyone sees data."""
    run = fresh_run(SMALL, tmp_path)
    world, node = run.world, run.world.market.node
    registry = world.market.registry.functions
    provider, (affiliated, *others) = world.providers[0].account, world.experts
    node.send(provider, registry.foundGroup(b"clinic".ljust(32)))
    node.send(provider, registry.setInvitation(affiliated.address, True))
    group = node.call(registry.groupIdOf(provider.address, b"clinic".ljust(32)))
    node.send(affiliated.account, registry.joinGroup(group))
    node.advance_time(TERMS.joining_delay)
    run.request()
    run.negotiate()
    run.deliver_data()
    gate = world.market.agreement(run.trade_id).gate
    assert set(gate.experts) == {other.address for other in others}
    assert f"{affiliated.address} is left out" in said(run)


def test_an_expert_without_weight_receives_nothing(stage: StageAt) -> None:
    run = stage(State.GATED)
    agreed = run.world.market.agreement(run.trade_id)
    assert agreed.data is not None
    exchange = run.world.signers[0].exchange
    manifest = exchange.read(GateManifest, agreed.data.gate_evidence)
    assert agreed.gate.experts == tuple(subset.expert for subset in manifest.subsets)
    assert min(agreed.gate.weights) > 0
