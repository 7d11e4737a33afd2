"""A node that names other contracts around a market than its code does, or hides one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from audited_trade import AuditedTrade, Settled
from courses import settled_in_spite_of_a_challenge
from eth_abi.abi import encode
from tampering import LyingContract, LyingNode, objections
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import audit
from marketplace.audit.auditor import replayed
from marketplace.audit.chain import Contracts, open_chain
from marketplace.audit.checks import contracts as checked
from marketplace.audit.checks.contracts import check_contracts
from marketplace.audit.report import Finding
from marketplace.audit.rpc import Rpc
from marketplace.chain.deploy import Deployment
from marketplace.chain.market import Market
from marketplace.protocol.errors import ChainError

REFUSED = {"error": {"code": 3, "message": "execution reverted"}}
NOBODY_S = "0x" + "11" * 20


def found(node: BaseProvider, market: str, **named: Any) -> Finding:
    return check_contracts(replayed(node, market), open_chain(Rpc(node), market, **named))


def saying(address: str | None) -> dict[str, Any]:
    return {"result": "0x" + encode(["address"], [address]).hex()}


class Deaf(BaseProvider):
    """Refuses some questions, by method and the address that they are about."""

    def __init__(self, honest: BaseProvider, *questions: tuple[str, str]) -> None:
        super().__init__()
        self._honest, self._questions = honest, questions

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if params and (method, params[0]) in self._questions:
            error: Any = {"code": -32601, "message": "not today"}
            return {"jsonrpc": "2.0", "id": 1, "error": error}
        return self._honest.make_request(method, params)


@pytest.fixture(scope="module")
def around(settled: Settled) -> Contracts:
    return open_chain(Rpc(settled.chain), settled.market).contracts


def test_the_contracts_that_a_market_names(settled: Settled) -> None:
    head = open_chain(Rpc(settled.chain), settled.market).block.number
    assert found(settled.chain, settled.market) == Finding(
        "passed",
        "the code of 6 contracts is this release's and names the others, as is proven under the"
        f" state root of block {head}",
    )


def test_contracts_that_the_auditor_names_are_looked_at(
    market: Market, deployment: Deployment
) -> None:
    named = {"bids": str(deployment.bids), "payouts": str(deployment.payouts)}
    told = found(market.node.web3.provider, market.address, **named)
    assert told.detail.startswith("the code of 8 contracts")


@pytest.mark.parametrize("proofs", [True, False])
@pytest.mark.parametrize(
    ("function", "says", "hidden"),
    [
        ("registry()", REFUSED, "ParticipantRegistry"),
        ("registry()", saying(NOBODY_S), "ParticipantRegistry"),
        ("registry()", lambda told: saying(told.challenges), "ParticipantRegistry"),
        ("delays()", REFUSED, "ParticipantRegistry"),
        ("arbiter()", saying(NOBODY_S), "Challenges"),
        ("arbiter()", lambda told: saying(told.registry), "Challenges"),
        ("market()", REFUSED, "Challenges"),
        ("market()", saying(NOBODY_S), "Challenges"),
        ("panel()", lambda told: saying(told.committee), "OracleCommittee"),
    ],
)
def test_a_contract_that_is_hidden_is_named(
    settled: Settled, around: Contracts, function: str, says: Any, hidden: str, proofs: bool
) -> None:
    says = says(around) if callable(says) else says
    node: BaseProvider = LyingContract(settled.chain, function, says)
    if not proofs:
        node = Deaf(node, *(("eth_getProof", each) for each in around.interfaces()))
    told = found(node, settled.market)
    assert told.verdict == "failed"
    address = next(each for each, kind in around.interfaces().items() if kind.name == hidden)
    address = around.panel if hidden == "OracleCommittee" else address
    assert f"names the {hidden} {address}, and the node did not" in told.detail


@pytest.mark.parametrize(
    ("holder", "part", "other"),
    [
        ("market", "registry", "panel"),
        ("market", "challenges", "panel"),
        ("rules", "committee", "registry"),
        ("rules", "panel", "registry"),
        ("payouts", "committee", "panel"),
    ],
)
def test_a_contract_that_the_code_does_not_name_is_named(
    market: Market, deployment: Deployment, holder: str, part: str, other: str
) -> None:
    rpc = Rpc(market.node.web3.provider)
    chain = open_chain(rpc, market.address, payouts=str(deployment.payouts))
    named = str(getattr(chain.contracts, other))
    lied = replace(chain, contracts=replace(chain.contracts, **{part: named}))
    told = check_contracts(replayed(market.node.web3.provider, market.address), lied)
    assert told.verdict == "failed"
    assert (
        f"the node named {named} as {chain.interfaces[named].name}, and the code of"
        f" {getattr(chain.contracts, holder)} names another"
    ) in told.detail


def test_a_committee_that_is_told_for_the_panel_is_named(
    settled: Settled, around: Contracts
) -> None:
    node = LyingContract(settled.chain, "committee()", saying(around.panel))
    told = found(LyingContract(node, "panel()", saying(around.committee)), settled.market)
    assert told == Finding(
        "failed",
        f"the node named {around.panel} as OracleCommittee, and the code of {around.challenges}"
        " names another",
    )


@pytest.mark.parametrize("function", ["rotationDelay()", "stakeCurrency()", "terms()"])
def test_a_view_that_the_code_answers_is_not_refused(settled: Settled, function: str) -> None:
    told = found(LyingContract(settled.chain, function, REFUSED), settled.market)
    assert told.verdict == "failed"
    assert f"the node does not answer {function} of 0x" in told.detail


def test_code_that_is_told_is_held_against_its_proof(settled: Settled, around: Contracts) -> None:
    cut = LyingNode(settled.chain, answers={"eth_getCode": lambda code: code[:-2]})
    told = found(cut, settled.market)
    assert told.verdict == "failed"
    assert f"the node gives other code of {around.market} than is proven" in told.detail

    def shorter(proof: Any) -> Any:
        return {**proof, "accountProof": proof["accountProof"][:-1]}

    told = found(LyingNode(settled.chain, answers={"eth_getProof": shorter}), settled.market)
    assert told.verdict == "failed"
    assert f"the proof of the code of {around.market} does not hold: " in told.detail


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("eth_getProof", "the node gives no proof of the code of {}"),
        ("eth_getCode", "the code of {} is not known: the node refused eth_getCode: not today"),
    ],
)
def test_what_is_not_proven_is_not_passed(
    settled: Settled, around: Contracts, method: str, said: str
) -> None:
    node = Deaf(settled.chain, (method, around.panel))
    assert found(node, settled.market) == Finding("unchecked", said.format(around.panel))


def test_an_archived_log_from_before_this_was_asked_is_not_passed(settled: Settled) -> None:
    class Older(Rpc):
        def code(self, address: str, block: int) -> bytes:
            raise ChainError("the archived log has no answer to eth_getCode", "make it anew")

    chain = open_chain(Rpc(settled.chain), settled.market)
    older = replace(chain, rpc=Older(settled.chain))
    told = check_contracts(replayed(settled.chain, settled.market), older)
    assert told.verdict == "unchecked"
    assert "is not known: the archived log has no answer to eth_getCode" in told.detail


def test_code_of_another_release_is_not_known(
    settled: Settled, around: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = checked._compiled

    def other(kind: str) -> tuple[bytes, tuple[int, ...]]:
        code, places = known(kind)
        return (code[:-1] + b"\x00" if kind == "ModelMarket" else code), places

    monkeypatch.setattr(checked, "_compiled", other)
    said = f"{around.market} has other code than this release's ModelMarket"
    assert found(settled.chain, settled.market) == Finding("unchecked", said)


def test_a_dispute_can_not_be_hidden(trade: AuditedTrade) -> None:
    settled_in_spite_of_a_challenge(trade)
    honest, market = trade.market.node.web3.provider, trade.market.address
    node = LyingContract(honest, "market()", REFUSED)
    report = audit(node, market, trade.store)
    assert not report.ok
    assert {"CONTRACTS", "STORED-AWARDS?", "dispute?"} <= objections(report)
