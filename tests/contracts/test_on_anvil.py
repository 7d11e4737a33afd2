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
from marketplace.chain.deploy import deploy
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
        fee_bps=FEE_BPS,
        treasury=PARTIES.treasury.address,
    )
    return Market(node, deployment.market, deployment.registry)


@pytest.mark.parametrize("state", [state for state in State if state.final])
def test_a_trade_reaches_every_end(on_anvil: Market, state: State) -> None:
    trade = TradeBuilder(on_anvil, salt=f"anvil {next(SALTS)}").advance_to(state)
    assert (trade.record.state, trade.record.escrow) == (state, 0)
    assert held_by(on_anvil) == sum(credits_of(on_anvil).values())


def test_refusals_are_decoded(on_anvil: Market) -> None:
    trade = TradeBuilder(on_anvil, salt=f"anvil {next(SALTS)}").advance_to(State.FUNDED)
    with refused("WrongState", State.FUNDED, State.GATED):
        trade.attempt(number=1)
    with refused("DeadlineNotReached", trade.record.deadline):
        trade.time_out()
    with refused("QuorumNotReached", 1, 2):
        trade.deliver(signers=PARTIES.signers[:1])
    trade.lapse()
    trade.time_out()


def test_the_log_tells_what_the_storage_holds(on_anvil: Market) -> None:
    trade = TradeBuilder(on_anvil, salt=f"anvil {next(SALTS)}").advance_to(State.SETTLED)
    replay = Replay(on_anvil.domain, {1: on_anvil.committee_of(1)[0]})
    replay.catch_up(on_anvil)
    assert replay.trades[trade.id] == trade.record
