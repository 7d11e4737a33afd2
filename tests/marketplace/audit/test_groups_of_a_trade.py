"""Who of a trade's roles were in one group, looked at when each step fills its roles."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from audited_trade import Settled
from eth_utils.crypto import keccak
from telling import told

from marketplace.audit.affiliations import Affiliations
from marketplace.audit.auditor import replayed
from marketplace.audit.trade import Trade

GROUP = keccak(text="a group")
OTHER = keccak(text="another group")
SECOND = 100


@pytest.fixture
def trade(settled: Settled) -> Trade:
    (trade,) = replayed(settled.chain, settled.market).trades.values()
    return copy.deepcopy(trade)


def grouped(*accounts: str, group: bytes = GROUP) -> Affiliations:
    affiliations = Affiliations()
    for account in accounts:
        affiliations.take(told("GroupJoined", account=account, group=group, effectiveAt=0))
    return affiliations


def look(affiliations: Affiliations, trade: Trade, *names: str, signers: int = 0) -> None:
    for name in names:
        affiliations.look(trade, told(name, SECOND, signers=signers))


def test_experts_are_looked_at_when_the_gate_names_them_and_not_again(trade: Trade) -> None:
    buyer, expert = trade.request.buyer, trade.roles["expert"][0]
    affiliations, group = grouped(buyer, expert), f"0x{GROUP.hex()}"
    look(affiliations, trade, "QuoteAccepted")
    assert affiliations.declared[trade.id] == [f"buyer {buyer} in {group}"]
    assert affiliations.conflicts[trade.id] == []
    conflict = f"the buyer {buyer} and the expert {expert} were both in group {group}"
    look(affiliations, trade, "DataReported")
    for later in ("AttemptReported", "ScoresOpened", "TradeSettled"):
        assert affiliations.declared[trade.id][1:] == [f"expert {expert} in {group}"]
        assert affiliations.conflicts[trade.id] == [conflict]
        look(affiliations, trade, later)
    assert affiliations.conflicts[trade.id] == [conflict]


def test_who_fills_the_earlier_roles_is_looked_at_when_the_quote_is_accepted(trade: Trade) -> None:
    buyer, provider = trade.request.buyer, trade.roles["provider"][0]
    affiliations = grouped(buyer, provider)
    look(affiliations, trade, "QuoteAccepted", "DataReported", "AttemptReported")
    assert affiliations.conflicts[trade.id] == [
        f"the buyer {buyer} and the provider {provider} were both in group 0x{GROUP.hex()}"
    ]


def test_the_auditor_is_in_no_group_with_the_treasury(trade: Trade) -> None:
    treasury, auditor = trade.request.treasury, trade.request.auditor
    affiliations = grouped(treasury, auditor)
    look(affiliations, trade, "QuoteAccepted")
    assert affiliations.conflicts[trade.id] == [
        f"the treasury {treasury} and the auditor {auditor} were both in group 0x{GROUP.hex()}"
    ]


@pytest.mark.parametrize("name", ["DataReported", "AttemptReported"])
def test_each_signer_in_one_group_with_a_party_is_named(trade: Trade, name: str) -> None:
    judge, provider = trade.members[1], trade.roles["provider"][0]
    affiliations = grouped(judge, provider)
    look(affiliations, trade, "QuoteAccepted", name, signers=0b101)
    assert affiliations.judges == []
    look(affiliations, trade, name, signers=0b010)
    said = f"the signer {judge} was in one group with its provider {provider}"
    assert affiliations.judges == [f"{name} of trade {trade.name}: {said}"]


def test_signers_in_other_groups_or_none_and_seats_that_are_not_there_are_not_named(
    trade: Trade,
) -> None:
    judge, provider = trade.members[0], trade.roles["provider"][0]
    affiliations = grouped(judge)
    affiliations.take(told("GroupJoined", account=provider, group=OTHER, effectiveAt=0))
    look(affiliations, trade, "AttemptReported", signers=0b1001_0111)
    assert affiliations.judges == []


def test_a_signer_that_is_a_party_is_named_with_its_role(trade: Trade) -> None:
    judge = trade.members[0]
    own = replace(trade, request=replace(trade.request, broker=judge))
    affiliations = grouped(judge)
    look(affiliations, own, "AttemptReported", signers=0b11)
    assert affiliations.judges == [
        f"AttemptReported of trade {own.name}: the signer {judge} is its broker"
    ]


def test_each_step_into_or_out_of_a_group_counts_later() -> None:
    affiliations = Affiliations()
    steps = [
        told("GroupFounded", 10, group=GROUP, founder="one", content=OTHER),
        told("GroupJoined", 10, group=GROUP, account="one", effectiveAt=10),
        told("GroupJoined", 20, group=GROUP, account="two", effectiveAt=30),
        told("GroupLeft", 29, group=GROUP, account="two", effectiveAt=29),
        told("GroupLeft", 10, group=GROUP, account="one", effectiveAt=17),
        told("GroupLeft", 10, group=GROUP, account="whom nobody knows", effectiveAt=18),
    ]
    for step in steps:
        affiliations.take(step)
    assert [(c.account, c.what, c.wait) for c in affiliations.changes] == [
        ("one", "founded", 0),
        ("two", "joined", 10),
        ("two", "took back", 0),
        ("one", "left", 7),
        ("whom nobody knows", "left", 8),
    ]
