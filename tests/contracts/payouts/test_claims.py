"""Payouts: claims, to whom they go, and that no payee and no proof touches another's money."""

from __future__ import annotations

from dataclasses import replace

import pytest
from deploying import TestContracts
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from expectations import refused
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES
from payouts_builder import Deployed, PayoutsBuilder, earning, payee
from quick_chain import QuickProvider, move_to
from web3.contract import Contract
from web3.logs import DISCARD

from marketplace.protocol.earnings import Earning, Earnings, Place, build
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.terms import NATIVE
from marketplace.protocol.units import even_split

ANNE, BERT, CARA = PARTIES.experts[:3]
BUYER, RELAYER = PARTIES.buyer, PARTIES.stranger
HOME = payee(1_000)

a_few = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


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


# -------------------------------------------------------------------------------- proofs


def all_claim(payouts: PayoutsBuilder, earnings: Earnings) -> None:
    for account, place in earnings.places.items():
        payouts.claim(place)
        assert payouts.credit(account) == place.earning.cumulative
    assert payouts.funds == (earnings.total, earnings.total, 0)


@a_few
@given(
    amounts=st.lists(st.integers(1, 2**100), min_size=1, max_size=12),
    trees=st.sampled_from([None, 1, 2, 8, 256]),
)
def test_every_proof_that_is_built_verifies(
    native_payouts: PayoutsBuilder, deployed: Deployed, amounts: list[int], trees: int | None
) -> None:
    provider = native_payouts.node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        payouts = native_payouts.using(deployed.token, allowed=2**128)
        mint = deployed.token.functions.mint(BUYER.address, 2**104)
        payouts.node.send(BUYER, mint)
        all_claim(payouts, payouts.pay({payee(n): a for n, a in enumerate(amounts)}, trees))


def test_payee_number_101_and_all_others_are_paid_to_the_last_unit(
    native_payouts: PayoutsBuilder,
) -> None:
    shares = even_split(1_000_003, 150)  # leaves a remainder that somebody gets
    earnings = native_payouts.pay({payee(number): share for number, share in enumerate(shares)})
    all_claim(native_payouts, earnings)
    assert native_payouts.held() == 1_000_003


@a_few
@given(data=st.data())
def test_a_tampered_leaf_or_proof_fails(
    native_payouts: PayoutsBuilder, data: st.DataObject
) -> None:
    provider = native_payouts.node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        amounts = {payee(number): 10 + number for number in range(9)}
        earnings = native_payouts.pay(amounts, trees=2)
        place = data.draw(st.sampled_from(list(earnings.places.values())))
        tampered = data.draw(st.sampled_from(TAMPERINGS))(place, data)
        with refused("InvalidProof", tampered.earning.account, tampered.earning.cumulative):
            native_payouts.claim(tampered)


def other_account(place: Place, data: st.DataObject) -> Place:
    return replace(place, earning=replace(place.earning, account=RELAYER.address))


def other_amount(place: Place, data: st.DataObject) -> Place:
    amount = data.draw(st.integers(1, 2**128 - 1).filter(lambda n: n != place.earning.cumulative))
    return replace(place, earning=replace(place.earning, cumulative=amount))


def other_salt(place: Place, data: st.DataObject) -> Place:
    salt = data.draw(st.binary(min_size=16, max_size=16).filter(any))
    return replace(place, earning=replace(place.earning, salt=salt))


def flipped_bit(place: Place, data: st.DataObject) -> Place:
    at = data.draw(st.integers(0, len(place.proof) - 1))
    bit = 1 << data.draw(st.integers(0, 255))
    node = (int.from_bytes(place.proof[at]) ^ bit).to_bytes(32)
    return replace(place, proof=(*place.proof[:at], node, *place.proof[at + 1 :]))


def shorter(place: Place, data: st.DataObject) -> Place:
    return replace(place, proof=place.proof[:-1])


def longer(place: Place, data: st.DataObject) -> Place:
    return replace(place, proof=(*place.proof, data.draw(st.binary(min_size=32, max_size=32))))


TAMPERINGS = [other_account, other_amount, other_salt, flipped_bit, shorter, longer]


@a_few
@given(salt=st.binary(min_size=16, max_size=16).filter(any), amount=st.integers(1, 2**128 - 1))
def test_a_leaf_has_one_hash(native_payouts: PayoutsBuilder, salt: bytes, amount: int) -> None:
    made = Earning(ANNE.address, amount, salt)
    assert native_payouts.view("leafOf", made.as_tuple()) == made.leaf


@pytest.mark.parametrize("hashed", [0, 1])
def test_a_leaf_counts_only_if_hashed_twice(native_payouts: PayoutsBuilder, hashed: int) -> None:
    """A tree over leaves hashed less often is no tree, so that no inner node is a leaf."""
    made = earning(ANNE.address, 100)
    payload = (
        bytes(12) + bytes.fromhex(ANNE.address[2:]) + (100).to_bytes(32) + made.salt + bytes(16)
    )
    assert keccak(keccak(payload)) == made.leaf
    root = keccak(payload) if hashed else payload[:32]
    native_payouts.deposit(100)
    distribution = native_payouts.distribution(build([made], 100), roots=(root,))
    native_payouts.propose(distribution)
    native_payouts.pass_delay()
    native_payouts.activate()
    with refused("InvalidProof", ANNE.address, 100):
        native_payouts.claim(Place(made, ()))


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


# ------------------------------------------------------------------------- hostile parties


def in_token(payouts: PayoutsBuilder, token: Contract, *accounts: str) -> Earnings:
    return payouts.using(token).pay(dict.fromkeys(accounts, 500))


def test_a_blocked_payee_blocks_nobody_and_may_be_paid_elsewhere(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    token = contracts.deploy("BlockingToken", BUYER.address, 10**6)
    payouts = native_payouts.using(token)
    paid = in_token(native_payouts, token, ANNE.address, BERT.address)
    payouts.node.send(RELAYER, token.functions.blockAccount(ANNE.address))
    for place in paid.places.values():
        payouts.claim(place)
    with pytest.raises(TransactionReverted):
        payouts.send(ANNE, "withdraw", payouts.currency, ANNE.address)
    payouts.send(BERT, "withdraw", payouts.currency, BERT.address)
    order = payouts.order(ANNE.address, HOME)
    payouts.claim_to(paid.places[ANNE.address], order, payouts.sign(order, ANNE))
    assert payouts.node.call(token.functions.balanceOf(HOME)) == 500
    assert payouts.node.call(token.functions.balanceOf(payouts.contract.address)) == 0


def test_a_payee_that_refuses_coins_blocks_nobody(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    wallet = contracts.deploy("ContractWallet", CARA.address)
    paid = native_payouts.pay({wallet.address: 60, ANNE.address: 40})
    for place in paid.places.values():
        native_payouts.claim(place)
    contract = native_payouts.contract

    def withdraw_to(receiver: str) -> None:
        call = contract.encode_abi("withdraw", [NATIVE, receiver])
        native_payouts.node.send(CARA, wallet.functions.execute(contract.address, call))

    with refused("NativeTransferFailed", wallet.address, 60):
        withdraw_to(wallet.address)
    native_payouts.send(ANNE, "withdraw", NATIVE, HOME)
    withdraw_to(HOME)
    assert native_payouts.held() == 0


def test_a_payee_that_asks_again_while_it_is_paid_gets_nothing_more(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    paid = native_payouts.pay({ANNE.address: 60, BERT.address: 40})
    greedy = contracts.deploy("ReentrantPayee", native_payouts.contract.address)
    with refused("NativeTransferFailed", greedy.address, 60):
        place = paid.places[ANNE.address]
        native_payouts.send(ANNE, "claimAndWithdraw", *native_payouts.proof(place), greedy.address)
    assert native_payouts.held() == 100


@pytest.mark.parametrize("call", ["deposit", "withdraw", "collect"])
def test_a_token_that_calls_back_finds_the_door_closed(
    native_payouts: PayoutsBuilder, contracts: TestContracts, call: str
) -> None:
    token = contracts.deploy("ReentrantToken", BUYER.address, 10**6)
    contract = native_payouts.contract
    arguments = {
        "deposit": [token.address, 1],
        "withdraw": [token.address, HOME],
        "collect": [token.address, token.address],
    }
    data = contract.encode_abi(call, arguments[call])
    native_payouts.node.send(RELAYER, token.functions.arm(contract.address, data))
    with refused("ReentrancyGuardReentrantCall"):
        native_payouts.using(token).deposit(5)


@pytest.mark.parametrize("call", ["withdraw", "claimAndWithdraw", "claimTo"])
def test_a_token_that_calls_back_while_it_pays_finds_the_door_closed(
    native_payouts: PayoutsBuilder, contracts: TestContracts, call: str
) -> None:
    token = contracts.deploy("ReentrantToken", BUYER.address, 10**6)
    payouts = native_payouts.using(token)
    place = payouts.pay({ANNE.address: 60}).places[ANNE.address]
    if call == "withdraw":
        payouts.claim(place)
    order = payouts.order(ANNE.address, HOME)
    signature = payouts.sign(order, ANNE)
    data = payouts.contract.encode_abi("deposit", [token.address, 1])
    payouts.node.send(RELAYER, token.functions.arm(payouts.contract.address, data))
    with refused("ReentrancyGuardReentrantCall"):
        match call:
            case "withdraw":
                payouts.send(ANNE, "withdraw", token.address, HOME)
            case "claimAndWithdraw":
                payouts.send(ANNE, "claimAndWithdraw", *payouts.proof(place), HOME)
            case "claimTo":
                payouts.claim_to(place, order, signature)


def test_a_transfer_that_returns_false_stays_owed(
    native_payouts: PayoutsBuilder, contracts: TestContracts
) -> None:
    token = contracts.deploy("FalseToken", BUYER.address, 10**6)
    payouts = native_payouts.using(token)
    with refused("SafeERC20FailedOperation", token.address):
        payouts.deposit(5)
    payouts.node.send(RELAYER, token.functions.setHonest(True))
    paid = in_token(native_payouts, token, ANNE.address)
    payouts.claim(paid.places[ANNE.address])
    payouts.node.send(RELAYER, token.functions.setHonest(False))
    with refused("SafeERC20FailedOperation", token.address):
        payouts.send(ANNE, "withdraw", payouts.currency, HOME)
    assert payouts.credit(ANNE.address) == 500


# -------------------------------------------------------------------------- money and log


STEPS = st.lists(
    st.tuples(st.sampled_from(["pay", "claim", "withdraw"]), st.integers(0, 2), st.integers(1, 99)),
    max_size=10,
)


@a_few
@given(steps=STEPS)
def test_books_balance_and_the_log_rebuilds_them(
    native_payouts: PayoutsBuilder, steps: list[tuple[str, int, int]]
) -> None:
    provider, payouts = native_payouts.node.web3.provider, native_payouts
    assert isinstance(provider, QuickProvider)
    people = (ANNE, BERT, CARA)
    with provider.forgetting():
        first = payouts.node.web3.eth.block_number + 1
        earned = dict.fromkeys((person.address for person in people), 1)
        latest = payouts.pay(earned)
        claimed, withdrawn = dict.fromkeys(earned, 0), dict.fromkeys(earned, 0)
        for step, who, amount in steps:
            account = people[who].address
            if step == "pay":
                earned[account] += amount
                latest = payouts.pay(earned)
            elif step == "claim" and claimed[account] < earned[account]:
                payouts.claim(latest.places[account])
                claimed[account] = earned[account]
            elif step == "withdraw" and withdrawn[account] < claimed[account]:
                payouts.send(people[who], "withdraw", NATIVE, HOME)
                withdrawn[account] = claimed[account]
            total = sum(earned.values())
            assert payouts.funds == (total, total, total - sum(claimed.values()))
            assert payouts.held() == total - sum(withdrawn.values())
            assert payouts.credit(account) == claimed[account] - withdrawn[account]
        assert replayed(payouts, first) == (sum(earned.values()), claimed, withdrawn, latest.roots)


def replayed(
    payouts: PayoutsBuilder, first: int
) -> tuple[int, dict[str, int], dict[str, int], tuple[bytes, ...]]:
    """Rebuild funds, claims, withdrawals and roots from events alone."""
    funded, roots, pending = 0, (), ()
    claimed = dict.fromkeys((person.address for person in (ANNE, BERT, CARA)), 0)
    withdrawn = dict(claimed)
    for number in range(first, payouts.node.web3.eth.block_number + 1):
        for transaction in payouts.node.web3.eth.get_block(number)["transactions"]:
            receipt = payouts.node.web3.eth.get_transaction_receipt(transaction)
            for kind in payouts.contract.events:
                for event in kind().process_receipt(receipt, errors=DISCARD):
                    said = event["args"]
                    match event["event"]:
                        case "Funded":
                            funded += said["amount"]
                            assert said["funded"] == funded
                        case "DistributionProposed":
                            pending = tuple(said["roots"])
                        case "DistributionActivated":
                            roots, pending = pending, ()
                        case "Claimed":
                            claimed[said["account"]] = said["cumulative"]
                        case "Withdrawn":
                            withdrawn[said["account"]] += said["amount"]
    return funded, claimed, withdrawn, roots
