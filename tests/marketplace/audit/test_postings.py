"""What each event moves, from whom to whom, and under which name."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from telling import BY_NAME, told

from marketplace.audit.postings import Posting, Postings
from marketplace.protocol.states import Purpose
from marketplace.protocol.terms import NATIVE

CONTRACTS = replace(BY_NAME, bids="the tenders", payouts="the payouts")
COIN, OTHER = NATIVE, "another currency"
STAKES = {"the committee": COIN, "the panel": OTHER, "the registry": OTHER}
ONE, TWO = "one account", "another account"
TENDER = b"a tender"


@pytest.fixture
def postings() -> Postings:
    return Postings(CONTRACTS, STAKES)


def moved(postings: Postings, by: str, name: str, **values: Any) -> list[Posting]:
    return postings.of(told(name, by=f"the {by}", **values))


@pytest.mark.parametrize(
    ("by", "name", "values", "posting"),
    [
        (
            "market",
            "Locked",
            {"from": ONE, "currency": OTHER, "amount": 3},
            Posting(("buyer", ONE), ("escrow", "the market"), "escrow", OTHER, 3, "in"),
        ),
        (
            "market",
            "Refunded",
            {"buyer": ONE, "currency": OTHER, "amount": 3},
            Posting(("escrow", "the market"), ("buyer", ONE), "refund", OTHER, 3, "within"),
        ),
        (
            "challenges",
            "Challenged",
            {"challenger": ONE, "currency": OTHER, "bond": 3},
            Posting(("challenger", ONE), ("challenges", "the challenges"), "bond", OTHER, 3, "in"),
        ),
        (
            "challenges",
            "Awarded",
            {"account": ONE, "currency": OTHER, "amount": 3},
            Posting(
                ("challenges", "the challenges"), ("awarded", ONE), "award", OTHER, 3, "within"
            ),
        ),
        (
            "committee",
            "Staked",
            {"member": ONE, "from": TWO, "amount": 3},
            Posting(("staker", TWO), ("stake of", ONE), "stake", COIN, 3, "in"),
        ),
        (
            "registry",
            "StakeDeposited",
            {"account": ONE, "amount": 3},
            Posting(("staker", ONE), ("stake of", ONE), "stake", OTHER, 3, "in"),
        ),
        (
            "panel",
            "UnstakeRequested",
            {"member": ONE, "amount": 3},
            Posting(("stake of", ONE), ("leaving stake of", ONE), "unbonding", OTHER, 3, "within"),
        ),
        (
            "registry",
            "StakeUnlocked",
            {"account": ONE, "amount": 3},
            Posting(("stake of", ONE), ("leaving stake of", ONE), "unbonding", OTHER, 3, "within"),
        ),
        (
            "committee",
            "StakeWithdrawn",
            {"member": ONE, "to": TWO, "amount": 3},
            Posting(("leaving stake of", ONE), ("receiver", TWO), "unstake", COIN, 3, "out"),
        ),
        (
            "registry",
            "StakeWithdrawn",
            {"account": ONE, "to": TWO, "amount": 3},
            Posting(("leaving stake of", ONE), ("receiver", TWO), "unstake", OTHER, 3, "out"),
        ),
        (
            "committee",
            "Slashed",
            {"member": ONE, "to": "the challenges", "amount": 3},
            Posting(
                ("stake of", ONE), ("challenges", "the challenges"), "slash", COIN, 3, "within"
            ),
        ),
        (
            "panel",
            "Slashed",
            {"member": ONE, "to": TWO, "amount": 3},
            Posting(("stake of", ONE), ("credit of", TWO), "slash", OTHER, 3, "within"),
        ),
        (
            "payouts",
            "Funded",
            {"from": ONE, "currency": OTHER, "amount": 3},
            Posting(("funder", ONE), ("payouts", "the payouts"), "funding", OTHER, 3, "in"),
        ),
    ],
)
def test_an_event_moves_one_amount(
    postings: Postings, by: str, name: str, values: dict[str, Any], posting: Posting
) -> None:
    assert moved(postings, by, name, **values) == [posting]
    assert moved(postings, by, name, **{**values, "amount": 0, "bond": 0}) == []
    assert moved(postings, "rules", name, **values) == []


@pytest.mark.parametrize(
    ("by", "name"),
    [
        *((contract, "Withdrawn") for contract in ("market", "payouts")),
        *(
            (contract, "CreditWithdrawn")
            for contract in ("committee", "panel", "challenges", "tenders")
        ),
    ],
)
@pytest.mark.parametrize(
    ("to", "payee"), [(TWO, "receiver"), ("the payouts", "payouts"), ("the market", "market")]
)
def test_a_withdrawal_names_its_receiver_if_it_is_one_of_the_contracts(
    postings: Postings, by: str, name: str, to: str, payee: str
) -> None:
    values = {"account": ONE, "to": to, "currency": OTHER, "amount": 3}
    posting = Posting(("credit of", ONE), (payee, to), "withdrawal", OTHER, 3, "out")
    assert moved(postings, by, name, **values) == [posting]


def test_each_payment_of_a_settlement_is_one_posting(postings: Postings) -> None:
    payees = {
        Purpose.DATA: "provider",
        Purpose.EXPERT: "expert",
        Purpose.BROKER: "broker",
        Purpose.AUDIT: "auditor",
        Purpose.ORACLE: "oracle signer",
        Purpose.PROTOCOL: "treasury",
    }
    payments = [
        {"purpose": purpose, "account": ONE, "amount": amount}
        for amount, purpose in enumerate(payees)
    ]
    found = moved(postings, "market", "Credited", currency=OTHER, payments=payments)
    assert [(p.payee, p.reason, p.amount) for p in found] == [
        ((payee, ONE), purpose.name.lower(), amount)
        for amount, (purpose, payee) in enumerate(payees.items())
        if amount
    ]
    assert {(p.payer, p.currency, p.flow) for p in found} == {
        (("escrow", "the market"), OTHER, "within")
    }


def test_bonds_of_a_tender_are_in_its_currency(postings: Postings) -> None:
    bids = ("BidSealed", "BidRevealed")
    values = {"tenderId": TENDER, "bidder": ONE, "to": TWO, "amount": 2}
    # Of a tender that nobody opened, nobody knows the bond.
    for name in (*bids, "BondsSeized"):
        assert moved(postings, "tenders", name, **values) == []
    tender = SimpleNamespace(currency=OTHER, bond=3)
    assert moved(postings, "tenders", "TenderOpened", tenderId=TENDER, tender=tender) == []
    tenders, bidder = ("tenders", "the tenders"), ("bidder", ONE)
    sealed, revealed = (moved(postings, "tenders", name, **values) for name in bids)
    assert sealed == [Posting(bidder, tenders, "bid-bond", OTHER, 3, "in")]
    assert revealed == [Posting(tenders, bidder, "bond-return", OTHER, 3, "within")]
    seized = moved(postings, "tenders", "BondsSeized", **values)
    assert seized == [Posting(tenders, ("forfeited to", TWO), "forfeit", OTHER, 2, "within")]
    assert moved(postings, "tenders", "BidSealed", **{**values, "tenderId": b"another"}) == []


@pytest.mark.parametrize("payer", ["the market", "the challenges", "the tenders"])
def test_what_comes_from_a_contract_is_its_withdrawal(postings: Postings, payer: str) -> None:
    values = {"from": payer, "currency": OTHER, "amount": 3}
    assert moved(postings, "payouts", "Funded", **values) == []


def test_a_claim_moves_what_was_not_claimed_before(postings: Postings) -> None:
    def claimed(account: str, currency: str, cumulative: int) -> list[int]:
        values = {"account": account, "currency": currency, "cumulative": cumulative}
        found = moved(postings, "payouts", "Claimed", **values)
        assert {(p.payer, p.payee, p.reason, p.currency, p.flow) for p in found} <= {
            (("payouts", "the payouts"), ("payee", account), "claim", currency, "within")
        }
        return [posting.amount for posting in found]

    assert claimed(ONE, COIN, 3) == [3]
    assert claimed(ONE, COIN, 5) == [2]
    assert claimed(ONE, COIN, 5) == []
    assert claimed(TWO, COIN, 5) == [5]
    assert claimed(ONE, OTHER, 4) == [4]


def test_other_events_move_nothing(postings: Postings) -> None:
    assert moved(postings, "market", "TradeEnded", amount=3) == []
    assert moved(postings, "registry", "Staked", member=ONE, amount=3) == []
