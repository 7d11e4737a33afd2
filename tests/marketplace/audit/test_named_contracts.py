"""A node that says of the contracts around a market other than their code does, or hides one."""

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

from marketplace.audit import abi, audit
from marketplace.audit.abi import Interface
from marketplace.audit.auditor import replayed
from marketplace.audit.chain import Contracts, open_chain
from marketplace.audit.checks.contracts import check_contracts
from marketplace.audit.report import Finding
from marketplace.audit.rpc import Rpc
from marketplace.chain.artifacts import Artifact, load_artifact
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
    said = around.committee if hidden == "OracleCommittee" else "none"
    name = {"ParticipantRegistry": "registry", "Challenges": "arbiter", "OracleCommittee": "panel"}
    assert f"names {address} as its {name[hidden]}, and the node {said}" in told.detail


@pytest.mark.parametrize(
    ("holder", "name", "part", "other"),
    [
        ("market", "rules", "rules", "panel"),
        ("market", "registry", "registry", "panel"),
        ("market", "arbiter", "challenges", "panel"),
        ("rules", "committee", "committee", "registry"),
        ("rules", "panel", "panel", "registry"),
        ("challenges", "market", "market", "panel"),
        ("challenges", "committee", "committee", "panel"),
        ("payouts", "committees", "committee", "panel"),
        ("committee", "arbiter", "challenges", "panel"),
        ("panel", "arbiter", "challenges", "committee"),
        ("committee", "counterpart", "panel", "registry"),
        ("panel", "counterpart", "committee", "registry"),
    ],
)
def test_a_contract_that_the_code_does_not_name_is_named(
    market: Market, deployment: Deployment, holder: str, name: str, part: str, other: str
) -> None:
    rpc = Rpc(market.node.web3.provider)
    chain = open_chain(rpc, market.address, payouts=str(deployment.payouts))
    named = str(getattr(chain.contracts, other))
    lied = replace(chain, contracts=replace(chain.contracts, **{part: named}))
    told = check_contracts(replayed(market.node.web3.provider, market.address), lied)
    assert told.verdict == "failed"
    assert (
        f"the code of {getattr(chain.contracts, holder)} names"
        f" {getattr(chain.contracts, part)} as its {name}, and the node {named}"
    ) in told.detail


def test_a_committee_that_is_told_for_the_panel_is_named(
    settled: Settled, around: Contracts
) -> None:
    node = LyingContract(settled.chain, "committee()", saying(around.panel))
    told = found(LyingContract(node, "panel()", saying(around.committee)), settled.market)
    assert told.verdict == "failed"
    for holder, name in ((around.rules, "committee"), (around.challenges, "committee")):
        said = f"the code of {holder} names {around.committee} as its {name}, and the node"
        assert f"{said} {around.panel}" in told.detail


def test_terms_are_not_refused(settled: Settled, around: Contracts) -> None:
    told = found(LyingContract(settled.chain, "terms()", REFUSED), settled.market)
    said = f"the node does not answer terms() of {around.challenges}, whose code always does"
    assert told == Finding("failed", said)


WRITTEN = [
    ("committee", "rotationDelay"),
    ("panel", "rotationDelay"),
    ("committee", "unbondingDelay"),
    ("committee", "minStake"),
    ("committee", "stakeCurrency"),
    ("rules", "rulingWindow"),
    ("registry", "_domainsDelay"),
    ("registry", "_joiningDelay"),
    ("registry", "_leavingDelay"),
    ("registry", "_withdrawalDelay"),
    ("registry", "stakeCurrency"),
    ("payouts", "activationDelay"),
]


@pytest.mark.parametrize(("holder", "name"), WRITTEN)
def test_a_value_that_is_told_other_than_the_code_holds_is_found(
    market: Market, deployment: Deployment, holder: str, name: str
) -> None:
    honest, payouts = market.node.web3.provider, str(deployment.payouts)
    chain = open_chain(Rpc(honest), market.address, payouts=payouts)
    lied_of = str(getattr(chain.contracts, holder))
    places = load_artifact(chain.interfaces[lied_of].name).immutables[name]

    def one_more(code: str) -> str:
        told = bytearray.fromhex(code[2:])
        for place in places:
            told[place + 31] ^= 1
        return "0x" + told.hex()

    class Lying(BaseProvider):
        def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
            answer = {**honest.make_request(method, params)}
            if method == "eth_getCode" and params[0] == lied_of:
                answer["result"] = one_more(answer["result"])
            return answer  # type: ignore[return-value]

    told = found(Lying(), market.address, payouts=payouts)
    assert told == Finding("failed", f"the node gives other code of {lied_of} than is proven")


@pytest.mark.parametrize("says", [REFUSED, {"result": "0x" + f"{77:064x}"}])
@pytest.mark.parametrize("function", ["rotationDelay()", "stakeCurrency()"])
def test_what_is_written_in_the_code_no_view_can_alter(
    settled: Settled, function: str, says: dict[str, Any]
) -> None:
    node = LyingContract(settled.chain, function, says)
    assert audit(node, settled.market, settled.store) == audit(
        settled.chain, settled.market, settled.store
    )


def test_values_are_read_out_of_whole_code_only(settled: Settled, around: Contracts) -> None:
    interface = Interface("OracleCommittee")
    code = open_chain(Rpc(settled.chain), settled.market).code(around.panel)
    words = interface.written(code)
    assert words is not None
    assert int.from_bytes(words["unbondingDelay"], "big") > 0
    place = load_artifact("OracleCommittee").immutables["unbondingDelay"][0] + 31
    assert interface.written(code[:place] + b"\x07" + code[place + 1 :]) is None  # the other is not
    assert interface.written(code[:-1]) is None
    assert interface.written(b"") is None


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
    def later(contract: str) -> Artifact:
        known = load_artifact(contract)
        code = known.deployed_bytecode[:-1] + b"\x00"
        return replace(known, deployed_bytecode=code) if contract == "ModelMarket" else known

    monkeypatch.setattr(abi, "load_artifact", later)
    said = f"{around.market} has other code than this release's ModelMarket"
    assert found(settled.chain, settled.market) == Finding("unchecked", said)


def test_a_dispute_can_not_be_hidden(trade: AuditedTrade) -> None:
    settled_in_spite_of_a_challenge(trade)
    honest, market = trade.market.node.web3.provider, trade.market.address
    node = LyingContract(honest, "market()", REFUSED)
    report = audit(node, market, trade.store)
    assert not report.ok
    assert {"CONTRACTS", "STORED-AWARDS?", "dispute?"} <= objections(report)
