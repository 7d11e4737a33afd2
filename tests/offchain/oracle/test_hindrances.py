"""A trade in which nothing can be judged is refunded by a report, and costs no judge its stake."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_trade import SMALL, fresh_run

from marketplace.chain.market import struct_in
from marketplace.protocol.documents import DataManifest
from marketplace.protocol.errors import QuorumNotReached, TradeRefused
from marketplace.protocol.states import State
from marketplace.protocol.terms import DataFinding
from marketplace.roles import buyer
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from offchain.oracle.experts import ExpertOwner
from offchain.oracle.leader import OracleLeader


@pytest.fixture
def funded(tmp_path: Path) -> TradeRun:
    return paid_for(fresh_run(SMALL, tmp_path))


def paid_for(run: TradeRun) -> TradeRun:
    run.request()
    while run.state() != State.FUNDED:
        run.step()
    return run


def lead(run: TradeRun, owners: list[ExpertOwner], known: list[ExpertOwner] | None = None) -> None:
    """Have the data reported on, by a leader who knows these experts and seats that know those."""
    first, *others = run.world.signers
    for seat in run.world.signers:
        seat.owners = owners if known is None else known
    deliveries = {each.account.address: each.deliver(run.trade_id) for each in run.world.providers}
    OracleLeader(first, others, run.progress).report_data(run.trade_id, deliveries, owners)


def pass_delivery(run: TradeRun) -> None:
    market = run.world.market
    status = market.status(run.trade_id)
    last = status.deadline - status.windows.judging
    market.node.advance_time(last - market.node.now() + 1)


def require_refunded(run: TradeRun, reason: str) -> None:
    """Nobody delivered in vain is paid, the committee is, and it has nothing to answer for."""
    market = run.world.market
    status = market.status(run.trade_id)
    assert (status.state, status.unjudged) == (State.REFUNDED, False)
    deal = market.agreement(run.trade_id).deal
    locked = market.event(run.trade_id, "Locked")["amount"]
    signers = [signer.address for signer in run.world.signers]
    assert sum(market.credit_of(signer) for signer in signers) == deal.oracle_fee > 0
    assert market.credit_of(run.world.buyer.account.address) == locked - deal.oracle_fee
    finding = struct_in(DataFinding, market.event(run.trade_id, "DataReported")["report"])
    manifest = run.world.signers[0].exchange.read(DataManifest, finding.data_evidence)
    assert all(reason in delivery.reason for delivery in manifest.deliveries)


def test_rows_that_the_buyer_did_not_commit_to_cost_the_judges_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = buyer.commit

    def dishonest(*given: object) -> object:
        return replace(honest(*given), root=bytes(31) + b"\1")  # type: ignore[arg-type]

    monkeypatch.setattr(buyer, "commit", dishonest)
    run = paid_for(fresh_run(SMALL, tmp_path))
    experts = list(run.world.experts)
    with pytest.raises(TradeRefused, match="opens to root"):
        lead(run, experts)  # something better might yet come
    pass_delivery(run)
    lead(run, experts)
    require_refunded(run, "the validation set opens to root")


def test_data_for_which_nobody_can_be_chosen_cost_the_judges_nothing(funded: TradeRun) -> None:
    world = funded.world
    crystal: list[ExpertOwner] = [
        Expert(world.market, world.experts[0].exchange, "crystal-ball")  # an unknown kind
    ]
    pass_delivery(funded)
    with pytest.raises(QuorumNotReached, match="deliveries were accepted as"):
        lead(funded, crystal, known=list(world.experts))
    with pytest.raises(QuorumNotReached, match="knows no experts"):
        lead(funded, crystal, known=[])
    assert funded.state() == State.FUNDED
    lead(funded, crystal)
    require_refunded(funded, "no candidate can be probed")
