"""Trades with experts from outside, behind HTTP, and with such as answer anything."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from outside import MODULE, Install
from small_trade import MOEMARKET, SMALL, StageAt, fresh_run

from marketplace.protocol.documents import GateManifest
from marketplace.protocol.errors import TradeRefused
from marketplace.protocol.states import State
from marketplace.roles.expert import Expert
from marketplace.scripted.trade import TradeRun
from offchain.experts import AtPrice, Price, expert
from offchain.serving.client import RemoteExpert


class Relabelled(AtPrice):
    """An expert that trains on other labels than it was given."""

    def __init__(self, kind: str, change: Callable[[Any], Any]) -> None:
        super().__init__(expert(kind), Price())
        self.fit = lambda features, labels, *rest: self.inner.fit(features, change(labels), *rest)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "random": lambda labels: np.random.default_rng(0).integers(0, 2, len(labels)),
    "constant": np.zeros_like,
    "opposite": lambda labels: 1 - labels,
}


def with_offer(run: TradeRun, offered: Any) -> str:
    """Let the owner of that kind train with it; returns the owner's address."""
    kind = offered.describe().kind
    experts = tuple(
        Expert(one.market, one.exchange, kind, offered) if one.kind == kind else one
        for one in run.world.experts
    )
    run.world = replace(run.world, experts=experts)
    return next(one.address for one in experts if one.kind == kind)


def paid(run: TradeRun) -> dict[str, int]:
    agreed = run.world.market.agreement(run.trade_id)
    finding = agreed.last_attempt.finding
    return dict(zip(agreed.gate.experts, finding.amounts, strict=True)) if finding.amounts else {}


def chosen_kind(run: TradeRun) -> str:
    """A kind that the gate chose."""
    experts = run.world.market.agreement(run.trade_id).gate.experts
    return next(one.kind for one in run.world.experts if one.address in experts)


def test_an_outsiders_expert_trades(install: Install, tmp_path: Path) -> None:
    install("outside", {"nearest-mean": f"{MODULE}:NearestMean"})
    kinds = ("logistic", "nearest-neighbours", "nearest-mean")
    run = fresh_run(replace(SMALL, experts=kinds), tmp_path)
    assert run.play() == State.SETTLED
    digest = bytes(run.world.market.event(run.trade_id, "DataReported")["report"]["gateEvidence"])
    manifest = run.world.buyer.exchange.read(GateManifest, digest)
    assert set(manifest.kinds) == set(kinds)
    composite = run.world.buyer.receive(run.trade_id)
    assert "nearest-mean" in {fitted.kind for fitted in composite.experts.values()}


@pytest.mark.slow
def test_an_expert_in_another_process_trades(stage: StageAt) -> None:
    run = stage(State.GATED)
    kind = chosen_kind(run)
    command = [*MOEMARKET, "expert", "serve", "--kind", kind, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        remote = RemoteExpert(process.stdout.readline().split()[-1])
        owner = with_offer(run, remote)
        run.attempt()
        process.terminate()
    assert run.state() == State.PASSED
    assert paid(run) == paid(stage(State.PASSED))
    assert owner in paid(run)


@pytest.mark.parametrize("change", CHANGES)
def test_an_expert_that_answers_anything_is_paid_less_and_the_trade_goes_on(
    stage: StageAt, change: str
) -> None:
    """Shapley values pay for chance level, too: see `docs/contribution.md`."""
    run, honest = stage(State.GATED), paid(stage(State.PASSED))
    owner = with_offer(run, Relabelled(chosen_kind(run), CHANGES[change]))
    run.attempt()
    assert run.state() in {State.PASSED, State.GATED}
    assert paid(run).get(owner, 0) < honest[owner]
    while not run.state().final:
        run.step()


def test_an_owner_turns_work_down_below_its_price(stage: StageAt) -> None:
    run = stage(State.GATED)
    kind = chosen_kind(run)
    owner = with_offer(run, AtPrice(expert(kind), Price(fixed=10**18 + 1)))
    (asked,) = (one for one in run.world.experts if one.address == owner)
    with pytest.raises(TradeRefused, match="its part of the pool is"):
        asked.train(asked.own_job(run.trade_id))
    run.attempt()
    assert paid(run).get(owner, 0) == 0
