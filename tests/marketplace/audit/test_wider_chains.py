"""Chains on which more happens than one trade: rotations, new fees, contract wallets, Anvil."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from audit_chain import FEE_BPS, TERMS, deployed
from audited_trade import AuditedTrade, Settled
from cast_of_trade import Cast
from eth_utils.crypto import keccak
from tampering import LyingNode, each_sent, objections
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from marketplace.audit import audit
from marketplace.chain.client import Node
from marketplace.chain.devnet import DevnetProvider, open_devnet
from marketplace.chain.devnet.accounts import well_known_accounts
from marketplace.chain.market import Market
from marketplace.protocol.agreement import amounts_hash, record_hash
from marketplace.protocol.structs import Struct
from offchain.storage.disk import DiskStore

ACCEPTS = bytes.fromhex("47 15 631626ba7e 02 60e0 1b 6000 52 6020 6000 f3")
"""Code of a wallet that accepts every signature (ERC-1271) as long as it holds no coin."""


@dataclass(frozen=True)
class ContractWallet:
    """A provider whose account is a contract; its signature is whatever the contract accepts."""

    address: str

    def sign_message(self, signable: object) -> SimpleNamespace:
        return SimpleNamespace(signature=b"any bytes at all")


def deploy_code(node: Node, parties: Cast, code: bytes) -> str:
    """Put bytes of code on the chain; returns their address."""
    size = len(code)
    creation = bytes([0x60, size, 0x60, 12, 0x60, 0, 0x39, 0x60, size, 0x60, 0, 0xF3]) + code
    transaction: Any = {"from": parties.stranger.address, "data": creation}
    sent = node.web3.eth.send_transaction(transaction)
    return str(node.web3.eth.wait_for_transaction_receipt(sent)["contractAddress"])


def deploy_wallet(node: Node, parties: Cast) -> ContractWallet:
    return ContractWallet(deploy_code(node, parties, ACCEPTS))


def forwarder_to(contract: str) -> bytes:
    """Return the code of a contract that calls another with whatever it is called with."""
    before, after = "365f5f37 5f5f365f5f73", "5af1 15602557 00 5b5f5ffd"
    return bytes.fromhex(before + contract[2:] + after)


def test_a_contract_wallet_signs_as_it_says_itself(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    wallet: Any = deploy_wallet(market.node, parties)
    providers = sorted(
        [*parties.providers[:2], wallet], key=lambda account: int(account.address, 16)
    )
    trade = AuditedTrade(market, store, replace(parties, providers=tuple(providers)))
    trade.to_passed()
    trade.finish()
    # From now on the wallet accepts nothing; what counts is the block of the acceptance.
    market.node.transfer(parties.stranger, wallet.address, 1)
    provider = market.node.web3.provider
    assert audit(provider, market.address, store).ok


def test_an_expert_s_contract_wallet_is_asked_as_of_its_attempt(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    wallet: Any = deploy_wallet(market.node, parties)
    experts = sorted([*parties.experts[:2], wallet], key=lambda account: int(account.address, 16))
    trade = AuditedTrade(market, store, replace(parties, experts=tuple(experts)))
    trade.to_passed()
    trade.finish()
    market.node.transfer(parties.stranger, wallet.address, 1)  # it accepts nothing any more
    assert audit(market.node.web3.provider, market.address, store).ok


def test_a_contract_wallet_that_refuses_is_named(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    wallet: Any = deploy_wallet(market.node, parties)
    providers = sorted(
        [*parties.providers[:2], wallet], key=lambda account: int(account.address, 16)
    )
    trade = AuditedTrade(market, store, replace(parties, providers=tuple(providers)))
    trade.to_funded()
    magic = "0x" + "1626ba7e".ljust(64, "0")
    no = {"eth_call": lambda answer: "0x" + "00" * 32 if answer == magic else answer}
    node = LyingNode(market.node.web3.provider, answers=no)
    report = audit(node, market.address, store)
    assert objections(report) == {"quote-signatures"}
    assert wallet.address in report.objections[0].detail


def test_a_finding_that_came_through_a_contract_is_unchecked_and_never_passed(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    forwarder = deploy_code(market.node, parties, forwarder_to(market.address))
    through = Market(market.node, market.address)
    through.contract = market.node.contract("ModelMarket", forwarder)
    trade.to_passed()
    trade.publish()
    trade.attest()
    trade.lapse()
    trade.market = through
    trade.settle()
    report = audit(market.node.web3.provider, market.address, store)
    assert report.ok
    assert {c.name for c in report.checks if c.verdict == "unchecked"} == {
        "anchor",
        "audit-signature",
    }
    assert {c.verdict for c in report.checks} == {"passed", "unchecked"}


def test_an_audit_signature_that_a_node_tells_otherwise_is_named(
    trade: AuditedTrade, market: Market, store: DiskStore
) -> None:
    trade.to_passed()
    trade.attest()
    trade.finish()
    signature = trade.audit.signature.hex()

    def spoiled(transaction: dict[str, Any]) -> dict[str, Any]:
        return {**transaction, "input": transaction["input"].replace(signature, signature[::-1])}

    node = LyingNode(
        market.node.web3.provider, answers={"eth_getBlockByNumber": each_sent(spoiled)}
    )
    found = objections(audit(node, market.address, store))
    assert found == {"TRANSACTIONS", "audit-signature"}


def another_call(trade: AuditedTrade) -> str:
    call: str = trade.market.contract.encode_abi("expire", [trade.id])
    return call


def another_trade(trade: AuditedTrade) -> str:
    last = trade.attempts[-1]
    known = amounts_hash(last.finding.amounts), record_hash(last.record)
    parts = (trade.deal, trade.gate, trade.request.committee, *known, trade.audit)
    plain = [part.as_tuple() if isinstance(part, Struct) else part for part in parts]
    call: str = trade.market.contract.encode_abi("attestAudit", [keccak(b"another"), *plain])
    return call


def no_call(trade: AuditedTrade) -> str:
    return "0x12345678"


@pytest.mark.parametrize("told", [another_call, another_trade, no_call])
def test_a_finding_that_was_sent_in_another_call_is_named(
    trade: AuditedTrade,
    market: Market,
    store: DiskStore,
    told: Callable[[AuditedTrade], str],
) -> None:
    trade.to_passed()
    trade.attest()
    altered = told(trade)
    trade.send_attestation()
    trade.finish()
    lie = {"eth_getBlockByNumber": each_sent(lambda sent: {**sent, "input": altered})}
    found = objections(
        audit(LyingNode(market.node.web3.provider, answers=lie), market.address, store)
    )
    assert "audit-signature" in found


def test_an_auditor_that_signs_what_it_sends_is_held_to_it(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    trade.to_passed()
    trade.attest()
    signature = trade.audit.signature.hex()
    trade.send_attestation(by=parties.stranger)

    def by_the_auditor(sent: dict[str, Any]) -> dict[str, Any]:
        spoilt = sent["input"].replace(signature, signature[::-1])
        return {**sent, "from": parties.auditor.address, "input": spoilt}

    trade.finish()
    node = LyingNode(
        market.node.web3.provider, answers={"eth_getBlockByNumber": each_sent(by_the_auditor)}
    )
    assert "audit-signature" in objections(audit(node, market.address, store))


@pytest.mark.parametrize("sender", ["auditor", "stranger"])
def test_of_a_strange_type_of_transaction_the_node_s_word_is_not_believed(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast, sender: str
) -> None:
    trade.to_passed()
    trade.attest()
    trade.send_attestation()
    trade.finish()
    said = getattr(parties, sender).address
    strange = each_sent(lambda sent: {**sent, "type": "0x7e", "from": said})
    lie = {"eth_getBlockByNumber": strange}
    report = audit(LyingNode(market.node.web3.provider, answers=lie), market.address, store)
    (check,) = (check for check in report.checks if check.name == "audit-signature")
    assert check.verdict == "unchecked"
    assert objections(report) == {"TRANSACTIONS"}  # their receipts are of other types


def test_a_finding_whose_transaction_the_node_lacks_is_missing(
    trade: AuditedTrade, market: Market, store: DiskStore
) -> None:
    trade.to_passed()
    trade.attest()
    trade.finish()
    lacking = {"eth_getBlockByNumber": each_sent(lambda sent: None)}
    report = audit(LyingNode(market.node.web3.provider, answers=lacking), market.address, store)
    assert objections(report) == {"TRANSACTIONS", "audit-signature?"}


def test_a_finding_is_found_in_its_block_though_the_node_does_not_know_it_by_its_hash(
    trade: AuditedTrade, market: Market, store: DiskStore
) -> None:
    trade.to_passed()
    trade.attest()
    trade.finish()
    forgetful = {"eth_getTransactionByHash": lambda sent: None}
    report = audit(LyingNode(market.node.web3.provider, answers=forgetful), market.address, store)
    (check,) = (check for check in report.checks if check.name == "audit-signature")
    assert check.verdict == "passed"


def test_a_trade_keeps_the_committee_and_fee_of_its_request(
    trade: AuditedTrade, market: Market, store: DiskStore, parties: Cast
) -> None:
    trade.to_funded()
    newcomers = [parties.signers[0].address, parties.stranger.address]
    newcomers.sort(key=lambda address: int(address, 16))
    others = [judge.address for judge in parties.panel[1:]]
    for office, members in ((market.committee, newcomers), (market.panel, others)):
        for member in members:
            stake = office.functions.stake(member, TERMS.min_stake)
            market.node.send(parties.admin, stake, value=TERMS.min_stake)
        market.node.send(parties.admin, office.functions.scheduleRotation(members, 2))
    change = market.rules.functions.setFee(FEE_BPS + 1, parties.admin.address)
    market.node.send(parties.admin, change)
    later = AuditedTrade(market, store, parties, salt="after the rotation")
    later.to_funded()
    trade.report_data()
    trade.attempt()
    trade.finish()
    report = audit(market.node.web3.provider, market.address, store)
    assert report.ok
    terms = {c.trade: c.detail for c in report.checks if c.name == "terms"}
    assert f"a fee of {FEE_BPS} basis points" in terms[trade.name]
    assert f"a fee of {FEE_BPS + 1} basis points" in terms[later.name]


def test_a_rotation_that_was_called_off_leaves_the_committee_in_office(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    slow = replace(TERMS, rotation_delay=1_000)
    node, deployment = deployed(market.node.web3.provider, parties, slow)
    own = Market(node, deployment.market)
    for _ in range(2):
        rotation = [signer.address for signer in parties.signers[:2]]
        node.send(parties.admin, own.committee.functions.scheduleRotation(rotation, 2))
    node.send(parties.admin, own.committee.functions.cancelRotation())
    node.advance_time(2_000)
    trade = AuditedTrade(own, store, parties)
    trade.to_passed()
    trade.finish()
    report = audit(market.node.web3.provider, deployment.market, store)
    assert report.ok
    assert "committee 1," in next(c.detail for c in report.checks if c.name == "terms")


def test_a_ruling_by_an_arbiter_of_another_kind_can_not_be_recomputed(
    market: Market, store: DiskStore, parties: Cast
) -> None:
    node = market.node
    arbiter = parties.stranger
    foreign = node.deploy(
        parties.admin,
        "ModelMarket",
        market.rules.address,
        market.registry.address,
        arbiter.address,
    )
    trade = AuditedTrade(Market(node, foreign.address), store, parties)
    trade.to_passed()
    trade.market.send(arbiter, "dispute", trade.id)
    trade.market.send(arbiter, "rule", trade.id, False)
    trade.finish()
    report = audit(node.web3.provider, foreign.address, store)
    assert objections(report) == {"CONTRACTS", "dispute?", "STORED-AWARDS?"}
    (contracts,) = (check for check in report.checks if check.name == "contracts")
    for office in (market.committee, market.panel):  # they stay those of the first market
        told = f"the code of {office.address} names {market.challenges.address} as its arbiter"
        assert f"{told}, and the node {arbiter.address}" in contracts.detail
    unchecked = {check.name for check in report.checks if check.verdict == "unchecked"}
    assert unchecked == {"anchor", "stored-challenges", "stored-seals"}


def test_a_saved_chain_is_audited_as_the_live_one(settled: Settled, tmp_path: Path) -> None:
    saved = settled.chain.devnet.save(tmp_path / "chain")
    reopened = DevnetProvider(open_devnet(saved))
    live = audit(settled.chain, settled.market, settled.store)
    assert audit(reopened, settled.market, settled.store) == live


@pytest.fixture
def anvil(anvil_url: str) -> HTTPProvider:
    """Anvil, with coins for all accounts of the devnet: it funds fewer itself."""
    provider = HTTPProvider(anvil_url)
    for account in well_known_accounts():
        provider.make_request(RPCEndpoint("anvil_setBalance"), [account.address, hex(10**24)])
    return provider


@pytest.mark.anvil
def test_a_trade_on_anvil_passes(anvil: HTTPProvider, store: DiskStore, parties: Cast) -> None:
    node, deployment = deployed(anvil, parties)
    trade = AuditedTrade(Market(node, deployment.market), store, parties)
    trade.to_passed()
    trade.finish()
    head = anvil.make_request(RPCEndpoint("eth_getBlockByNumber"), ["latest", False])["result"]
    anchor = bytes.fromhex(head["hash"][2:])
    report = audit(anvil, deployment.market, store, anchor=anchor)
    assert {check.verdict for check in report.checks} == {"passed"}


@pytest.mark.anvil
def test_a_lie_on_anvil_is_named(anvil: HTTPProvider, store: DiskStore, parties: Cast) -> None:
    node, deployment = deployed(anvil, parties)
    trade = AuditedTrade(Market(node, deployment.market), store, parties)
    trade.to_gate()
    trade.attempt(amounts=lambda amounts: [amounts[0] - 1, amounts[1] + 1, amounts[2]])
    trade.finish()
    assert objections(audit(anvil, deployment.market, store)) == {"allocation"}
