"""Payouts: claims, to whom they go, and what a payee's signature allows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deploying import TestContracts
from eth_account.signers.local import LocalAccount
from expectations import refused
from parties import PARTIES
from payouts_builder import PayoutsBuilder, earning, payee
from quick_chain import move_to

from marketplace.protocol.earnings import Earnings, Place, build
from marketplace.protocol.terms import NATIVE

ANNE, BERT, CARA = PARTIES.experts[:3]
RELAYER = PARTIES.stranger
HOME = payee(1_000)


def balance(payouts: PayoutsBuilder, account: str) -> int:
    if payouts.currency == NATIVE:
        return payouts.node.balance(account)
    token = payouts.node.contract("DevToken", payouts.currency)
    return int(payouts.node.call(token.functions.balanceOf(account)))


@pytest.fixture
def paid(payouts: PayoutsBuilder) -> Earnings:
    """Anne earned 60, Bert 40."""
    return payouts.pay({ANNE.address: 60, BERT.address: 40})


# ----------------------------------------------------------------------------- claiming


def test_anyone_claims_for_a_payee_and_only_the_payee_withdraws(
    payouts: PayoutsBuilder, paid: Earnings
) -> None:
    receipt = payouts.claim(paid.places[ANNE.address], by=RELAYER)
    (event,) = payouts.contract.events.Claimed().process_receipt(receipt)
    assert dict(event["args"]) == {
        "account": ANNE.address,
        "currency": payouts.currency,
        "cumulative": 60,
    }
    assert (payouts.claimed(ANNE.address), payouts.credit(ANNE.address)) == (60, 60)
    assert payouts.credit(RELAYER.address) == 0
    assert payouts.funds == (100, 100, 40)
    with refused("NothingToWithdraw", RELAYER.address, payouts.currency):
        payouts.send(RELAYER, "withdraw", payouts.currency, HOME)
    payouts.send(ANNE, "withdraw", payouts.currency, HOME)
    assert balance(payouts, HOME) == 60
    assert (payouts.claimed(ANNE.address), payouts.credit(ANNE.address)) == (60, 0)


def test_nothing_is_claimed_twice(payouts: PayoutsBuilder, paid: Earnings) -> None:
    place = paid.places[ANNE.address]
    payouts.claim(place)
    with refused("NothingToClaim", ANNE.address, payouts.currency):
        payouts.claim(place)
    payouts.send(ANNE, "withdraw", payouts.currency, HOME)
    with refused("NothingToClaim", ANNE.address, payouts.currency):
        payouts.claim(place)
    with refused("NothingToWithdraw", ANNE.address, payouts.currency):
        payouts.send(ANNE, "claimAndWithdraw", *payouts.proof(place), HOME)
    assert payouts.held() == 40


def test_one_claim_collects_many_distributions(payouts: PayoutsBuilder) -> None:
    payouts.claim(payouts.pay({ANNE.address: 10, BERT.address: 5}).places[ANNE.address])
    for number in range(2, 5):
        latest = payouts.pay({ANNE.address: 10 * number, BERT.address: 5 * number})
    payouts.claim(latest.places[ANNE.address])
    assert payouts.credit(ANNE.address) == 40
    payouts.claim(latest.places[BERT.address])
    assert payouts.credit(BERT.address) == 20
    assert payouts.funds == (60, 60, 0)


def test_claim_and_withdraw_in_one_call(payouts: PayoutsBuilder, paid: Earnings) -> None:
    place = paid.places[ANNE.address]
    with refused("NotAllowed", RELAYER.address, ANNE.address):
        payouts.send(RELAYER, "claimAndWithdraw", *payouts.proof(place), HOME)
    payouts.send(ANNE, "claimAndWithdraw", *payouts.proof(place), HOME)
    assert balance(payouts, HOME) == 60
    bert = paid.places[BERT.address]
    payouts.claim(bert)  # somebody was faster, which doesn't matter
    payouts.send(BERT, "claimAndWithdraw", *payouts.proof(bert), HOME)
    assert balance(payouts, HOME) == 100
    assert payouts.held() == 0


def test_nobody_receives_at_the_zero_address(payouts: PayoutsBuilder, paid: Earnings) -> None:
    with refused("InvalidReceiver", NATIVE):
        payouts.send(ANNE, "claimAndWithdraw", *payouts.proof(paid.places[ANNE.address]), NATIVE)
    with refused("InvalidReceiver", NATIVE):
        payouts.send(ANNE, "withdraw", payouts.currency, NATIVE)


def test_what_is_pending_can_not_be_claimed_and_what_is_past_no_longer(
    payouts: PayoutsBuilder, paid: Earnings
) -> None:
    amounts = {ANNE.address: 100, BERT.address: 100}
    following = build([earning(a, amount, "new") for a, amount in amounts.items()], 200)
    payouts.deposit(100)
    payouts.propose(payouts.distribution(following))
    with refused("InvalidProof", ANNE.address, 100):
        payouts.claim(following.places[ANNE.address])
    payouts.claim(paid.places[BERT.address])
    payouts.pass_delay()
    payouts.activate()
    with refused("InvalidProof", ANNE.address, 60):
        payouts.claim(paid.places[ANNE.address])
    for account in amounts:
        payouts.claim(following.places[account])
        assert payouts.credit(account) == 100


def test_before_the_first_distribution_nothing_proves_anything(payouts: PayoutsBuilder) -> None:
    place = Place(earning(ANNE.address, 1), ())
    with refused("InvalidProof", ANNE.address, 1):
        payouts.claim(place)


def test_claims_never_exceed_the_total_whatever_the_committee_signs(
    payouts: PayoutsBuilder,
) -> None:
    honest = build([earning(ANNE.address, 70), earning(BERT.address, 70)], 140, trees=1)
    payouts.deposit(100)
    payouts.propose(payouts.distribution(honest, total=100))
    payouts.pass_delay()
    payouts.activate()
    payouts.claim(honest.places[ANNE.address])
    with refused("TotalExceeded", 70, 30):
        payouts.claim(honest.places[BERT.address])
    assert payouts.funds == (100, 100, 30)


def test_a_fall_of_a_cumulative_amount_takes_nothing_back(
    payouts: PayoutsBuilder, paid: Earnings
) -> None:
    payouts.claim(paid.places[ANNE.address])
    fallen = payouts.pay({ANNE.address: 10, BERT.address: 91})
    with refused("NothingToClaim", ANNE.address, payouts.currency):
        payouts.claim(fallen.places[ANNE.address])
    with refused("TotalExceeded", 91, 41):
        payouts.claim(fallen.places[BERT.address])
    assert payouts.credit(ANNE.address) == 60


# ---------------------------------------------------------------------- to another address


def test_a_payee_signs_for_another_receiver(payouts: PayoutsBuilder, paid: Earnings) -> None:
    order = payouts.order(ANNE.address, HOME)
    payouts.claim_to(paid.places[ANNE.address], order, payouts.sign(order, ANNE))
    assert balance(payouts, HOME) == 60
    assert (payouts.claimed(ANNE.address), payouts.credit(ANNE.address)) == (60, 0)


def test_a_claim_meanwhile_does_not_spoil_the_signature(
    payouts: PayoutsBuilder, paid: Earnings
) -> None:
    order = payouts.order(ANNE.address, HOME)
    payouts.claim(paid.places[ANNE.address])
    payouts.claim_to(paid.places[ANNE.address], order, payouts.sign(order, ANNE))
    assert balance(payouts, HOME) == 60


def test_a_signature_works_once(payouts: PayoutsBuilder, paid: Earnings) -> None:
    order = payouts.order(ANNE.address, HOME, deadline=2**40)
    signature = payouts.sign(order, ANNE)
    payouts.claim_to(paid.places[ANNE.address], order, signature)
    following = payouts.pay({ANNE.address: 160, BERT.address: 40})
    with refused("BadSignature", ANNE.address):
        payouts.claim_to(following.places[ANNE.address], order, signature)


@pytest.mark.parametrize(
    "changed", ["receiver", "currency", "nonce", "deadline", "chain", "contract"]
)
def test_a_signature_covers_what_was_meant(
    payouts: PayoutsBuilder, paid: Earnings, changed: str
) -> None:
    order = payouts.order(ANNE.address, HOME)
    domain, signed = payouts.domain, order
    match changed:
        case "receiver":
            signed = replace(order, receiver=RELAYER.address)
        case "currency":
            signed = replace(order, currency=HOME)
        case "nonce":
            signed = replace(order, nonce=1)
        case "deadline":
            signed = replace(order, deadline=order.deadline + 1)
        case "chain":
            domain = replace(domain, chain_id=1)
        case "contract":
            domain = replace(domain, market=HOME)
    signature = payouts.sign(signed, ANNE, domain=domain)
    with refused("BadSignature", ANNE.address):
        payouts.claim_to(paid.places[ANNE.address], order, signature)


@pytest.mark.parametrize("by", [RELAYER, BERT])
def test_nobody_signs_for_a_payee(
    payouts: PayoutsBuilder, paid: Earnings, by: LocalAccount
) -> None:
    order = payouts.order(ANNE.address, HOME)
    with refused("BadSignature", ANNE.address):
        payouts.claim_to(paid.places[ANNE.address], order, payouts.sign(order, by))


def test_a_signature_expires(payouts: PayoutsBuilder, paid: Earnings) -> None:
    order = payouts.order(ANNE.address, HOME)
    signature, place = payouts.sign(order, ANNE), paid.places[ANNE.address]
    move_to(payouts.node, order.deadline)
    with refused("SignatureExpired", order.deadline):
        payouts.claim_to(place, order, signature)


def test_a_signature_counts_in_the_last_second(payouts: PayoutsBuilder, paid: Earnings) -> None:
    order = payouts.order(ANNE.address, HOME)
    move_to(payouts.node, order.deadline - 1)
    payouts.claim_to(paid.places[ANNE.address], order, payouts.sign(order, ANNE))
    assert payouts.node.now() == order.deadline


def test_a_contract_wallet_signs_by_its_owner(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    wallet = contracts.deploy("ContractWallet", CARA.address).address
    place = native_payouts.pay({wallet: 60}).places[wallet]
    order = native_payouts.order(wallet, HOME)
    with refused("BadSignature", wallet):
        native_payouts.claim_to(place, order, native_payouts.sign(order, ANNE))
    native_payouts.claim_to(place, order, native_payouts.sign(order, CARA))
    assert balance(native_payouts, HOME) == 60
