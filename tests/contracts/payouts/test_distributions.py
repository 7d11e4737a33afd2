"""Payouts: money in, and what it takes to put a distribution into force."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from deploying import TestContracts
from expectations import refused, refused_for_one_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES, ascending
from payouts_builder import COMMITTEE, DELAY, GUARDIAN, PayoutsBuilder, earning, payee
from quick_chain import move_to
from web3.contract import Contract

from marketplace.protocol.agreement import committee_digest
from marketplace.protocol.earnings import Earnings, build
from marketplace.protocol.payouts import Distribution, packed
from marketplace.protocol.terms import NATIVE, Committee
from marketplace.protocol.typed_data import digest

BUYER, STRANGER = PARTIES.buyer, PARTIES.stranger
MEMBERS = COMMITTEE.members
SIGNERS = PARTIES.signers


def shares(*amounts: int) -> Earnings:
    entries = [earning(payee(number), amount) for number, amount in enumerate(amounts, 1)]
    return build(entries, sum(amounts))


# ------------------------------------------------------------------------------------ funds


def test_a_deposit_waits_to_be_distributed(payouts: PayoutsBuilder) -> None:
    payouts.deposit(70)
    payouts.deposit(30)
    assert payouts.funds == (100, 0, 0)
    assert payouts.held() == 100


def test_collecting_takes_what_a_ledger_owes(
    payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    ledger, native = contracts.deploy("PullLedger"), payouts.currency == NATIVE
    if not native:
        token = payouts.node.contract("DevToken", payouts.currency)
        payouts.node.send(BUYER, token.functions.approve(ledger.address, 10**6))
    for _ in range(2):
        credit = ledger.functions.credit(payouts.contract.address, payouts.currency, 40)
        payouts.node.send(BUYER, credit, value=40 if native else 0)
    payouts.send(STRANGER, "collect", ledger.address, payouts.currency)
    assert payouts.funds == (80, 0, 0)
    assert payouts.held() == 80
    with refused("NothingArrived", payouts.currency):
        payouts.send(STRANGER, "collect", ledger.address, payouts.currency)


def test_a_ledgers_word_counts_nothing(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    ledger = contracts.deploy("LyingLedger", False)
    with refused("NothingArrived", NATIVE):
        native_payouts.send(STRANGER, "collect", ledger.address, NATIVE)


def test_a_ledger_can_not_count_its_coins_twice(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    ledger = contracts.deploy("LyingLedger", True)
    with refused("ReentrancyGuardReentrantCall"):
        native_payouts.send(STRANGER, "collect", ledger.address, NATIVE)


def test_coins_sent_by_hand_are_refused(native_payouts: PayoutsBuilder) -> None:
    with refused("UnexpectedCoin", BUYER.address):
        native_payouts.node.transfer(BUYER, native_payouts.contract.address, 1)


@pytest.mark.parametrize(("amount", "value"), [(10, 9), (10, 11), (0, 1)])
def test_a_deposit_of_coins_is_exact(
    native_payouts: PayoutsBuilder, amount: int, value: int
) -> None:
    with refused("WrongValue", value, amount):
        native_payouts.send(BUYER, "deposit", NATIVE, amount, value=value)


def test_an_empty_deposit_is_refused(payouts: PayoutsBuilder) -> None:
    with refused("NothingArrived", payouts.currency):
        payouts.deposit(0)


def test_a_fee_on_transfer_is_not_distributed_as_if_it_had_arrived(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    token = contracts.deploy("FeeOnTransferToken", BUYER.address, 10**6)
    payouts = native_payouts.using(token)
    with refused("InexactTransfer", token.address, 990, 1_000):
        payouts.deposit(1_000)
    ledger = contracts.deploy("PullLedger")
    payouts.node.send(BUYER, token.functions.approve(ledger.address, 10**6))
    with refused("InexactTransfer", token.address, 990, 1_000):
        payouts.node.send(
            BUYER, ledger.functions.credit(payouts.contract.address, token.address, 1_000)
        )


# ----------------------------------------------------------------------------- proposing


def test_a_quorums_distribution_comes_into_force_after_the_delay(payouts: PayoutsBuilder) -> None:
    payouts.deposit(100)
    earnings = shares(60, 40)
    payouts.propose(payouts.distribution(earnings))
    proposed = payouts.node.now()
    assert payouts.view("pendingOf", payouts.currency) == [
        100,
        proposed + DELAY,
        list(earnings.roots),
    ]
    assert payouts.funds == (100, 0, 0)
    move_to(payouts.node, proposed + DELAY - 2)
    with refused("DeadlineNotReached", proposed + DELAY):
        payouts.activate()
    move_to(payouts.node, proposed + DELAY - 1)
    payouts.activate()  # mined in the first second that allows it
    assert payouts.view("rootsOf", payouts.currency) == [1, list(earnings.roots)]
    assert payouts.view("pendingOf", payouts.currency) == [0, 0, []]
    assert payouts.funds == (100, 100, 100)
    with refused("NothingProposed", payouts.currency):
        payouts.activate()


def test_a_veto_strikes_the_proposal_out_and_its_signatures_with_it(
    payouts: PayoutsBuilder,
) -> None:
    payouts.deposit(100)
    distribution = payouts.distribution(shares(60, 40))
    payouts.propose(distribution)
    with refused("AccessManagedUnauthorized", STRANGER.address):
        payouts.send(STRANGER, "veto", payouts.currency)
    payouts.pass_delay()
    payouts.send(GUARDIAN, "veto", payouts.currency)
    assert payouts.view("pendingOf", payouts.currency) == [0, 0, []]
    for call in (payouts.activate, lambda: payouts.send(GUARDIAN, "veto", payouts.currency)):
        with refused("NothingProposed", payouts.currency):
            call()
    with refused("WrongEpoch", 1, 2):
        payouts.propose(distribution)
    payouts.distribute(shares(50, 50))
    assert payouts.view("rootsOf", payouts.currency)[0] == 2


def test_one_proposal_at_a_time(payouts: PayoutsBuilder) -> None:
    payouts.deposit(100)
    payouts.propose(payouts.distribution(shares(60, 40)))
    with refused("ProposalPending", 1):
        payouts.propose(payouts.distribution(shares(50, 50)))


@pytest.mark.parametrize("epoch", [0, 2, 2**64 - 1])
def test_epochs_ascend_by_one(payouts: PayoutsBuilder, epoch: int) -> None:
    payouts.deposit(100)
    with refused("WrongEpoch", epoch, 1):
        payouts.propose(payouts.distribution(shares(100), epoch=epoch))


@pytest.mark.parametrize("total", [1, 99, 101, 2**128 - 1])
def test_a_total_is_a_sum_that_arrived(payouts: PayoutsBuilder, total: int) -> None:
    payouts.deposit(100)
    with refused("TotalNotFunded", payouts.currency, total):
        payouts.propose(payouts.distribution(shares(100), total=total))


def test_a_deposit_meanwhile_can_not_spoil_the_signatures(payouts: PayoutsBuilder) -> None:
    payouts.deposit(100)
    distribution = payouts.distribution(shares(60, 40))
    signatures = payouts.signatures(distribution)
    payouts.deposit(1)
    payouts.propose(distribution, signatures)
    payouts.pass_delay()
    payouts.activate()
    assert payouts.funds == (101, 100, 100)
    payouts.distribute(shares(60, 41))
    assert payouts.funds == (101, 101, 101)


def test_a_distribution_needs_new_funds(payouts: PayoutsBuilder) -> None:
    payouts.deposit(50)
    payouts.deposit(50)
    payouts.distribute(shares(60, 40))
    for total in (0, 50, 100):
        with refused("NothingNew", total, 100):
            payouts.propose(payouts.distribution(shares(60, 40), total=total))


@pytest.mark.parametrize("count", [0, 3, 255, 257, 512])
def test_the_number_of_trees_is_a_power_of_two(payouts: PayoutsBuilder, count: int) -> None:
    payouts.deposit(100)
    with refused("WrongNumberOfTrees", count):
        payouts.propose(payouts.distribution(shares(100), roots=(b"\x01" * 32,) * count))


# -------------------------------------------------------------------------------- quorum


def test_fewer_than_the_threshold_decide_nothing(payouts: PayoutsBuilder) -> None:
    payouts.deposit(100)
    distribution = payouts.distribution(shares(100))
    for signers in (SIGNERS[:0], SIGNERS[2:]):
        with refused("QuorumNotReached", len(signers), 2):
            payouts.propose(distribution, payouts.signatures(distribution, signers))


@pytest.mark.parametrize("positions", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_any_quorum_will_do(payouts: PayoutsBuilder, positions: tuple[int, ...]) -> None:
    payouts.deposit(100)
    distribution = payouts.distribution(shares(100))
    signers = [SIGNERS[position] for position in positions]
    payouts.propose(distribution, payouts.signatures(distribution, signers))
    assert payouts.view("pendingOf", payouts.currency)[0] == 100


def test_a_bitmap_can_not_count_a_member_twice_or_name_strangers(payouts: PayoutsBuilder) -> None:
    payouts.deposit(100)
    distribution = payouts.distribution(shares(100))
    signatures = payouts.signatures(distribution)
    bitmap, both = packed(MEMBERS, signatures)
    assert bitmap == 0b011

    def propose(bitmap: int, signed: bytes) -> None:
        terms = (distribution.as_tuple(), COMMITTEE.as_tuple())
        payouts.send(STRANGER, "propose", *terms, bitmap, signed)

    with refused("BadSeatSignature", 1, MEMBERS[1]):
        propose(0b011, both[:64] * 2)
    with refused_for_one_of("BadSeatSignature"):
        propose(0b101, both)
    with refused("NoSuchSeat", 0b1010, 3):
        propose(0b1010, both)
    with refused("SignaturesLengthMismatch", 64, 128):
        propose(0b011, both[:64])
    with refused("QuorumNotReached", 1, 2):
        propose(0b001, both)
    with refused("SignaturesLengthMismatch", 127, 128):
        propose(0b011, both[:127])


def test_only_the_committee_in_office_counts(payouts: PayoutsBuilder, in_office: Contract) -> None:
    payouts.deposit(100)
    old = payouts.distribution(shares(100))
    others = ascending("usurper", 3)
    usurpers = Committee(8, 1, tuple(other.address for other in others))
    payouts.committee = usurpers
    forged = replace(old, committee=committee_digest(usurpers))
    signed = payouts.signatures(forged, others[:1])
    with refused("WrongCommittee", committee_digest(usurpers), committee_digest(COMMITTEE)):
        payouts.propose(forged, signed)
    with refused("WrongCommittee", committee_digest(usurpers), committee_digest(COMMITTEE)):
        payouts.propose(old, signed)
    payouts.node.send(PARTIES.admin, in_office.functions.appoint(committee_digest(usurpers)))
    payouts.propose(forged, signed)
    payouts.send(GUARDIAN, "veto", payouts.currency)
    payouts.committee = COMMITTEE
    with refused("WrongCommittee", committee_digest(COMMITTEE), committee_digest(usurpers)):
        payouts.propose(replace(old, epoch=2))


MEMBER_CHANGES: dict[str, Callable[[Distribution], Distribution]] = {
    "epoch": lambda d: replace(d, epoch=d.epoch + 1),
    "total": lambda d: replace(d, total=50),
    "roots": lambda d: replace(d, roots=(bytes(32),)),
    "document": lambda d: replace(d, document=bytes(32)),
    "currency": lambda d: replace(d, currency=payee(99)),
}


@pytest.mark.parametrize("member", MEMBER_CHANGES)
def test_the_signatures_cover_every_member(payouts: PayoutsBuilder, member: str) -> None:
    payouts.deposit(50)
    payouts.deposit(50)
    distribution = payouts.distribution(shares(100))
    signatures = payouts.signatures(MEMBER_CHANGES[member](distribution))
    with refused_for_one_of("BadSeatSignature"):
        payouts.propose(distribution, signatures)


@pytest.mark.parametrize("where", ["chain", "contract"])
def test_signatures_for_elsewhere_are_worth_nothing(payouts: PayoutsBuilder, where: str) -> None:
    payouts.deposit(100)
    distribution = payouts.distribution(shares(100))
    elsewhere = (
        replace(payouts.domain, chain_id=1)
        if where == "chain"
        else replace(payouts.domain, market=payee(7))
    )
    signatures = payouts.signatures(distribution, domain=elsewhere)
    with refused_for_one_of("BadSeatSignature"):
        payouts.propose(distribution, signatures)


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.builds(
        Distribution,
        st.binary(min_size=20, max_size=20).map(lambda raw: "0x" + raw.hex()),
        st.integers(0, 2**64 - 1),
        st.integers(0, 2**128 - 1),
        st.lists(st.binary(min_size=32, max_size=32), max_size=4).map(tuple),
        *[st.binary(min_size=32, max_size=32)] * 2,
    )
)
def test_a_distribution_has_one_digest(
    native_payouts: PayoutsBuilder, distribution: Distribution
) -> None:
    on_chain = native_payouts.view("digestOf", distribution.as_tuple())
    assert on_chain == digest(native_payouts.domain, distribution)


def test_posting_costs_the_same_for_any_number_of_payees(native_payouts: PayoutsBuilder) -> None:
    gas = []
    for each, payees in enumerate((20, 20, 20, 3_000), start=1):  # both rows are fresh once
        entries = [earning(payee(number), 1_000 * each) for number in range(payees)]
        earnings = build(entries, 1_000 * each * payees, trees=4)
        native_payouts.deposit(earnings.total - native_payouts.funds[0])
        gas.append(int(native_payouts.propose(native_payouts.distribution(earnings))["gasUsed"]))
        native_payouts.pass_delay()
        native_payouts.activate()
    assert abs(gas[3] - gas[2]) < 1_000  # a zero byte costs less than another


def test_only_the_authority_hands_over(payouts: PayoutsBuilder) -> None:
    with refused("AccessManagedUnauthorized", BUYER.address):
        payouts.send(BUYER, "setAuthority", BUYER.address)
