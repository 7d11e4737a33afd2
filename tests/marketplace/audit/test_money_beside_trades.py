"""Money of no trade: every movement is in the ledger, and each alteration of one is named."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from io import StringIO
from typing import Any, get_args
from xml.etree import ElementTree

import pytest
from cast_of_trade import Cast, cast
from eth_utils.abi import function_abi_to_4byte_selector
from everything import BOND, DEPOSIT, EARNED, STAKE, Everything, play
from tampering import Alter, LyingNode, changing, dropping, objections, renaming, repeating
from web3.providers import BaseProvider
from web3.types import RPCEndpoint, RPCResponse

from marketplace.audit import Report
from marketplace.audit.reporting.flow import flow_beside
from marketplace.audit.reporting.ledger import ledger
from marketplace.audit.reporting.page import page
from marketplace.audit.reporting.purposes import purpose_of
from marketplace.audit.reporting.records import Movement, Reason
from marketplace.chain.artifacts import load_artifact

SOMEBODY, STRANGER = cast().treasury.address, cast().stranger.address


@pytest.fixture(scope="module")
def everything(parties: Cast, tmp_path_factory: pytest.TempPathFactory) -> Everything:
    return play(parties, tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def report(everything: Everything) -> Report:
    return everything.report()


def all_movements(report: Report) -> list[Movement]:
    return [*(moved for trade in report.trades for moved in trade.movements), *report.movements]


def said(report: Report, name: str) -> str:
    return next(check.detail for check in report.checks if check.name == name)


# ------------------------------------------------------------------------ the ledger


def test_nothing_speaks_against_it(report: Report) -> None:
    odd = {(check.name, check.verdict) for check in report.checks if check.verdict != "passed"}
    assert odd == {("anchor", "unchecked"), ("seals", "sealed")}
    names = {check.name for check in report.checks}
    assert all(purpose_of(name) for name in names)
    assert names >= {"balances", "deposits", "tenders", "payouts", "distributions", "stakes"}


def test_money_moves_in_every_way_there_is(report: Report) -> None:
    assert {moved.reason for moved in all_movements(report)} == {
        reason for part in get_args(Reason) for reason in (get_args(part) or (part,))
    }


def test_the_ledger_leaves_in_each_contract_what_it_holds(
    everything: Everything, report: Report
) -> None:
    """By the lines of the file alone: what came in less what left is each contract's balance."""
    lines = list(csv.DictReader(StringIO(ledger(report).decode("utf-8-sig"), newline="")))
    into = {"escrow", "bond", "stake", "bid-bond", "funding"}
    out = {"unstake", "withdrawal"}
    held: defaultdict[str, int] = defaultdict(int)
    for line in lines:
        amount, contract = int(line["amount (smallest unit)"]), line["contract"]
        assert line["currency"] == "native coin"
        held[contract] += amount * ((line["purpose"] in into) - (line["purpose"] in out))
        held[line["to account"]] += amount * (line["purpose"] in out)
    node, there = everything.chain, everything.deployment
    for name in ("market", "committee", "panel", "challenges", "registry", "bids", "payouts"):
        address = getattr(there, name)
        asked = node.make_request(RPCEndpoint("eth_getBalance"), [address, "latest"])
        assert int(asked["result"], 16) == held[address] > 0, name


def test_each_slash_is_one_line_of_its_trade(report: Report) -> None:
    slashes = [moved for moved in all_movements(report) if moved.reason == "slash"]
    disputed, paid = report.trades
    assert slashes == [moved for moved in disputed.movements if moved.reason == "slash"]
    assert len(slashes) == 3  # two signers of the false pass, one closed seal
    assert {moved.payer_role for moved in slashes} == {"stake of"}
    assert {moved.payee_role for moved in slashes} == {"challenges"}
    assert not [moved for moved in paid.movements if moved.payer_role == "stake of"]


def test_lines_of_no_trade_say_what_happened(everything: Everything, report: Report) -> None:
    count, total = Counter[str](), Counter[str]()
    for moved in report.movements:
        count[moved.reason] += 1
        total[moved.reason] += moved.amount
    assert (count["bid-bond"], total["bid-bond"]) == (6, 6 * BOND)
    assert (count["bond-return"], total["forfeit"]) == (4, BOND)
    assert (total["funding"], total["claim"]) == (DEPOSIT, 2 * EARNED)
    assert (count["unstake"], total["unstake"]) == (3, 2 + 2 + 4)
    registry = [m for m in report.movements if m.contract == everything.deployment.registry]
    assert [m.reason for m in registry].count("stake") == 3
    assert {m.amount for m in registry if m.reason == "stake"} == {STAKE}
    between = [m for m in report.movements if m.payee_role in ("challenges", "payouts")]
    assert {(m.payer_role, m.payer == m.payee) for m in between if m.reason == "withdrawal"} == {
        ("credit of", True)
    }
    places = [(moved.block, moved.log_index) for moved in report.movements]
    assert places == sorted(places)


def test_pictures_show_each_kind_once_for_each_contract(report: Report) -> None:
    svg = "{http://www.w3.org/2000/svg}"
    pictures = ElementTree.fromstring(f"<all>{flow_beside(report)}</all>")  # noqa: S314  # ours
    assert len(pictures) == len({moved.contract for moved in report.movements})
    tips = [group.findtext(f"{svg}title") or "" for group in pictures.iter(f"{svg}g")]
    drawn = sum(int(tip.split(" ", 1)[0]) for tip in tips)
    assert drawn == len(report.movements)
    assert any("6 movements, 0.006 coins in all (bid-bond)" in tip for tip in tips)
    assert flow_beside(report) in page(report)


# ------------------------------------------------------------------- single alterations


def more(amount: int) -> int:
    return amount + 1


STAKES = {"STAKES", "SOLVENCY", "BALANCES"}
ALTERED: dict[str, tuple[Alter, set[str]]] = {
    "a stake of a volunteer": (changing("Staked", (0,), more, 6), STAKES),
    "a stake told twice": (repeating("Staked", 6), STAKES),
    "whose stake it is": (renaming("Staked", 1, SOMEBODY, 8), {"STAKES", "INVARIANTS"}),
    "whose stake was made good": (
        renaming("Staked", 1, SOMEBODY, 6),
        {"STAKES"},
    ),
    "what is on its way out": (changing("UnstakeRequested", (0,), more), {"STAKES"}),
    "a notice that is left out": (dropping("UnstakeRequested"), {"STAKES", "INVARIANTS"}),
    "what a volunteer took out": (
        changing("OracleCommittee.StakeWithdrawn", (1,), more),
        {"STAKES", "INVARIANTS"},
    ),
    "a stake taken out that is left out": (dropping("OracleCommittee.StakeWithdrawn"), STAKES),
    "whose stake was slashed": (
        renaming("Slashed", 1, STRANGER),
        {"STAKES", "INVARIANTS", "awards"},
    ),
    "a slash that is left out": (
        dropping("Slashed"),
        {"STAKES", "INVARIANTS", "awards", "STORED-AWARDS"},
    ),
    "a participant's stake": (
        changing("StakeDeposited", (0,), more),
        {"DEPOSITS", "SOLVENCY", "BALANCES"},
    ),
    "whose stake a participant's is": (
        renaming("StakeDeposited", 1, SOMEBODY),
        {"DEPOSITS", "INVARIANTS"},
    ),
    "what a participant unlocked": (changing("StakeUnlocked", (0,), more), {"DEPOSITS"}),
    "a participant's stake taken out that is left out": (
        dropping("ParticipantRegistry.StakeWithdrawn"),
        {"DEPOSITS", "BALANCES"},
    ),
    "what a participant took out": (
        changing("ParticipantRegistry.StakeWithdrawn", (1,), more),
        {"DEPOSITS", "INVARIANTS"},
    ),
    "the bond of a tender": (
        changing("TenderOpened", (0, 5), more),
        {"TENDERS", "SOLVENCY", "BALANCES"},
    ),
    "a tender that is left out": (dropping("TenderOpened"), {"TENDERS"}),
    "a bid that is left out": (dropping("BidSealed", 5), {"TENDERS"}),
    "a bid told twice": (repeating("BidSealed", 5), {"TENDERS", "SOLVENCY", "BALANCES"}),
    "the order of a bid": (changing("BidSealed", (1,), more), {"TENDERS"}),
    "the order of a bid that nobody reveals": (changing("BidSealed", (1,), more, 5), {"TENDERS"}),
    "the seal of a bid that was revealed": (
        changing("BidSealed", (0,), lambda seal: b"\1" * len(seal)),
        {"TENDERS"},
    ),
    "a price": (changing("BidRevealed", (0,), more), {"TENDERS"}),
    "the salt of a price": (changing("BidRevealed", (1,), b"\1" * 32), {"TENDERS"}),
    "who leads": (changing("BidRevealed", (2,), SOMEBODY, 1), {"TENDERS"}),
    "the most that is paid in a tender": (changing("TenderOpened", (0, 6), more), {"TENDERS"}),
    "who bid": (renaming("BidSealed", 2, SOMEBODY, 5), {"TENDERS"}),
    "a seal": (changing("BidSealed", (0,), lambda seal: b"\1" * len(seal), 5), {"TENDERS"}),
    "who revealed": (renaming("BidRevealed", 2, SOMEBODY), {"TENDERS"}),
    "a reveal that is left out": (dropping("BidRevealed"), {"TENDERS"}),
    "what was forfeited": (changing("BondsSeized", (1,), more), {"TENDERS"}),
    "how many bonds were forfeited": (changing("BondsSeized", (0,), more), {"TENDERS"}),
    "to whom bonds were forfeited": (
        renaming("BondsSeized", 2, STRANGER),
        {"TENDERS"},
    ),
    "a forfeit that is left out": (dropping("BondsSeized"), {"TENDERS"}),
    "a bond withdrawn that is left out": (
        dropping("CreditWithdrawn", 2),
        {"TENDERS", "BALANCES"},
    ),
    "what a bidder withdrew": (changing("CreditWithdrawn", (1,), more, 2), {"TENDERS"}),
    "a deposit for payouts": (
        changing("Funded", (0,), more),
        {"PAYOUTS", "SOLVENCY", "BALANCES"},
    ),
    "what arrived for payouts": (changing("Funded", (1,), more), {"PAYOUTS"}),
    "a deposit that is left out": (dropping("Funded"), {"PAYOUTS"}),
    "what is given out": (
        changing("DistributionActivated", (0,), more),
        {"PAYOUTS", "DISTRIBUTIONS"},
    ),
    "a claim": (changing("Claimed", (0,), more), {"PAYOUTS", "DISTRIBUTIONS"}),
    "a claim of more than there is": (
        changing("Claimed", (0,), 10**30),
        {"PAYOUTS", "DISTRIBUTIONS"},
    ),
    "a claim told twice": (repeating("Claimed"), {"PAYOUTS"}),
    "a claim that is left out": (dropping("Claimed", 1), {"PAYOUTS"}),
    "who claimed": (renaming("Claimed", 1, SOMEBODY, 1), {"PAYOUTS", "DISTRIBUTIONS"}),
    "what a payee withdrew": (changing("Payouts.Withdrawn", (1,), more, 1), {"PAYOUTS"}),
    "when a founder counts": (changing("GroupJoined", (0,), more), {"MEMBERSHIPS"}),
    "when who joins counts": (changing("GroupJoined", (0,), more, 1), {"MEMBERSHIPS"}),
    "when who leaves is free": (changing("GroupLeft", (0,), more, 1), {"MEMBERSHIPS"}),
    "a joining that is left out": (dropping("GroupJoined", 1), {"MEMBERSHIPS"}),
    "who leaves": (renaming("GroupLeft", 2, SOMEBODY), {"MEMBERSHIPS"}),
    "a currency's review": (changing("ReviewShiftChanged", (0,), more), {"RULES"}),
    "whose review it is": (renaming("ReviewShiftChanged", 1, SOMEBODY), {"RULES"}),
    "a treasury that nobody paid": (dropping("FeeChanged", 2), {"RULES"}),
    "a seal that was announced": (
        renaming("ChallengeAnnounced", 1, SOMEBODY, 1),
        {"STORED-CHALLENGES"},
    ),
    "what a payee withdrew, left out": (
        dropping("Payouts.Withdrawn", 1),
        {"PAYOUTS", "SOLVENCY", "BALANCES"},
    ),
}


@pytest.mark.parametrize("what", ALTERED)
def test_an_alteration_is_named(everything: Everything, what: str) -> None:
    alter, expected = ALTERED[what]
    found = objections(everything.report(LyingNode(everything.chain, alter)))
    assert found - {"documents?"} == expected


SENTENCES = {
    "a tender that is left out": ("tenders", "is of a tender never opened"),
    "who revealed": ("tenders", "what it never sealed"),
    "the order of a bid": ("tenders", "leaves seal 2 of its tender in"),
    "the order of a bid that nobody reveals": ("tenders", "as seal 3 in tender"),
    "the seal of a bid that was revealed": ("tenders", "did not seal the price of 100 in"),
    "a price": ("tenders", "did not seal the price of 101 in"),
    "the salt of a price": ("tenders", "did not seal the price of 100 in"),
    "who leads": ("tenders", f"{SOMEBODY} leads in"),
    "the most that is paid in a tender": ("tenders", "is not of the terms in"),
    "how many bonds were forfeited": ("tenders", "2 bonds of"),
    "what was forfeited": ("tenders", "were left"),
    "what a bidder withdrew": ("tenders", "where its credit was"),
    "a seal": ("tenders", "in storage, not 0x01"),
    "a bid that is left out": ("tenders", "holds 1 bonds in storage and 0 by the log"),
    "what arrived for payouts": ("payouts", "are said to have arrived"),
    "a deposit for payouts": ("payouts", "funded, given out and unclaimed"),
    "what is given out": ("payouts", "are given out in"),
    "a claim told twice": ("payouts", "claims 0 of"),
    "a claim of more than there is": ("payouts", "than is given out"),
    "who claimed": ("payouts", f"{SOMEBODY} claimed 0 of"),
    "what a payee withdrew": ("payouts", "where its credit was"),
    "whose stake a participant's is": ("invariants", "the stake of participant"),
    "what a participant took out": ("invariants", "takes out is -1"),
    "a bid told twice": ("solvency", "the tenders holds"),
}
"""What a check says of a fault, where another sentence of the same check would fail it, too."""


@pytest.mark.parametrize("what", SENTENCES)
def test_each_fault_is_said(everything: Everything, what: str) -> None:
    name, sentence = SENTENCES[what]
    report = everything.report(LyingNode(everything.chain, ALTERED[what][0]))
    assert sentence in said(report, name)


def test_a_deposit_of_whom_nothing_else_tells_leaves_a_surplus(everything: Everything) -> None:
    """Whoever is in no event is not asked for; what it put in is there all the same."""
    report = everything.report(LyingNode(everything.chain, dropping("StakeDeposited", 2)))
    assert report.ok
    assert [check.name for check in report.warnings] == ["balances"]
    assert f"leaves {2 * STAKE - 4}" in said(report, "balances")


SPOILED = {
    "participantOf": "DEPOSITS",
    "standingOf": "TENDERS",
    "bidOf": "TENDERS",
    "claimedOf": "PAYOUTS",
    "fundsOf": "PAYOUTS",
    "creditOf": "PAYOUTS",
    "rootsOf": "DISTRIBUTIONS",
    "pendingOf": "DISTRIBUTIONS",
    "membershipOf": "MEMBERSHIPS",
    "inForce": "RULES",
    "reviewOf": "RULES",
    "challengeOf": "STORED-CHALLENGES",
    "announcedAt": "STORED-CHALLENGES",
}
"""The view, and which check holds it against the log."""

BEFORE = {"standingOf": 3, "participantOf": 3, "rootsOf": 3, "challengeOf": 1}
"""How many words of an answer come before the one that is altered."""


@pytest.mark.parametrize("function", SPOILED)
def test_a_stored_answer_that_is_altered_differs_from_its_proof(
    everything: Everything, function: str
) -> None:
    """Each answer of one view is another one; what the log says of it is another thing."""
    kinds = "ParticipantRegistry", "SealedBids", "Payouts", "MarketRules", "Challenges"
    items = [item for kind in kinds for item in load_artifact(kind).abi]
    selectors = {
        function_abi_to_4byte_selector(item).hex()
        for item in items
        if item["type"] == "function" and item["name"] == function
    }
    there = everything.deployment

    class Spoiling(BaseProvider):
        def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
            answer = everything.chain.make_request(method, params)
            of = there.registry, there.bids, there.payouts, there.rules, there.challenges
            asked = method == "eth_call" and params[0]["to"] in of
            if asked and params[0]["data"][2:10] in selectors:
                words = answer["result"]
                place = 2 + 64 * BEFORE.get(function, 0) + (0 if function == "bidOf" else 63)
                digit = f"{int(words[place], 16) ^ 1:x}"
                answer = {**answer, "result": words[:place] + digit + words[place + 1 :]}
            return answer

    found = objections(everything.report(Spoiling()))
    assert "STATE-PROOFS" in found
    assert SPOILED[function] in found


class Richer(BaseProvider):
    """A node by which one contract holds a unit more at the last block."""

    def __init__(self, everything: Everything, contract: str) -> None:
        super().__init__()
        self._honest, self._contract = everything.chain, contract

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        answer = self._honest.make_request(method, params)
        if method == "eth_getBalance" and params[0] == self._contract:
            answer = {**answer, "result": hex(int(answer["result"], 16) + 1)}
        return answer


@pytest.mark.parametrize("name", ["market", "committee", "registry", "bids", "payouts"])
def test_coin_that_came_by_no_event_is_a_warning(everything: Everything, name: str) -> None:
    contract = getattr(everything.deployment, name)
    found = everything.report(Richer(everything, contract))
    assert [check.name for check in found.warnings] == ["balances"]
    assert contract in said(found, "balances")
    assert "STATE-PROOFS" in objections(found)


def test_without_their_addresses_tenders_and_payouts_are_not_said_to_be_checked(
    everything: Everything,
) -> None:
    found = everything.report(bids=None, payouts=None)
    assert not {"tenders", "payouts", "distributions"} & {check.name for check in found.checks}
    assert found.ok == everything.report().ok
    assert {moved.contract for moved in found.movements}.isdisjoint(
        {everything.deployment.bids, everything.deployment.payouts}
    )
