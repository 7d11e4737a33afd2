"""What the audit finds around a market, and what it is told there that it can't use."""

from __future__ import annotations

from typing import Any

import pytest
from audit_chain import TERMS
from audited_trade import Settled
from cast_of_trade import Cast
from eth_abi.abi import encode
from tampering import LyingContract

from marketplace.audit.chain import open_chain
from marketplace.audit.rpc import Rpc
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.errors import ConfigurationError, NoContract
from marketplace.protocol.terms import NATIVE

TOKEN = "0x" + "11" * 20


def word(kind: str, value: Any) -> dict[str, Any]:
    return {"result": "0x" + encode([kind], [value]).hex()}


NOTHING_THERE: dict[str, Any] = {"result": "0x"}
REFUSED = {"error": {"code": 3, "message": "execution reverted"}}


# --------------------------------------------------------------------- what is around it


def test_all_that_is_around_a_market(settled: Settled) -> None:
    chain, market = open_chain(Rpc(settled.chain), settled.market), settled.trade.market
    contracts = chain.contracts
    assert contracts.market == settled.market
    assert contracts.committee == market.committee.address
    assert contracts.panel == market.panel.address
    assert contracts.challenges == market.challenges.address
    assert contracts.registry is not None
    assert (contracts.bids, contracts.payouts) == (None, None)
    assert {*chain.interfaces} == {
        *(contracts.market, contracts.rules, contracts.committee, contracts.panel),
        *(contracts.challenges, contracts.registry),
    }


def test_what_the_auditor_names_is_looked_at_too(market: Market, deployment: Deployment) -> None:
    rpc = Rpc(market.node.web3.provider)
    bids, payouts = str(deployment.bids), str(deployment.payouts)
    chain = open_chain(rpc, market.address, bids=bids, payouts=payouts)
    assert (chain.contracts.bids, chain.contracts.payouts) == (bids, payouts)
    assert {bids, payouts} < {*chain.interfaces}
    assert chain.contracts.title_of(bids) == "tenders"
    assert chain.contracts.title_of(payouts) == "payouts"
    alone = open_chain(rpc, market.address, bids=bids)
    assert (alone.contracts.payouts, payouts in alone.interfaces) == (None, False)


@pytest.mark.parametrize("says", [NOTHING_THERE, REFUSED])
@pytest.mark.parametrize("function", ["rules()", "arbiter()", "committee()", "panel()"])
def test_a_market_without_one_of_its_contracts_is_none(
    settled: Settled, function: str, says: dict[str, Any]
) -> None:
    node = LyingContract(settled.chain, function, says)
    with pytest.raises(NoContract, match=f"no market at {settled.market}"):
        open_chain(Rpc(node), settled.market)


@pytest.mark.parametrize("says", [NOTHING_THERE, word("address", TOKEN)])
def test_an_arbiter_of_another_market_is_no_challenges_contract(
    settled: Settled, says: dict[str, Any]
) -> None:
    node = LyingContract(settled.chain, "market()", says)
    chain = open_chain(Rpc(node), settled.market)
    assert chain.contracts.challenges is None
    assert len(chain.interfaces) == 5


@pytest.mark.parametrize("function", ["registry()", "delays()"])
def test_a_registry_that_does_not_answer_as_one_is_none(settled: Settled, function: str) -> None:
    node = LyingContract(settled.chain, function, NOTHING_THERE)
    chain = open_chain(Rpc(node), settled.market)
    assert chain.contracts.registry is None
    assert len(chain.interfaces) == 5
    assert None not in node.called


@pytest.mark.parametrize(("named", "what"), [("bids", "tenders"), ("payouts", "payouts")])
def test_what_the_auditor_names_must_be_there(settled: Settled, named: str, what: str) -> None:
    rpc = Rpc(settled.chain)
    wrong: Any = {named: "0x12"}
    with pytest.raises(ConfigurationError, match="'0x12' is no address"):
        open_chain(rpc, settled.market, **wrong)
    wrong = {named: settled.market}
    with pytest.raises(NoContract, match=f"no contract of {what} at {settled.market}"):
        open_chain(rpc, settled.market, **wrong)


# ------------------------------------------------------------------ the block at which


def test_the_block_of_the_anchor_is_looked_at(settled: Settled) -> None:
    rpc = Rpc(settled.chain)
    newest = rpc.block()
    assert newest is not None
    assert open_chain(rpc, settled.market).block == newest
    before = rpc.block(newest.number - 1)
    assert before is not None
    assert open_chain(rpc, settled.market, before.hash).block == before
    assert open_chain(rpc, settled.market, bytes(32)).block == newest


def test_balances_of_that_block_are_kept_and_others_not(settled: Settled) -> None:
    chain = open_chain(Rpc(settled.chain), settled.market)
    buyer = settled.trade.parties.buyer.address
    before = chain.balance(buyer, NATIVE, 0)
    assert chain.balances == {}
    held = chain.balance(buyer, NATIVE)
    assert chain.balances == {buyer: held}
    assert before != held == chain.balance(buyer, NATIVE, chain.block.number)


def test_tokens_are_asked_at_the_block_that_is_named(
    market: Market, deployment: Deployment, parties: Cast
) -> None:
    node, account = market.node, parties.buyer
    token = node.contract("DevToken", str(deployment.token))
    node.send(account, token.functions.mint(account.address, 7))
    chain = open_chain(Rpc(node.web3.provider), market.address)
    assert chain.balance(account.address, token.address) == 7
    assert chain.balance(account.address, token.address, chain.block.number - 1) == 0
    assert chain.balances == {}


@pytest.mark.parametrize("says", [NOTHING_THERE, REFUSED])
def test_a_token_that_does_not_say_holds_nothing(settled: Settled, says: dict[str, Any]) -> None:
    chain = open_chain(
        Rpc(LyingContract(settled.chain, "balanceOf(address)", says)), settled.market
    )
    assert chain.balance(settled.market, TOKEN) == 0


# ---------------------------------------------------------------------- views, decimals


def test_views_are_kept_to_be_proven(settled: Settled) -> None:
    chain = open_chain(Rpc(settled.chain), settled.market)
    assert chain.answers == {}
    committee = chain.contracts.committee
    digest = chain.view(committee, "currentDigest")
    assert chain.view(committee, "rotationDelay") == TERMS.rotation_delay  # of the code
    assert chain.answers == {(committee, "currentDigest", ()): digest}
    assert chain.codes.keys() == {committee}


@pytest.mark.parametrize("says", [NOTHING_THERE, REFUSED, {"result": "0x" + "00" * 33}])
def test_a_view_that_answers_something_else_is_none(settled: Settled, says: dict[str, Any]) -> None:
    node = LyingContract(settled.chain, "currentDigest()", says)
    chain = open_chain(Rpc(node), settled.market)
    assert chain.view(chain.contracts.committee, "currentDigest") is None


@pytest.mark.parametrize(
    ("says", "decimals"),
    [
        (word("uint256", 0), 0),
        (word("uint256", 6), 6),
        (word("uint256", 77), 77),
        (word("uint256", 78), None),
        ({"result": "0x06"}, None),
        ({"result": "0x" + "00" * 33}, None),
        (NOTHING_THERE, None),
        (REFUSED, None),
        ({"error": {"code": -32000, "message": "not today"}}, None),
    ],
)
def test_decimals_are_a_small_number_or_none(
    settled: Settled, says: dict[str, Any], decimals: int | None
) -> None:
    chain = open_chain(Rpc(LyingContract(settled.chain, "decimals()", says)), settled.market)
    assert chain.decimals(TOKEN) == decimals
    assert chain.decimals(NATIVE) == 18
