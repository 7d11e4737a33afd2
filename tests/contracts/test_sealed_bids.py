"""Sealed bids: who wins and at what price, what a seal binds, and where the bonds go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from deploying import TestContracts
from expectations import refused, refused_for_one_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES
from quick_chain import QuickProvider, move_to
from tender_builder import BIDDERS, BOND, COMMIT_SECONDS, RESERVE, TenderBuilder, salt_of
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.auctions import Bid, award, seized_bonds
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.tenders import PricingRule, tender_id
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import WEI

ANNE, BERT, CARA, DIRK, *_ = BIDDERS
TREASURY = PARTIES.treasury.address
STRANGER = PARTIES.stranger

a_few = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def deployed(node: Node) -> tuple[str, str]:
    """One contract with a treasury, and one without."""
    addresses = [
        node.deploy(PARTIES.admin, "SealedBids", treasury).address
        for treasury in (TREASURY, NATIVE)
    ]
    TenderBuilder(node, node.contract("SealedBids", addresses[0])).fund_bidders()
    return addresses[0], addresses[1]


@pytest.fixture
def bids(node: Node, deployed: tuple[str, str]) -> Iterator[Contract]:
    provider = node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        yield node.contract("SealedBids", deployed[0])


@pytest.fixture
def tender(node: Node, bids: Contract) -> TenderBuilder:
    """A second-price tender that is open."""
    builder = TenderBuilder(node, bids)
    builder.open()
    return builder


def run(tender: TenderBuilder, prices: list[int | None]) -> None:
    """Commit in the order of the list; reveal, last first, those with a price."""
    for bidder, price in zip(BIDDERS, prices, strict=False):
        tender.commit(bidder, price or 0)
    tender.end_commits()
    for bidder, price in reversed(list(zip(BIDDERS, prices, strict=False))):
        if price is not None:
            tender.reveal(bidder, price)
    tender.end_reveals()


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


# ------------------------------------------------------------------------------------ bonds


def test_a_reveal_frees_the_bond_and_the_bidder_pulls_it(tender: TenderBuilder) -> None:
    node, home = tender.node, "0x" + "ab" * 20
    tender.commit(ANNE, RESERVE + 1)
    tender.end_commits()
    tender.reveal(ANNE, RESERVE + 1)
    assert tender.credit(ANNE.address) == BOND
    node.send(ANNE, tender.contract.functions.withdraw(NATIVE, node.web3.to_checksum_address(home)))
    assert node.balance(home) == BOND
    with refused("NothingToWithdraw", ANNE.address, NATIVE):
        node.send(ANNE, tender.contract.functions.withdraw(NATIVE, ANNE.address))


def test_nobody_receives_at_the_zero_address(tender: TenderBuilder) -> None:
    with refused("ZeroReceiver"):
        tender.node.send(ANNE, tender.contract.functions.withdraw(NATIVE, NATIVE))


def test_closed_seals_lose_their_bonds_once(tender: TenderBuilder) -> None:
    run(tender, [3 * WEI, None, None])
    receipt = tender.send(STRANGER, "seize")
    assert tender.events(receipt) == [
        ("BondsSeized", {"tenderId": tender.id, "to": TREASURY, "count": 2, "amount": 2 * BOND})
    ]
    assert tender.credit(TREASURY) == 2 * BOND
    with refused("NothingToSeize", tender.id):
        tender.send(STRANGER, "seize")


def test_without_a_treasury_the_requester_gets_them(
    node: Node, bids: Contract, deployed: tuple[str, str]
) -> None:
    tender = TenderBuilder(node, node.contract("SealedBids", deployed[1]))
    tender.open()
    run(tender, [None])
    tender.send(STRANGER, "seize")
    assert tender.credit(PARTIES.buyer.address) == BOND


@pytest.mark.parametrize("value", [0, BOND - 1, BOND + 1])
def test_the_bond_is_exact(tender: TenderBuilder, value: int) -> None:
    with refused("WrongValue", value, BOND):
        tender.commit(ANNE, 1, value=value)


def test_a_token_with_a_fee_is_no_bond(
    node: Node, bids: Contract, artifacts: TestContracts
) -> None:
    token = artifacts.deploy("FeeOnTransferToken", ANNE.address, 10 * BOND)
    tender = token_tender(node, bids, token)
    with refused("InexactTransfer", token.address, BOND - BOND // 100, BOND):
        tender.commit(ANNE, 1)


def test_a_blocked_bidder_blocks_nobody(
    node: Node, bids: Contract, artifacts: TestContracts
) -> None:
    token = artifacts.deploy("BlockingToken", ANNE.address, 10 * BOND)
    tender = token_tender(node, bids, token)
    node.send(ANNE, token.functions.transfer(BERT.address, BOND))
    node.send(BERT, token.functions.approve(bids.address, BOND))
    for bidder, price in ((ANNE, 1), (BERT, 2)):
        tender.commit(bidder, price)
    node.send(STRANGER, token.functions.blockAccount(ANNE.address))
    tender.end_commits()
    for bidder, price in ((ANNE, 1), (BERT, 2)):
        tender.reveal(bidder, price)
    with pytest.raises(TransactionReverted):
        node.send(ANNE, bids.functions.withdraw(token.address, ANNE.address))
    node.send(BERT, bids.functions.withdraw(token.address, BERT.address))
    node.send(ANNE, bids.functions.withdraw(token.address, STRANGER.address))
    assert node.call(token.functions.balanceOf(bids.address)) == 0


@pytest.mark.parametrize("call", ["commit", "withdraw"])
def test_a_token_that_calls_back_finds_the_door_closed(
    node: Node, bids: Contract, artifacts: TestContracts, call: str
) -> None:
    token = artifacts.deploy("ReentrantToken", ANNE.address, 10 * BOND)
    tender = token_tender(node, bids, token)
    if call == "withdraw":
        tender.commit(ANNE, 1)
        tender.end_commits()
        tender.reveal(ANNE, 1)
    again = bids.encode_abi("withdraw", [token.address, ANNE.address])
    node.send(STRANGER, token.functions.arm(bids.address, again))
    with refused("ReentrancyGuardReentrantCall"):
        if call == "commit":
            tender.commit(ANNE, 1)
        else:
            node.send(ANNE, bids.functions.withdraw(token.address, ANNE.address))


@pytest.fixture
def artifacts(request: pytest.FixtureRequest, node: Node) -> TestContracts:
    return TestContracts(node, request.config.cache.mkdir("test-contracts"))


def token_tender(node: Node, bids: Contract, token: Contract) -> TenderBuilder:
    node.send(ANNE, token.functions.approve(bids.address, 10 * BOND))
    tender = TenderBuilder(node, bids, currency=token.address)
    tender.open()
    return tender


# -------------------------------------------------------------------------------------- log


def test_the_log_rebuilds_the_standing(tender: TenderBuilder) -> None:
    opened = TenderBuilder(tender.node, tender.contract, salt=b"\x01" * 32)
    log = tender.events(opened.open())
    assert log[0][1]["tender"]["revealEnd"] == opened.terms.reveal_end
    prices = [5 * WEI, 3 * WEI, None, 4 * WEI]
    for bidder, price in zip(BIDDERS, prices, strict=False):
        log += tender.events(opened.commit(bidder, price or 0))
    opened.end_commits()
    for bidder, price in zip(BIDDERS, prices, strict=False):
        if price is not None:
            log += tender.events(opened.reveal(bidder, price))

    terms = log[0][1]["tender"]
    revealed = {event["bidder"]: event["price"] for name, event in log if name == "BidRevealed"}
    made = [
        Bid(event["bidder"], revealed.get(event["bidder"]))
        for name, event in sorted(log, key=lambda entry: entry[1].get("order", 0))
        if name == "BidSealed"
    ]
    expected = award(made, terms["reserve"], PricingRule(terms["rule"]))
    assert log[-1][1]["leader"] == expected.winner
    opened.end_reveals()
    assert opened.award() == (expected.winner, expected.price)
    standing = opened.call("standingOf", opened.id)
    assert standing[3] == sum(bid.price is None for bid in made)
    assert standing[2] == 1 + len(made)
