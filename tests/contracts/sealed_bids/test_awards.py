"""Sealed bids: who wins and at what price, what a seal binds, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest
from expectations import refused, refused_for_one_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES
from quick_chain import QuickProvider, move_to
from tender_builder import BIDDERS, BOND, COMMIT_SECONDS, RESERVE, TenderBuilder, run, salt_of
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.auctions import Bid, award, seized_bonds
from marketplace.protocol.tenders import PricingRule, tender_id
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

ANNE, BERT, *_ = BIDDERS
TREASURY = PARTIES.treasury.address
STRANGER = PARTIES.stranger

a_few = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


# ------------------------------------------------------------------ who wins, at what price


def test_the_lowest_price_wins_and_is_paid_the_second_lowest(tender: TenderBuilder) -> None:
    run(tender, [5 * WEI, 3 * WEI, 4 * WEI])
    assert tender.award() == (BERT.address, 4 * WEI)


def test_under_first_price_the_winner_is_paid_its_own(node: Node, bids: Contract) -> None:
    tender = TenderBuilder(node, bids, rule=PricingRule.FIRST_PRICE)
    tender.open()
    run(tender, [5 * WEI, 3 * WEI, 4 * WEI])
    assert tender.award() == (BERT.address, 3 * WEI)


@pytest.mark.parametrize("others", [[], [None], [RESERVE + 1]], ids=["alone", "silent", "too dear"])
def test_a_lone_bidder_is_paid_the_reserve(tender: TenderBuilder, others: list[int | None]) -> None:
    run(tender, [3 * WEI, *others])
    assert tender.award() == (ANNE.address, RESERVE)


@pytest.mark.parametrize("prices", [[], [None, None], [RESERVE + 1]])
def test_without_a_price_below_the_reserve_nobody_wins(
    tender: TenderBuilder, prices: list[int | None]
) -> None:
    run(tender, prices)
    assert tender.award() == (NATIVE, 0)


def test_a_price_equal_to_the_reserve_wins(tender: TenderBuilder) -> None:
    run(tender, [None, RESERVE])
    assert tender.award() == (BERT.address, RESERVE)


@pytest.mark.parametrize("first_to_reveal", [ANNE, BERT])
def test_among_equal_prices_the_earlier_seal_wins_whoever_reveals_first(
    tender: TenderBuilder, first_to_reveal: object
) -> None:
    for bidder in (ANNE, BERT):
        tender.commit(bidder, 2 * WEI)
    tender.end_commits()
    for bidder in (ANNE, BERT) if first_to_reveal is ANNE else (BERT, ANNE):
        tender.reveal(bidder, 2 * WEI)
    tender.end_reveals()
    assert tender.award() == (ANNE.address, 2 * WEI)


@a_few
@given(
    prices=st.lists(
        st.none() | st.integers(0, 3) | st.integers(0, RESERVE + WEI), max_size=len(BIDDERS)
    ),
    reveals=st.permutations(range(len(BIDDERS))),
    rule=st.sampled_from(PricingRule),
)
def test_any_order_of_reveals_gives_the_award_of_the_reference(
    node: Node,
    bids: Contract,
    prices: list[int | None],
    reveals: list[int],
    rule: PricingRule,
) -> None:
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        tender = TenderBuilder(node, bids, rule=rule)
        tender.open()
        for bidder, price in zip(BIDDERS, prices, strict=False):
            tender.commit(bidder, price or 0)
        tender.end_commits()
        for position in reveals:
            if position < len(prices) and (price := prices[position]) is not None:
                tender.reveal(BIDDERS[position], price)
        tender.end_reveals()

        made = [Bid(b.address, price) for b, price in zip(BIDDERS, prices, strict=False)]
        expected = award(made, RESERVE, rule)
        assert tender.award() == (expected.winner or NATIVE, expected.price)
        lost = seized_bonds(made, BOND)
        if lost:
            tender.send(STRANGER, "seize")
        assert tender.credit(TREASURY) == lost
        freed = sum(tender.credit(bidder.address) for bidder in BIDDERS)
        assert freed + lost == BOND * len(prices) == node.balance(bids.address)


# ------------------------------------------------------------------------- what a seal binds


@a_few
@given(price=st.integers(0, 2**128 - 1), salt=st.binary(min_size=32, max_size=32))
def test_id_and_seal_are_those_of_the_protocol(
    tender: TenderBuilder, price: int, salt: bytes
) -> None:
    assert tender.call("tenderIdOf", tender.terms.as_tuple()) == tender.id
    seal = tender.call("sealOf", tender.id, ANNE.address, price, salt)
    assert seal == tender.seal(ANNE, price, salt)


def test_a_copied_seal_can_not_be_opened(tender: TenderBuilder) -> None:
    seal = tender.seal(ANNE, 3 * WEI)
    tender.commit(ANNE, 3 * WEI)
    tender.commit(BERT, 0, seal=seal)
    tender.end_commits()
    own = tender.call("sealOf", tender.id, BERT.address, 3 * WEI, salt_of(ANNE))
    with refused("SealMismatch", own, seal):
        tender.send(BERT, "reveal", BERT.address, 3 * WEI, salt_of(ANNE))


def test_a_seal_counts_on_one_chain_contract_and_tender(
    node: Node, tender: TenderBuilder, deployed: tuple[str, str]
) -> None:
    elsewhere = TenderBuilder(node, node.contract("SealedBids", deployed[1]))
    elsewhere.terms = tender.terms
    another = TenderBuilder(node, tender.contract, salt=bytes(31) + b"\x01")
    seals = {builder.seal(ANNE, 3 * WEI) for builder in (tender, elsewhere, another)}
    assert len(seals) == 3
    assert tender_id(1, tender.contract.address, tender.terms) != tender.id


@pytest.mark.parametrize("change", ["price", "salt"])
def test_a_seal_opens_to_one_price_only(tender: TenderBuilder, change: str) -> None:
    tender.commit(ANNE, 3 * WEI)
    tender.end_commits()
    price = 3 * WEI - 1 if change == "price" else 3 * WEI
    salt = salt_of(ANNE) if change == "price" else salt_of(BERT)
    with refused_for_one_of("SealMismatch"):
        tender.send(ANNE, "reveal", ANNE.address, price, salt)


def test_a_seal_is_opened_once(tender: TenderBuilder) -> None:
    tender.commit(ANNE, 3 * WEI)
    tender.end_commits()
    tender.reveal(ANNE, 3 * WEI)
    with refused("NothingSealed", ANNE.address):
        tender.reveal(ANNE, 3 * WEI)
    assert tender.credit(ANNE.address) == BOND


def test_an_account_seals_once(tender: TenderBuilder) -> None:
    tender.commit(ANNE, 3 * WEI)
    with refused("AlreadySealed", ANNE.address):
        tender.commit(ANNE, 2 * WEI)


def test_an_empty_seal_is_refused(tender: TenderBuilder) -> None:
    with refused("EmptySeal"):
        tender.send(ANNE, "commit", bytes(28), value=BOND)


def test_nobody_reveals_without_a_seal(tender: TenderBuilder) -> None:
    tender.end_commits()
    with refused("NothingSealed", ANNE.address):
        tender.reveal(ANNE, 1)


def test_the_requester_does_not_bid(tender: TenderBuilder) -> None:
    with refused("ConflictOfRoles", PARTIES.buyer.address):
        tender.commit(PARTIES.buyer, 1)


# ----------------------------------------------------------------------------------- clocks


def test_the_last_second_of_each_window_still_counts(node: Node, tender: TenderBuilder) -> None:
    move_to(node, tender.terms.commit_end - 1)
    tender.commit(ANNE, 3 * WEI)  # mined at commit_end
    assert node.now() == tender.terms.commit_end
    move_to(node, tender.terms.reveal_end - 1)
    tender.reveal(ANNE, 3 * WEI)
    assert node.now() == tender.terms.reveal_end


def test_a_window_opens_after_the_last_second_of_the_one_before(
    node: Node, tender: TenderBuilder
) -> None:
    tender.commit(ANNE, 3 * WEI)
    move_to(node, tender.terms.commit_end - 1)
    with refused("DeadlineNotReached", tender.terms.commit_end):
        tender.reveal(ANNE, 3 * WEI)
    move_to(node, tender.terms.reveal_end - 1)
    with refused("DeadlineNotReached", tender.terms.reveal_end):
        tender.send(STRANGER, "seize")
    move_to(node, tender.terms.reveal_end)
    tender.send(STRANGER, "seize")
    assert tender.credit(TREASURY) == BOND


def test_nothing_happens_before_or_after_its_window(node: Node, tender: TenderBuilder) -> None:
    tender.commit(ANNE, 3 * WEI)
    with refused("DeadlineNotReached", tender.terms.commit_end):
        tender.reveal(ANNE, 3 * WEI)
    move_to(node, tender.terms.commit_end)
    with refused("DeadlineNotReached", tender.terms.reveal_end):
        tender.award()
    with refused("DeadlineNotReached", tender.terms.reveal_end):
        tender.send(STRANGER, "seize")
    with refused("DeadlinePassed", tender.terms.commit_end):
        tender.commit(BERT, 1)
    tender.end_reveals()
    with refused("DeadlinePassed", tender.terms.reveal_end):
        tender.reveal(ANNE, 3 * WEI)
    assert tender.award() == (NATIVE, 0)


# ------------------------------------------------------------------------------------ terms


def test_only_the_requester_opens_and_only_once(node: Node, bids: Contract) -> None:
    tender = TenderBuilder(node, bids)
    with refused("NotAllowed", STRANGER.address, PARTIES.buyer.address):
        tender.open(by=STRANGER)
    tender.open()
    with refused("TenderExists", tender.id):
        tender.open()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("spec", {"spec": bytes(32)}),
        ("bond", {"bond": 0}),
        ("reserve", {"reserve": 0}),
        ("commitEnd", {"commit_end": 1}),
        ("revealEnd", {"reveal_end": 2**40 - 1}),
    ],
)
def test_unusable_terms_are_refused(
    node: Node, bids: Contract, field: str, changes: dict[str, object]
) -> None:
    with refused("InvalidTender", field):
        TenderBuilder(node, bids, **changes).open()


@pytest.mark.parametrize(("seconds", "accepted"), [(3_600, True), (3_599, False), (0, False)])
def test_the_reveal_window_is_no_trap(
    node: Node, bids: Contract, seconds: int, accepted: bool
) -> None:
    end = node.now() + COMMIT_SECONDS
    tender = TenderBuilder(node, bids, commit_end=end, reveal_end=end + seconds)
    if accepted:
        tender.open()
        return
    with refused("InvalidTender", "revealEnd"):
        tender.open()


def test_terms_other_than_those_opened_lead_nowhere(tender: TenderBuilder) -> None:
    tender.terms = replace(tender.terms, reserve=RESERVE + 1)
    unknown = tender.id
    for call in (
        lambda: tender.commit(ANNE, 1),
        lambda: tender.reveal(ANNE, 1),
        lambda: tender.send(STRANGER, "seize"),
        tender.award,
    ):
        with refused("UnknownTender", unknown):
            call()
