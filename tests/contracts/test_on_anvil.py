"""The same contracts on a second EVM: whole trades, exits and refusals on Foundry's Anvil."""

from __future__ import annotations

import itertools

import pytest
from expectations import credits_of, held_by, refused
from parties import PARTIES, fund
from replay import Replay
from trade_builder import TradeBuilder
from trade_terms import FEE_BPS

from marketplace.chain.client import connect
from marketplace.chain.deploy import Terms, deploy
from marketplace.chain.market import Market
from marketplace.protocol.states import State

pytestmark = pytest.mark.anvil
SALTS = itertools.count()


@pytest.fixture(scope="module")
def on_anvil(anvil_url: str) -> Market:
    node = connect(anvil_url)
    fund(node)
    deployment = deploy(
        node,
        PARTIES.admin,
        signers=[signer.address for signer in PARTIES.signers],
        threshold=2,
        panel=[juror.address for juror in PARTIES.jurors],
        panel_threshold=2,
        treasury=PARTIES.treasury.address,
        terms=Terms(fee_bps=FEE_BPS),
    )
    stands_on = (deployment.rules, deployment.registry, PARTIES.arbiter.address)
    return Market(node, node.deploy(PARTIES.admin, "ModelMarket", *stands_on).address)


@pytest.mark.parametrize("state", [state for state in State if state.final])
def test_a_trade_reaches_every_end(on_anvil: Market, state: State) -> None:
    trade = TradeBuilder(on_anvil, salt=f"anvil {next(SALTS)}").advance_to(state)
    assert trade.status.state == state
    assert held_by(on_anvil) == sum(credits_of(on_anvil).values())


def test_a_dispute_overturns_a_verdict(on_anvil: Market) -> None:
    trade = TradeBuilder(on_anvil, salt=f"anvil {next(SALTS)}").advance_to(State.DISPUTED)
    trade.rule(overturned=True)
    trade.settle_in_time()
    assert trade.status.state == State.REFUNDED


def test_refusals_are_decoded(on_anvil: Market) -> None:
    trade = TradeBuilder(on_anvil, salt=f"anvil {next(SALTS)}").advance_to(State.FUNDED)
    with refused("DeadlineNotReached", trade.status.deadline):
        trade.time_out_delivery()
    with refused("QuorumNotReached", 1, 2):
        trade.report_data(seats=(0,))
    trade.lapse()
    trade.time_out_delivery()


def test_the_log_tells_what_the_storage_holds(on_anvil: Market) -> None:
    trade = TradeBuilder(on_anvil, salt=f"anvil {next(SALTS)}").advance_to(State.SETTLED)
    assert Replay.of(on_anvil).statuses[trade.id] == trade.status
