"""Payouts: the books balance after any steps, and the log alone rebuilds them."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from parties import PARTIES
from payouts_builder import PayoutsBuilder, payee
from quick_chain import QuickProvider
from web3.logs import DISCARD

from marketplace.protocol.terms import NATIVE

ANNE, BERT, CARA = PARTIES.experts[:3]
HOME = payee(1_000)

a_few = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


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
