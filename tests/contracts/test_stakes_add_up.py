"""Whatever members, arbiter and clock do, stakes and credits add up to what the contract holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploying import TestContracts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from office import DAY, MEMBERS, ROTATION_DELAY, UNBONDING_DELAY, Office, fresh_chain
from parties import PARTIES
from quick_chain import QuickProvider, move_to

from marketplace.chain.client import Node
from marketplace.protocol.errors import TransactionReverted
from marketplace.protocol.terms import NATIVE

ARBITER, VICTIM = PARTIES.stranger, PARTIES.buyer
PLAYERS = MEMBERS[:3]
REFUSALS = {
    "InOffice",
    "StillBonded",
    "NothingToUnstake",
    "NothingToWithdraw",
    "NotStaked",
    "StakeTooLow",
}
LEAST = 10

PLAYER = st.sampled_from(range(3))
AMOUNT = st.integers(1, 25)
STEPS = st.one_of(
    st.tuples(st.just("stake"), PLAYER, AMOUNT),
    st.tuples(st.just("unstake"), PLAYER, AMOUNT),
    st.tuples(st.just("withdraw"), PLAYER, st.just(0)),
    st.tuples(st.just("slash"), PLAYER, AMOUNT),
    st.tuples(st.just("collect"), st.just(0), st.just(0)),
    st.tuples(st.just("appoint"), PLAYER, st.just(0)),
    st.tuples(st.just("wait"), st.just(0), st.sampled_from([DAY, ROTATION_DELAY, UNBONDING_DELAY])),
)


@pytest.fixture(scope="module")
def office(node: Node, request: pytest.FixtureRequest) -> Iterator[Office]:
    with fresh_chain(node):
        contracts = TestContracts(node, request.config.cache.mkdir("test-contracts"))
        yield Office.open(node, contracts, arbiter=ARBITER.address, min_stake=LEAST)


def act(office: Office, step: str, player: int, amount: int) -> None:
    """Do one step; the contract may refuse it for a reason that a member could meet."""
    member = PLAYERS[player]
    try:
        match step:
            case "stake":
                office.stake(member, amount=amount)
            case "unstake":
                office.send(member, "requestUnstake", amount)
            case "withdraw":
                office.send(member, "withdrawStake", member.address)
            case "slash":
                office.send(ARBITER, "slash", member.address, amount, VICTIM.address)
            case "collect":
                office.send(VICTIM, "withdrawCredit", NATIVE, VICTIM.address)
            case "appoint":
                office.appoint([member], 1)
            case "wait":
                move_to(office.node, office.node.now() + amount)
    except TransactionReverted as refusal:
        if refusal.reason.partition("(")[0] not in REFUSALS:
            raise


@pytest.mark.slow
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(STEPS, min_size=5, max_size=20))
def test_stakes_and_credits_are_what_the_contract_holds(
    office: Office, steps: list[tuple[str, int, int]]
) -> None:
    provider = office.node.web3.provider
    assert isinstance(provider, QuickProvider)
    with provider.forgetting():
        for step, player, amount in steps:
            before = [office.view("stakeOf", each.address) for each in PLAYERS]
            seated = office.view("isSeated", PLAYERS[player].address)
            act(office, step, player, amount)
            after = [office.view("stakeOf", each.address) for each in PLAYERS]
            credit = office.view("creditOf", VICTIM.address, NATIVE)
            held = office.node.balance(office.contract.address)
            assert sum(bonded + unbonding for bonded, unbonding, _ in after) + credit == held
            if step == "withdraw" and seated:
                assert before == after
            others = [seat for seat in range(3) if seat != player or step in {"wait", "collect"}]
            for other in others:  # nobody touches another's stake
                assert before[other][:2] == after[other][:2]
