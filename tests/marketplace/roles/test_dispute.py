"""A bond has a verdict judged again: the panel executes the work, and its ruling moves money."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_trade import SMALL, TOKEN, StageAt, collude, fresh_run

from marketplace.chain.client import Node
from marketplace.protocol.disputes import Claim
from marketplace.protocol.documents import DeliveryManifest, TrainingRecord
from marketplace.protocol.errors import (
    EnvelopeError,
    InsufficientFunds,
    MissingContent,
    QuorumNotReached,
    TradeRefused,
    TransactionReverted,
)
from marketplace.protocol.ids import challenge_seal
from marketplace.protocol.states import State
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import in_coins
from marketplace.roles.challenger import Challenger
from marketplace.roles.exits import end_trade, seconds_to_exit
from marketplace.roles.juror import rule
from marketplace.scripted.script import Script
from marketplace.scripted.trade import TradeRun
from marketplace.scripted.world import TERMS
from offchain.oracle.attempt import EvidenceParts, open_reported
from offchain.oracle.case import passed_attempt
from offchain.storage.cid import cid_of, digest_of
from offchain.validation import Evidence, decode_evidence, encode_evidence

CLAIM = "the model can't be as good as that"


def challenged(stage: StageAt, script: Script | None = None) -> TradeRun:
    run = stage(State.PASSED) if script is None else stage(State.PASSED, script)
    run.leader().publish(run.trade_id)
    run.world.challenger.challenge(run.trade_id, CLAIM)
    return run


def awarded(run: TradeRun, account: str) -> int:
    market = run.world.market
    return int(market.node.call(market.challenges.functions.creditOf(account, run.world.currency)))


def bonded(node: Node, account: str, committee: str) -> int:
    contract = node.contract("OracleCommittee", committee)
    return int(node.call(contract.functions.stakeOf(account))[0])


@pytest.mark.parametrize("script", [None, TOKEN], ids=["native coin", "token"])
def test_a_sound_verdict_stands_and_the_bond_is_lost(stage: StageAt, script: Script | None) -> None:
    run = challenged(stage, script)
    world, market = run.world, run.world.market
    assert run.state() == State.DISPUTED
    found = rule(
        market, world.stranger, world.jurors, run.trade_id, world.buyer.show_model(run.trade_id)
    )
    assert found.stands
    assert run.state() == State.PASSED
    bond = world.challenger.bond(run.trade_id)
    treasury = world.market.agreement(run.trade_id).request.treasury
    assert awarded(run, treasury) == bond - bond // 2
    assert sum(awarded(run, juror.account.address) for juror in world.jurors) == bond // 2
    with pytest.raises(TransactionReverted, match="AlreadyChallenged"):
        world.challenger.challenge(run.trade_id, CLAIM)
    assert run.play() == State.SETTLED


def test_votes_that_earn_another_verdict_cost_their_signers_stakes(stage: StageAt) -> None:
    """A colluding quorum passes a model; its own evidence tells that it should have failed."""
    run, honest = stage(State.GATED, store_of=State.PASSED), stage(State.PASSED)
    world, market, node = run.world, run.world.market, run.world.market.node
    seat = world.signers[0]
    case, true = seat.book.case(run.trade_id), passed_attempt(honest.world.market, run.trade_id)
    parts = open_reported(honest.world.signers[0].exchange, case, true)
    votes = decode_evidence(parts.votes)
    worst = Evidence(votes.experts, votes.predictions[:, :, ::-1].copy(), votes.gates)
    forged = EvidenceParts(encode_evidence(worst), parts.openings)
    sealed = seat.exchange.seal(forged.to_bytes(), run.trade_id, "evidence/1", case.members)
    training = seat.exchange.publish(TrainingRecord(trade=case.name, trainings=(), evidence=sealed))
    document = forged.document(case, 1, training)
    evidence = digest_of(cid_of(document.to_bytes()))
    collude(run, replace(true.finding, training=training, evidence=evidence))
    run.leader().publish(run.trade_id)
    challenger = world.challenger
    bond = challenger.challenge(run.trade_id, CLAIM)
    model = world.buyer.show_model(run.trade_id)
    found = rule(market, world.stranger, world.jurors, run.trade_id, model)
    assert (found.stands, found.finding) == (False, "the votes are not the model's answers")

    committee = world.deployment.committee
    stakes = [bonded(node, seat.address, committee) for seat in world.signers]
    penalty = TERMS.wrong_verdict_penalty
    assert stakes == [TERMS.min_stake - penalty] * 2 + [TERMS.min_stake]
    assert awarded(run, challenger.account.address) == bond + penalty
    assert sum(awarded(run, juror.account.address) for juror in world.jurors) == penalty
    node.advance_time(seconds_to_exit(market, run.trade_id))
    assert end_trade(market, world.stranger, run.trade_id) == State.REFUNDED
    held = market.event(run.trade_id, "Refunded")["amount"]
    assert bond == -(-held * TERMS.bond_bps // 10_000)
    assert market.credit_of(world.buyer.account.address) == held
    assert all(market.credit_of(seat.address) == 0 for seat in world.signers)


def test_a_false_division_of_the_pool_falls_though_the_verdict_is_true(stage: StageAt) -> None:
    run, honest = stage(State.GATED, store_of=State.PASSED), stage(State.PASSED)
    finding = passed_attempt(honest.world.market, run.trade_id).finding
    first, second, *others = finding.amounts
    collude(run, replace(finding, amounts=(first + second, 0, *others)))
    run.leader().publish(run.trade_id)
    world = run.world
    world.challenger.challenge(run.trade_id, CLAIM)
    model = world.buyer.show_model(run.trade_id)
    found = rule(world.market, world.stranger, world.jurors, run.trade_id, model)
    assert not found.stands
    assert "not divided by what the experts contributed" in found.finding


def test_a_juror_goes_by_the_model_that_was_scored(stage: StageAt) -> None:
    run = challenged(stage)
    world, trade_id = run.world, run.trade_id
    attempt = passed_attempt(world.market, trade_id)
    manifest = world.buyer.exchange.read(DeliveryManifest, attempt.finding.delivery)
    with pytest.raises(EnvelopeError):  # it is not sealed for the panel
        world.jurors[0].examine(trade_id, {1: manifest.sealed})
    composite = world.buyer.receive(trade_id)
    name, *_ = composite.experts
    other = replace(composite, experts={name: composite.experts[name]})
    panel = [juror.account.address for juror in world.jurors]
    sealed = world.buyer.exchange.seal(other.to_bytes(), trade_id, "composite/1", panel)
    with pytest.raises(TradeRefused, match="another model was handed in"):
        world.jurors[0].examine(trade_id, {1: sealed})


def test_a_juror_signs_what_it_finds_only(stage: StageAt) -> None:
    run = challenged(stage)
    world = run.world
    model = world.buyer.show_model(run.trade_id)
    found = world.jurors[0].examine(run.trade_id, model)
    with pytest.raises(TradeRefused, match="this juror finds that executed again"):
        world.jurors[1].sign(run.trade_id, found.model_copy(update={"stands": False}), model)
    with pytest.raises(QuorumNotReached, match="1 of 2 needed jurors"):
        rule(world.market, world.stranger, world.jurors[:1], run.trade_id, model)
    assert run.state() == State.DISPUTED


def test_nothing_tells_what_was_announced_and_a_later_run_goes_on_from_there(
    stage: StageAt,
) -> None:
    run = stage(State.PASSED, TOKEN)
    market, announcing = run.world.market, run.world.challenger
    node, contract = market.node, market.challenges
    due = announcing.announce(run.trade_id, CLAIM)
    token = node.contract("DevToken", run.world.currency).functions
    allowed = token.allowance(announcing.account.address, contract.address)
    assert node.call(allowed) == 0
    said = cid_of(Claim(trade="0x" + run.trade_id.hex(), claim=CLAIM).to_bytes())
    with pytest.raises(MissingContent):
        announcing.exchange.store.get(said)
    assert market.disputes(run.trade_id) == []

    told: list[str] = []
    Challenger(market, announcing.exchange).challenge(run.trade_id, CLAIM, told.append)
    assert len(told) == 1
    assert node.now() >= due
    announced = contract.events.ChallengeAnnounced().get_logs(from_block=0)
    (challenged,) = market.disputes(run.trade_id)
    values = challenged["args"]
    parts = run.trade_id, values["challenger"], values["claim"], values["salt"]
    seal = challenge_seal(node.chain_id, contract.address, *parts)
    assert [event["args"]["seal"] for event in announced] == [seal]
    assert values["claim"] == digest_of(said)
    assert announcing.exchange.store.get(said)


def test_a_juror_can_not_challenge(stage: StageAt) -> None:
    run = stage(State.PASSED)
    market, juror = run.world.market, run.world.jurors[0]
    market.node.transfer(run.world.buyer.account, juror.account.address, 10**18)
    panel = market.panel_of(market.agreement(run.trade_id).request.panel)
    seat = 1 << panel.members.index(juror.account.address)
    with pytest.raises(TransactionReverted, match=f"ConflictedJurors.*{seat}"):
        Challenger(market, juror.exchange).challenge(run.trade_id, CLAIM)
    assert run.state() == State.PASSED


def test_a_juror_of_one_group_with_a_judge_does_not_uphold_its_verdict(tmp_path: Path) -> None:
    run = fresh_run(SMALL, tmp_path)
    world, market = run.world, run.world.market
    judge, juror = world.signers[0].account, world.jurors[0].account
    market.node.transfer(world.buyer.account, juror.address, 10**18)
    registry = market.registry.functions
    market.node.send(judge, registry.foundGroup(b"bench".ljust(32)))
    market.node.send(judge, registry.setInvitation(juror.address, True))
    group = market.node.call(registry.groupIdOf(judge.address, b"bench".ljust(32)))
    market.node.send(juror, registry.joinGroup(group))
    market.node.advance_time(TERMS.joining_delay)
    run.request()
    while run.state() != State.PASSED:
        run.step()
    run.leader().publish(run.trade_id)
    world.challenger.challenge(run.trade_id, CLAIM)
    model = world.buyer.show_model(run.trade_id)
    with pytest.raises(QuorumNotReached, match=r"1 of 2 needed jurors .* have an interest"):
        rule(market, world.stranger, world.jurors[:2], run.trade_id, model)
    assert rule(market, world.stranger, world.jurors, run.trade_id, model).stands
    panel = market.panel_of(market.agreement(run.trade_id).request.panel)
    (upheld,) = (
        event["args"]
        for event in market.disputes(run.trade_id)
        if event["event"] == "VerdictUpheld"
    )
    assert not upheld["signers"] >> panel.members.index(juror.address) & 1


def test_there_is_nothing_to_rule_on_without_a_challenge(stage: StageAt) -> None:
    run = stage(State.PASSED)
    model = run.world.buyer.show_model(run.trade_id)
    with pytest.raises(TradeRefused, match="the trade is PASSED"):
        run.world.jurors[0].examine(run.trade_id, model)


def test_who_can_not_pay_the_bond_sends_nothing(stage: StageAt) -> None:
    run = stage(State.PASSED)
    node, account = run.world.market.node, run.world.challenger.account
    fee = 21_000 * node.web3.eth.gas_price * 2
    node.transfer(account, run.world.buyer.account.address, node.balance(account.address) - fee)
    bond = in_coins(run.world.challenger.bond(run.trade_id))
    with pytest.raises(InsufficientFunds, match=rf"needs {bond}; .* nothing was sent"):
        run.world.challenger.challenge(run.trade_id, CLAIM)
    assert run.state() == State.PASSED
    assert run.world.currency == NATIVE


def test_the_review_window_closes(stage: StageAt) -> None:
    run = stage(State.PASSED)
    market = run.world.market
    status = market.status(run.trade_id)
    market.node.advance_time(status.deadline - market.node.now() + 1)
    with pytest.raises(TransactionReverted, match="DeadlinePassed"):
        run.world.challenger.challenge(run.trade_id, CLAIM)
