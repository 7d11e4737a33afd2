"""On whose word an auditor's finding counts, held against the transaction that brought it.

Transactions are real ones; what is claimed of them differs from test to test.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from audited_trade import AuditedTrade, Settled
from cases import case_of
from eth_utils.crypto import keccak
from tampering import LyingNode, each_sent

from marketplace.audit.case import Case
from marketplace.audit.checks.order import check_attempts, check_audit_signature, check_verdicts
from marketplace.audit.report import Finding
from marketplace.audit.rpc import Rpc
from marketplace.audit.trade import Trade
from marketplace.protocol.states import State


def signed(case: Case, trade: Trade) -> Finding:
    """Return what is found of the finding if the trade were another one."""
    found = check_audit_signature(replace(case, trade=trade))
    assert found is not None
    return found


def audited_by(trade: Trade, auditor: str) -> Trade:
    return replace(trade, request=replace(trade.request, auditor=auditor))


def attested_in(trade: Trade, **where: Any) -> Trade:
    attestations = [replace(each, **where) for each in trade.attestations]
    return replace(trade, attestations=attestations)


def lied(case: Case, trade: AuditedTrade, lie: Callable[[Any], Any]) -> Case:
    """Return the case as a node tells it that lies of single transactions."""
    honest = trade.market.node.web3.provider
    node = LyingNode(honest, answers={"eth_getBlockByNumber": each_sent(lie)})
    return replace(case, chain=replace(case.chain, rpc=Rpc(node)))


@pytest.fixture
def case(settled: Settled) -> Case:
    """A stranger's settlement brought the auditor's signed finding."""
    return case_of(settled.trade, settled.chain)


@pytest.fixture
def own(trade: AuditedTrade) -> Case:
    """The auditor sent its finding itself, without a signature."""
    trade.to_passed()
    trade.attest()
    trade.send_attestation()
    return case_of(trade)


def test_a_finding_that_is_signed_or_sent_by_its_auditor_is_its_own(case: Case, own: Case) -> None:
    for each in (case, own):
        auditor = each.trade.request.auditor
        said = f"{auditor} signed its finding, or sent it itself"
        assert check_audit_signature(each) == Finding("passed", said)


def test_a_finding_without_a_signature_is_its_sender_s_only(own: Case) -> None:
    other = own.trade.request.buyer
    said = f"the signature under the finding: it is by nobody, not by {other}"
    assert signed(own, audited_by(own.trade, other)) == Finding("failed", said)


def test_a_transaction_that_brings_no_finding_is_named(case: Case) -> None:
    assert case.trade.data is not None
    data = case.trade.data
    found = signed(case, attested_in(case.trade, transaction=data.transaction, block=data.block))
    assert found == Finding("failed", "reportData reports no finding of this trade")


def test_a_finding_of_another_trade_is_named(case: Case) -> None:
    found = signed(case, replace(case.trade, id=keccak(text="another one")))
    assert found == Finding("failed", "settle reports no finding of this trade")


def test_who_sends_another_one_s_signature_has_not_signed(case: Case, settled: Settled) -> None:
    stranger = settled.trade.parties.stranger.address
    found = signed(case, audited_by(case.trade, stranger))
    assert found.verdict == "failed"
    assert found.detail.startswith("the signature under the finding: ")


def test_without_a_signature_only_the_auditor_may_send_it(own: Case, trade: AuditedTrade) -> None:
    found = signed(own, audited_by(own.trade, trade.parties.stranger.address))
    assert found.verdict == "failed"
    assert found.detail.startswith("the signature under the finding: ")


def test_who_sent_it_is_who_signed_the_transaction(own: Case, trade: AuditedTrade) -> None:
    """Whoever the node says it was."""
    stranger = trade.parties.stranger.address

    told = lied(own, trade, lambda sent: {**sent, "from": stranger})
    assert signed(told, own.trade).verdict == "passed"
    assert signed(told, audited_by(own.trade, stranger)).verdict == "failed"


@pytest.mark.parametrize(
    ("length", "why"),
    [(3, "it calls no function of this contract"), (40, "attestAudit is malformed: ")],
)
def test_a_transaction_that_can_not_be_read_brings_no_finding(
    own: Case, trade: AuditedTrade, length: int, why: str
) -> None:
    (attested,) = own.trade.attestations
    sent = own.chain.rpc.transaction(attested.transaction, attested.block)
    assert sent is not None
    numbers = {"nonce": 0, "gas": 90_000, "gasPrice": 5, "value": 0}
    draft: Any = {**numbers, "to": sent.receiver, "data": sent.data[:length]}
    cut = trade.parties.auditor.sign_transaction(draft)
    told = {
        **{name: hex(value) for name, value in numbers.items()},
        **{name: hex(getattr(cut, name)) for name in ("v", "r", "s")},
        "hash": "0x" + cut.hash.hex(),
        "from": trade.parties.auditor.address,
        "to": sent.receiver,
        "input": "0x" + sent.data[:length].hex(),
    }
    claimed = attested_in(own.trade, transaction=bytes(cut.hash))
    found = signed(lied(own, trade, lambda _: told), claimed)
    assert found.verdict == "failed"
    assert found.detail.startswith(f"the transaction of the finding is unreadable: {why}")


@pytest.mark.parametrize(
    "forged",
    [
        lambda own, trade: {"from": own.trade.request.auditor, "r": "0x1", "s": "0x1"},
        lambda own, trade: {"from": trade.parties.stranger.address},
        lambda own, trade: {"to": trade.parties.stranger.address},
        lambda own, trade: {"input": "0x"},
    ],
)
def test_nothing_is_believed_of_a_transaction_of_an_unknown_type(
    own: Case, trade: AuditedTrade, forged: Callable[[Case, AuditedTrade], dict[str, str]]
) -> None:
    """What can't be hashed may be forged: sender, receiver and what was sent."""
    named = "0x" + own.trade.attestations[0].transaction.hex()
    strange = lied(own, trade, lambda sent: {**sent, "type": "0x7f", **forged(own, trade)})
    assert signed(strange, own.trade) == Finding(
        "unchecked",
        f"the finding's transaction {named} is, by the node's word, of type 127, which this"
        " audit can't encode",
    )


def test_a_finding_that_is_not_its_auditor_s_is_named_beside_one_that_can_not_be_looked_at(
    case: Case,
) -> None:
    (attested,) = case.trade.attestations
    assert case.trade.data is not None
    data = case.trade.data
    other = replace(attested, transaction=data.transaction, block=data.block)
    lacking = replace(attested, transaction=keccak(text="a transaction that no node knows"))
    for attestations in ([other, lacking], [lacking, other]):
        found = signed(case, replace(case.trade, attestations=attestations))
        assert found == Finding("failed", "reportData reports no finding of this trade")
    alone = signed(case, replace(case.trade, attestations=[attested, lacking]))
    assert alone.verdict == "missing"
    lacks = f"block {attested.block} lacks the finding's transaction 0x"
    assert alone.detail.startswith(lacks)


def test_a_finding_that_was_signed_for_another_attempt_is_named(case: Case) -> None:
    auditor = case.trade.request.auditor
    *earlier, last = case.trade.attempts
    other = replace(last, finding=replace(last.finding, model=keccak(text="another model")))
    for attempts in ([*earlier, other], []):
        found = signed(case, replace(case.trade, attempts=attempts))
        assert found.verdict == "failed"
        assert found.detail.startswith("the signature under the finding:")
        assert auditor in found.detail


def test_without_a_finding_there_is_nothing_to_sign(case: Case) -> None:
    silent = replace(case.trade, attestations=[])
    assert check_audit_signature(replace(case, trade=silent)) is None
    running = replace(silent, state=State.PASSED)
    assert check_audit_signature(replace(case, trade=running)) == Finding(
        "open", "the trade is running and has seen no audit yet"
    )


# ------------------------------------------------------------------------- attempts


def test_what_became_of_the_attempts_is_said(case: Case) -> None:
    first, _ = case.trade.attempts
    for attempts, said in (
        (case.trade.attempts, "2 of 2 attempts were used, and the last passed"),
        ([first], "1 of 2 attempts were used, and none passed"),
    ):
        found = check_attempts(replace(case, trade=replace(case.trade, attempts=attempts)))
        assert found == Finding("passed", said)


def test_a_pass_delivers_and_divides_and_a_failure_does_not(case: Case) -> None:
    first, last = case.trade.attempts
    count = len(last.finding.amounts)
    exchanged = [
        replace(first, finding=replace(last.finding, amounts=(1, 2, 3))),
        replace(last, finding=replace(first.finding, amounts=())),
    ]
    found = check_verdicts(replace(case, trade=replace(case.trade, attempts=exchanged)))
    assert found is not None
    assert found.detail.split("; ") == [
        f"attempt 1: it failed with delivery 0x{last.finding.delivery.hex()}",
        f"attempt 1: it failed and divides the pool among {count} experts",
        f"attempt 2: it passed with delivery 0x{bytes(32).hex()}",
        "attempt 2: it passed and divides the pool among 0 experts",
    ]
