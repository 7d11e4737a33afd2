"""Profiles and stakes of participants: each account speaks and pays for itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from deploying import TestContracts
from expectations import refused
from participants import (
    DELAYS,
    DOMAINS_DELAY,
    WITHDRAWAL_DELAY,
    Registry,
    forgetting,
)
from parties import PARTIES
from quick_chain import move_to
from web3.contract import Contract

from marketplace.chain.client import Node
from marketplace.protocol.terms import NATIVE

ME, OTHER = PARTIES.experts[0], PARTIES.stranger
PLENTY = 10**18


@pytest.fixture
def registry(node: Node) -> Iterator[Registry]:
    with forgetting(node):
        yield Registry(node)


@pytest.fixture
def hostile(node: Node, registry: Registry, request: pytest.FixtureRequest) -> TestContracts:
    return TestContracts(node, request.config.cache.mkdir("test-contracts"))


def stake_of(registry: Registry, account: str) -> tuple[int, int, int]:
    """Return what is staked, what is leaving and when."""
    *_, stake, leaving, leaves_at = registry.view("participantOf", account)
    return stake, leaving, leaves_at


def test_the_delays_and_the_currency_are_fixed(registry: Registry) -> None:
    assert registry.view("delays") == DELAYS
    assert registry.view("stakeCurrency") == NATIVE


def test_a_profile_is_replaced_at_any_time(registry: Registry) -> None:
    registry.send(ME, "publishMetadata", b"\x01" * 32)
    registry.send(ME, "publishMetadata", b"\x02" * 32)
    assert registry.view("participantOf", ME.address)[0] == b"\x02" * 32
    assert registry.view("participantOf", OTHER.address) == (bytes(32), 0, 0, 0, 0, 0)


def test_domains_change_once_per_delay(registry: Registry) -> None:
    registry.send(ME, "declareDomains", 0b00101)
    changeable_at = registry.node.now() + DOMAINS_DELAY
    assert registry.view("participantOf", ME.address)[1:3] == (0b00101, changeable_at)
    move_to(registry.node, changeable_at - 2)
    with refused("DomainsFixedUntil", changeable_at):
        registry.send(ME, "declareDomains", 0b00001)
    move_to(registry.node, changeable_at - 1)
    registry.send(ME, "declareDomains", 0)  # in the next second
    assert registry.view("participantOf", ME.address)[1] == 0
    with refused("DomainsFixedUntil", changeable_at + DOMAINS_DELAY):
        registry.send(ME, "declareDomains", 0b00001)


def test_there_are_five_domains(registry: Registry) -> None:
    for unknown in (1 << 5, 1 << 15, 0xFFFF):
        with refused("UnknownDomain", unknown):
            registry.send(ME, "declareDomains", unknown)
    registry.send(ME, "declareDomains", 0b11111)


def test_a_stake_comes_back_to_its_owner_after_the_delay(registry: Registry) -> None:
    node = registry.node
    registry.send(ME, "depositStake", 30, value=30)
    registry.send(ME, "depositStake", 12, value=12)
    assert stake_of(registry, ME.address) == (42, 0, 0)
    registry.send(ME, "unlockStake", 40)
    leaves_at = node.now() + WITHDRAWAL_DELAY
    assert stake_of(registry, ME.address) == (2, 40, leaves_at)
    move_to(node, leaves_at - 2)
    with refused("StakeLockedUntil", leaves_at):
        registry.send(ME, "withdrawStake", OTHER.address)
    before = node.balance(OTHER.address)
    move_to(node, leaves_at - 1)
    registry.send(ME, "withdrawStake", OTHER.address)
    assert node.balance(OTHER.address) == before + 40
    assert stake_of(registry, ME.address) == (2, 0, 0)
    assert node.balance(registry.contract.address) == 2
    with refused("NoStakeToWithdraw", ME.address):
        registry.send(ME, "withdrawStake", OTHER.address)


def test_a_further_unlocking_starts_the_delay_anew(registry: Registry) -> None:
    registry.send(ME, "depositStake", 10, value=10)
    registry.send(ME, "unlockStake", 4)
    registry.node.advance_time(WITHDRAWAL_DELAY - 1)
    registry.send(ME, "unlockStake", 6)
    leaves_at = registry.node.now() + WITHDRAWAL_DELAY
    assert stake_of(registry, ME.address) == (0, 10, leaves_at)
    with refused("StakeLockedUntil", leaves_at):
        registry.send(ME, "withdrawStake", ME.address)


def test_nobody_takes_what_is_not_its_own(registry: Registry) -> None:
    registry.send(ME, "depositStake", 10, value=10)
    registry.send(ME, "unlockStake", 10)
    registry.node.advance_time(WITHDRAWAL_DELAY)
    with refused("NoStakeToWithdraw", OTHER.address):
        registry.send(OTHER, "withdrawStake", OTHER.address)
    with refused("StakeTooSmall", 1, 0):
        registry.send(OTHER, "unlockStake", 1)


def test_unusable_amounts_and_receivers_are_refused(registry: Registry) -> None:
    with refused("ZeroAmount"):
        registry.send(ME, "depositStake", 0)
    with refused("ZeroAmount"):
        registry.send(ME, "unlockStake", 0)
    with refused("WrongValue", 3, 4):
        registry.send(ME, "depositStake", 4, value=3)
    registry.send(ME, "depositStake", 4, value=4)
    with refused("StakeTooSmall", 5, 4):
        registry.send(ME, "unlockStake", 5)
    registry.send(ME, "unlockStake", 4)
    registry.node.advance_time(WITHDRAWAL_DELAY)
    for nobody in (NATIVE, registry.contract.address):
        with refused("InvalidReceiver", nobody):
            registry.send(ME, "withdrawStake", nobody)


def test_a_receiver_that_refuses_loses_nothing(registry: Registry, hostile: TestContracts) -> None:
    wallet = hostile.deploy("ContractWallet", OTHER.address)
    registry.send(ME, "depositStake", 4, value=4)
    registry.send(ME, "unlockStake", 4)
    registry.node.advance_time(WITHDRAWAL_DELAY)
    with refused("NativeTransferFailed", wallet.address, 4):
        registry.send(ME, "withdrawStake", wallet.address)
    registry.send(ME, "withdrawStake", OTHER.address)
    assert stake_of(registry, ME.address) == (0, 0, 0)


def test_a_token_is_staked(node: Node, registry: Registry, hostile: TestContracts) -> None:
    token = hostile.deploy("SilentToken", ME.address, PLENTY)
    staked = Registry(node, token.address)
    staked.send(ME, "depositStake", PLENTY)
    assert token.functions.balanceOf(staked.contract.address).call() == PLENTY
    with refused("WrongValue", 1, 0):
        staked.send(ME, "depositStake", 1, value=1)
    staked.send(ME, "unlockStake", PLENTY)
    node.advance_time(WITHDRAWAL_DELAY)
    staked.send(ME, "withdrawStake", OTHER.address)
    assert token.functions.balanceOf(OTHER.address).call() == PLENTY


def test_a_token_that_calls_back_counts_nothing_twice(
    node: Node, registry: Registry, hostile: TestContracts
) -> None:
    token = hostile.deploy("ReentrantToken", ME.address, PLENTY)
    staked = Registry(node, token.address)
    _send(node, token, "approve", staked.contract.address, PLENTY)
    again = staked.contract.encode_abi("depositStake", [1])
    _send(node, token, "arm", staked.contract.address, again)
    with refused("ReentrancyGuardReentrantCall"):
        staked.send(ME, "depositStake", 7)


def _send(node: Node, contract: Contract, function: str, *arguments: object) -> None:
    node.send(ME, contract.get_function_by_name(function)(*arguments))
