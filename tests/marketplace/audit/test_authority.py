"""Who signed with what authority, and who declared to be one party with whom."""

from __future__ import annotations

import pytest
from audited_trade import AuditedTrade
from cases import case_of
from cast_of_trade import Cast
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from tampering import LyingNode, changing, dropping, objections, renaming

from marketplace.audit import Report, audit
from marketplace.audit.checks.terms import check_conflicts
from marketplace.audit.report import Check, Finding
from marketplace.chain.deploy import Terms
from marketplace.chain.market import Market

DELAYS = Terms()


def report_on(trade: AuditedTrade) -> Report:
    return audit(trade.market.node.web3.provider, trade.market.address, trade.store)


def found(report: Report, name: str) -> Check:
    return next(check for check in report.checks if check.name == name)


def affiliate(market: Market, founder: LocalAccount, member: LocalAccount, left: int = 0) -> bytes:
    """Put two accounts into one group, and wait until both count, or will in `left` seconds."""
    registry, node = market.registry, market.node
    node.send(founder, registry.functions.foundGroup(keccak(text="a group")))
    group = bytes(node.call(registry.functions.affiliationOf(founder.address)))
    node.send(founder, registry.functions.setInvitation(member.address, True))
    node.send(member, registry.functions.joinGroup(group))
    node.advance_time(DELAYS.joining_delay - left)
    return group


def test_each_signer_is_named_with_its_seat_and_its_committee(
    trade: AuditedTrade, market: Market, parties: Cast
) -> None:
    trade.to_gate()
    members = [signer.address for signer in parties.signers]
    rotate = market.committee.functions.scheduleRotation(members, 3)
    market.node.send(parties.admin, rotate)
    trade.attempt(seats=(0, 2))
    check = found(report_on(trade), "quorum")
    data, attempt = check.detail.split(": ", 1)[1].split("; ")
    assert check.verdict == "passed"
    assert data.endswith(f"by seat 0 {members[0]}, seat 1 {members[1]} of committee 1")
    assert attempt.endswith(f"by seat 0 {members[0]}, seat 2 {members[2]} of committee 1")
    assert "had taken office" not in data
    assert "(when committee 2 had taken office)" in attempt


def test_nobody_in_a_group_has_no_conflict_at_the_acceptance_or_at_the_data_report(
    trade: AuditedTrade,
) -> None:
    said = "no two conflicting roles were in one group (nobody was in any)"
    trade.ask()
    assert check_conflicts(case_of(trade)) == Finding(
        "open", "the trade is running and has seen no accepted quote yet"
    )
    trade.accept()
    assert check_conflicts(case_of(trade)) == Finding("passed", f"at the acceptance {said}")
    trade.report_data()
    both = f"at the acceptance and at the data report {said}"
    assert check_conflicts(case_of(trade)) == Finding("passed", both)


def test_parties_of_one_group_conflict_until_they_have_left_it(
    trade: AuditedTrade, market: Market, parties: Cast
) -> None:
    provider = parties.providers[0]
    group = affiliate(market, parties.buyer, provider)
    market.node.send(provider, market.registry.functions.leaveGroup())
    market.node.advance_time(DELAYS.leaving_delay)
    trade.to_gate()
    honest = report_on(trade)
    assert found(honest, "conflicts").verdict == "passed"
    assert f"buyer {parties.buyer.address} in 0x{group.hex()}" in found(honest, "conflicts").detail
    never_left = LyingNode(market.node.web3.provider, dropping("GroupLeft"))
    report = audit(never_left, market.address, trade.store)
    assert objections(report) == {"conflicts", "MEMBERSHIPS"}
    assert provider.address in found(report, "conflicts").detail


@pytest.mark.parametrize("role", ["provider", "treasury"])
def test_a_judge_in_one_group_with_a_party_conflicts(
    trade: AuditedTrade, market: Market, parties: Cast, role: str
) -> None:
    judge = parties.signers[0]
    party = {"provider": parties.providers[0], "treasury": parties.treasury}[role]
    affiliate(market, judge, party)
    market.node.send(party, market.registry.functions.leaveGroup())
    market.node.advance_time(DELAYS.leaving_delay)
    trade.to_gate()
    assert report_on(trade).ok
    never_left = LyingNode(market.node.web3.provider, dropping("GroupLeft"))
    report = audit(never_left, market.address, trade.store)
    assert objections(report) == {"conflicts", "MEMBERSHIPS"}
    named = f"the {role} {party.address} and the judge {judge.address}"
    assert named in found(report, "conflicts").detail


def test_a_signer_that_joins_a_party_later_is_a_warning(
    trade: AuditedTrade, market: Market, parties: Cast
) -> None:
    judge, provider, left = parties.signers[0], parties.providers[0], 600
    affiliate(market, judge, provider, left)
    trade.to_gate()
    market.node.advance_time(left)
    trade.attempt()
    report = report_on(trade)
    assert report.ok
    assert [check.name for check in report.warnings] == ["judges"]
    told = f"the signer {judge.address} was in one group with its provider {provider.address}"
    assert report.warnings[0].detail == f"AttemptReported of trade 0x{trade.id.hex()}: {told}"


@pytest.mark.parametrize("losing", ["experts", "signers"])
def test_a_juror_with_an_interest_signs_no_ruling_for_it(
    trade: AuditedTrade, market: Market, parties: Cast, losing: str
) -> None:
    jury = parties.panel
    affiliate(market, getattr(parties, losing)[0], jury[2])
    trade.to_passed()
    trade.challenge()
    trade.uphold()
    trade.finish()
    assert report_on(trade).ok
    for alter, said, also in (
        (
            changing("Challenged", (5,), 0),
            "seats (0, 0) are barred from ruling where (4, 0) have an interest",
            set(),
        ),
        (
            changing("Challenged", (6,), 4),
            "seats (4, 4) are barred from ruling where (4, 0) have an interest",
            set(),
        ),
        (
            renaming("GroupJoined", 2, jury[0].address, 1),
            f"{jury[0].address} signed VerdictUpheld and had an interest in it",
            {"MEMBERSHIPS"},
        ),
    ):
        node = LyingNode(market.node.web3.provider, alter)
        report = audit(node, market.address, trade.store)
        assert objections(report) == {"dispute"} | also
        assert said in found(report, "dispute").detail


def test_who_challenges_is_of_no_juror_s_party(
    trade: AuditedTrade, market: Market, parties: Cast
) -> None:
    challenger, juror = parties.stranger, parties.panel[0]
    affiliate(market, challenger, juror)
    market.node.send(juror, market.registry.functions.leaveGroup())
    market.node.advance_time(DELAYS.leaving_delay)
    trade.to_passed()
    trade.challenge()
    trade.uphold()
    trade.finish()
    assert report_on(trade).ok
    never_left = LyingNode(market.node.web3.provider, dropping("GroupLeft"))
    report = audit(never_left, market.address, trade.store)
    assert objections(report) == {"dispute", "MEMBERSHIPS"}
    told = f"{challenger.address} was of one party with the juror {juror.address}"
    assert told in found(report, "dispute").detail
