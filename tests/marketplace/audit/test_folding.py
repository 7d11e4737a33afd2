"""A log that is read once and taken further, and when all of it is read anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from audit_chain import TERMS, QuickChain, deployed
from audited_trade import AuditedTrade, Settled
from cast_of_trade import Cast
from tampering import LyingContract, LyingNode
from web3.types import RPCEndpoint

from marketplace.audit.blocks import Block
from marketplace.audit.chain import Chain, open_chain
from marketplace.audit.folding import Fold, Follower, blank_history
from marketplace.audit.rpc import Rpc
from marketplace.chain.market import Market
from marketplace.protocol.terms import NATIVE

TOKEN = "0x" + "11" * 20


def looked_at(market: Market, anchor: bytes | None = None) -> Chain:
    return open_chain(Rpc(market.node.web3.provider), market.address, anchor)


def mine(market: Market, blocks: int = 1, later: int = 0) -> None:
    provider = market.node.web3.provider
    provider.make_request(RPCEndpoint("evm_increaseTime"), [later])
    provider.make_request(RPCEndpoint("evm_mine"), [{"blocks": blocks}])


@pytest.fixture
def fold(settled: Settled) -> Fold:
    return Fold(open_chain(Rpc(settled.chain), settled.market))


# ---------------------------------------------------------------------------- what is kept


def test_each_trade_has_the_height_of_its_last_event(trade: AuditedTrade) -> None:
    trade.ask()
    asked = trade.market.node.web3.eth.block_number
    fold = Fold(looked_at(trade.market))
    assert (fold.touched, fold.last_event) == ({trade.id: asked}, asked)
    mine(trade.market, 2)
    fold.take_to(looked_at(trade.market))
    assert (fold.touched, fold.last_event) == ({trade.id: asked}, asked)
    assert fold.chain.block.number == asked + 2
    stranger, committee = trade.parties.stranger, trade.market.committee
    trade.market.node.send(stranger, committee.functions.stake(stranger.address, 7), value=7)
    fold.take_to(looked_at(trade.market))
    assert (fold.touched, fold.last_event) == ({trade.id: asked}, asked + 3)
    trade.accept()
    accepted = trade.market.node.web3.eth.block_number
    fold.take_to(looked_at(trade.market))
    assert fold.touched == {trade.id: accepted}
    assert fold.sound


def test_trades_that_ended_since_a_height(settled: Settled, fold: Fold) -> None:
    (height,) = fold.touched.values()
    assert fold.ended_since(height - 1) == {settled.trade.id}
    assert fold.ended_since(height) == set()


def test_a_trade_that_runs_on_has_not_ended(trade: AuditedTrade) -> None:
    trade.ask()
    fold = Fold(looked_at(trade.market))
    assert fold.touched
    assert fold.ended_since(-1) == set()


def test_before_the_first_event_there_is_none(settled: Settled) -> None:
    chain = open_chain(Rpc(settled.chain), settled.market)
    fold = Fold(chain, first=chain.block.number + 1)
    assert (fold.touched, fold.last_event) == ({}, -1)


# --------------------------------------------------------------------- whether it is sound


@pytest.mark.parametrize(
    "faults",
    [
        lambda fold: fold.reading.header_faults,
        lambda fold: fold.reading.receipt_faults,
        lambda fold: fold.reading.transaction_faults,
        lambda fold: fold.reading.served_faults,
        lambda fold: fold.watch.shortages,
    ],
)
def test_what_does_not_fit_together_is_not_sound(
    fold: Fold, faults: Callable[[Fold], list[str]]
) -> None:
    assert fold.sound
    faults(fold).append("this is wrong")
    assert not fold.sound


def test_what_ends_elsewhere_is_not_sound(fold: Fold) -> None:
    fold.reading.head = bytes(32)
    assert not fold.sound


# ------------------------------------------------------------------------ where it leads to


class Telling(Rpc):
    """Tells another block at every height."""

    def __init__(self, block: Block | None) -> None:
        self._block = block

    def block(self, which: int | bytes | None = None) -> Block | None:
        return self._block


def test_a_fold_leads_to_where_it_is_and_further(settled: Settled, fold: Fold) -> None:
    assert fold.leads_to(open_chain(Rpc(settled.chain), settled.market))


def test_a_fold_leads_to_no_shorter_chain(settled: Settled, fold: Fold) -> None:
    rpc = Rpc(settled.chain)
    before = rpc.block(fold.chain.block.number - 1)
    assert before is not None
    chain = open_chain(rpc, settled.market, before.hash)
    assert chain.block == before
    assert chain.contracts == fold.chain.contracts
    assert not fold.leads_to(chain)


def test_a_fold_leads_to_no_other_code(settled: Settled, fold: Fold) -> None:
    cut = LyingNode(settled.chain, answers={"eth_getCode": lambda code: code[:-2]})
    assert not fold.leads_to(open_chain(Rpc(cut), settled.market))


def test_a_fold_leads_to_no_other_block(fold: Fold) -> None:
    last = fold.chain.block
    for there, leads in ((last, True), (None, False), (replace(last, recomputed=bytes(32)), False)):
        assert fold.leads_to(replace(fold.chain, rpc=Telling(there))) == leads


def test_a_fold_leads_to_no_other_contracts(fold: Fold) -> None:
    contracts = replace(fold.chain.contracts, bids=TOKEN)
    assert not fold.leads_to(replace(fold.chain, contracts=contracts))


# ---------------------------------------------------------------------------- the follower


@pytest.fixture
def follower(trade: AuditedTrade) -> Follower:
    trade.ask()
    return Follower(trade.market.node.web3.provider, trade.market.address)


def test_what_was_read_is_kept_and_taken_further(trade: AuditedTrade, follower: Follower) -> None:
    first = follower.to_head()
    assert follower.to_head() is first
    mine(trade.market)
    assert follower.to_head() is first
    assert first.chain.block.number == trade.market.node.web3.eth.block_number
    follower.forget()
    assert follower.to_head() is not first


@pytest.mark.parametrize("blocks", [1, 5])
def test_after_a_reorganisation_all_is_read_anew(
    trade: AuditedTrade, follower: Follower, blocks: int
) -> None:
    chain = trade.market.node.web3.provider
    before = chain.make_request(RPCEndpoint("evm_snapshot"), [])["result"]
    mine(trade.market, 3)
    first = follower.to_head()
    chain.make_request(RPCEndpoint("evm_revert"), [before])
    mine(trade.market, blocks, later=50)
    second = follower.to_head()
    assert second is not first
    assert second.chain.block.number == trade.market.node.web3.eth.block_number
    assert second.sound
    assert follower.to_head() is second


def test_a_contract_that_is_new_around_the_market_is_read_from_the_start(settled: Settled) -> None:
    node = LyingContract(settled.chain, "registry()", {"result": "0x"})
    follower = Follower(node, settled.market)
    first = follower.to_head()
    assert first.chain.contracts.registry is None
    node.lying = False
    second = follower.to_head()
    assert second is not first
    assert second.chain.contracts.registry in second.chain.interfaces
    assert follower.to_head() is second


@pytest.fixture
def lies() -> list[int]:
    """Heights of which something else is told, each once."""
    return []


@pytest.fixture
def deceived(trade: AuditedTrade, lies: list[int]) -> Follower:
    """A follower whose node may tell lies."""

    def told(block: dict[str, Any]) -> dict[str, Any]:
        height = int(block["number"], 16)
        if height in lies:
            lies.remove(height)
            return {**block, "gasUsed": "0x7"}
        return block

    honest, address = trade.market.node.web3.provider, trade.market.address
    node = LyingNode(honest, answers={"eth_getBlockByNumber": told})
    return Follower(node, address)


def test_a_slip_is_read_again_at_once(
    trade: AuditedTrade, deceived: Follower, lies: list[int]
) -> None:
    first = deceived.to_head()
    head = trade.market.node.web3.eth.block_number
    mine(trade.market, 2)
    lies.append(head + 1)
    second = deceived.to_head()
    assert lies == []
    assert second is not first
    assert second.sound
    assert deceived.to_head() is second


def test_what_does_not_fit_together_is_not_kept(
    trade: AuditedTrade, deceived: Follower, lies: list[int]
) -> None:
    lies.append(1)
    first = deceived.to_head()
    assert not first.sound
    second = deceived.to_head()
    assert second is not first
    assert second.sound


# -------------------------------------------------------------------- what is known before


@pytest.mark.parametrize("code", [lambda code: code, lambda code: code[:-2]])
def test_delays_of_committee_and_panel_are_known(parties: Cast, code: Callable[[str], str]) -> None:
    chain = QuickChain()
    _, deployment = deployed(chain, parties, replace(TERMS, rotation_delay=5))
    node = LyingNode(chain, answers={"eth_getCode": code})  # where it isn't whole the view is asked
    history = blank_history(open_chain(Rpc(node), deployment.market))
    assert (history.committee.delay, history.panel.delay) == (5, 5)


def test_currencies_of_stakes_are_asked_for_where_the_code_is_another(settled: Settled) -> None:
    cut = LyingNode(settled.chain, answers={"eth_getCode": lambda code: code[:-2]})

    def stakes(says: dict[str, Any]) -> dict[str, str]:
        node = LyingContract(cut, "stakeCurrency()", says)
        chain = open_chain(Rpc(node), settled.market)
        return dict(blank_history(chain).books.stakes)

    contracts = open_chain(Rpc(settled.chain), settled.market).contracts
    takers = {contracts.committee, contracts.panel, contracts.registry}
    word = {"result": "0x" + TOKEN[2:].rjust(64, "0")}
    assert stakes(word) == dict.fromkeys(takers, TOKEN)
    assert stakes({"result": "0x"}) == dict.fromkeys(takers, NATIVE)


def test_without_a_registry_it_takes_no_stakes(settled: Settled) -> None:
    node = LyingContract(settled.chain, "registry()", {"result": "0x"})
    chain = open_chain(Rpc(node), settled.market)
    stakes = blank_history(chain).books.stakes
    assert {*stakes} == {chain.contracts.committee, chain.contracts.panel}
