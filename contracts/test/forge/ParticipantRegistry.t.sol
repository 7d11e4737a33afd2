// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Delays, IParticipantRegistry, Participant} from "../../src/interfaces/IParticipantRegistry.sol";
import {ParticipantRegistry} from "../../src/ParticipantRegistry.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {Currency} from "../../src/types/Currency.sol";

/// @title Tests of keys, profiles and stakes, by ParticipantRegistry.tree
contract ParticipantRegistryTest is Test {
    Currency private constant NATIVE = Currency.wrap(address(0));
    address private constant ME = address(0x3e);
    address private constant OTHER = address(0xf0);
    address private constant HOME = address(0x40e);
    uint32 private constant DOMAINS = 30 days;
    uint32 private constant WITHDRAWAL = 7 days;

    ParticipantRegistry private _registry;
    DevToken private _token;
    uint40 private _start = 1_000_000;

    function setUp() public {
        vm.warp(_start);
        _token = new DevToken();
        _deploy(NATIVE);
        vm.deal(ME, type(uint128).max);
        _token.mint(ME, type(uint128).max);
        vm.startPrank(ME); // whoever else acts is named
    }

    // ------------------------------------------------------------------- profile

    function testFuzz_PublishesAKeyAndReplacesIt(bytes32 one, bytes32 two) public {
        vm.assume(one != 0 && two != 0);
        _registry.publishEncryptionKey(one);
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.EncryptionKeyPublished(ME, two);
        _registry.publishEncryptionKey(two);
        assertEq(_registry.encryptionKeyOf(ME), two);
        assertEq(_registry.encryptionKeyOf(OTHER), 0);
    }

    function test_PublishesNoZeroKey() public {
        vm.expectRevert(IParticipantRegistry.ZeroKey.selector);
        _registry.publishEncryptionKey(0);
    }

    function testFuzz_PublishesAProfileAndReplacesIt(bytes32 one, bytes32 two) public {
        _registry.publishMetadata(one);
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.MetadataPublished(ME, two);
        _registry.publishMetadata(two);
        _assertParticipant(Participant(two, 0, 0, 0, 0, 0));
    }

    function testFuzz_DeclaresDomainsAndWaitsBeforeItChangesThem(uint8 one, uint8 two) public {
        (uint16 first, uint16 second) = (one % 32, two % 32);
        uint40 changeableAt = _start + DOMAINS;
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.DomainsDeclared(ME, first, changeableAt);
        _registry.declareDomains(first);
        _assertParticipant(Participant(0, first, changeableAt, 0, 0, 0));
        vm.warp(changeableAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.DomainsFixedUntil.selector, changeableAt));
        _registry.declareDomains(second);
        vm.warp(changeableAt);
        _registry.declareDomains(second);
        _assertParticipant(Participant(0, second, changeableAt + DOMAINS, 0, 0, 0));
    }

    function testFuzz_DeclaresDomainsThatThereAre(uint16 unknown) public {
        unknown = uint16(bound(unknown, 32, type(uint16).max));
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.UnknownDomain.selector, unknown));
        _registry.declareDomains(unknown);
    }

    // --------------------------------------------------------------------- stake

    function testFuzz_AddsNativeCoinToItsStake(uint96 one, uint96 two) public {
        _stakeTwice(one, two);
        assertEq(address(_registry).balance, _registry.participantOf(ME).stake);
    }

    function testFuzz_AddsTokensToItsStake(uint96 one, uint96 two) public {
        _deploy(Currency.wrap(address(_token)));
        _stakeTwice(one, two);
        assertEq(_token.balanceOf(address(_registry)), _registry.participantOf(ME).stake);
    }

    function test_AddsSomething() public {
        vm.expectRevert(IParticipantRegistry.ZeroAmount.selector);
        _registry.depositStake(0);
    }

    function test_UnlocksAPartAndWaitsAgainWithEach() public {
        _stake(10);
        _registry.unlockStake(4);
        _assertParticipant(Participant(0, 0, 0, 6, 4, _start + WITHDRAWAL));
        skip(5);
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.StakeUnlocked(ME, 5, _start + 5 + WITHDRAWAL);
        _registry.unlockStake(5);
        _assertParticipant(Participant(0, 0, 0, 1, 9, _start + 5 + WITHDRAWAL));
    }

    function test_UnlocksSomething() public {
        _stake(10);
        vm.expectRevert(IParticipantRegistry.ZeroAmount.selector);
        _registry.unlockStake(0);
    }

    function testFuzz_UnlocksNoMoreThanItHas(uint128 amount) public {
        amount = uint128(bound(amount, 11, type(uint128).max));
        _stake(10);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.StakeTooSmall.selector, amount, 10));
        _registry.unlockStake(amount);
    }

    function testFuzz_WithdrawsWhatItUnlockedToTheUnit(uint96 staked, uint96 unlocked) public {
        (staked, unlocked) = _withdraw(staked, unlocked);
        assertEq(HOME.balance, unlocked);
        assertEq(address(_registry).balance, staked - unlocked);
    }

    function testFuzz_WithdrawsTokensToTheUnit(uint96 staked, uint96 unlocked) public {
        _deploy(Currency.wrap(address(_token)));
        (staked, unlocked) = _withdraw(staked, unlocked);
        assertEq(_token.balanceOf(HOME), unlocked);
        assertEq(_token.balanceOf(address(_registry)), staked - unlocked);
    }

    function test_WithdrawsNothingBeforeItsTime() public {
        _stake(10);
        _registry.unlockStake(10);
        skip(WITHDRAWAL - 1);
        vm.expectRevert(
            abi.encodeWithSelector(IParticipantRegistry.StakeLockedUntil.selector, _start + WITHDRAWAL)
        );
        _registry.withdrawStake(HOME);
    }

    function test_WithdrawsNothingThatWasNotUnlocked() public {
        _stake(10);
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.NoStakeToWithdraw.selector, ME));
        _registry.withdrawStake(HOME);
    }

    function test_WithdrawsNothingToTheZeroAddress() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.InvalidReceiver.selector, address(0)));
        _registry.withdrawStake(address(0));
    }

    function test_WithdrawsNothingToTheRegistry() public {
        vm.expectRevert(abi.encodeWithSelector(IParticipantRegistry.InvalidReceiver.selector, address(_registry)));
        _registry.withdrawStake(address(_registry));
    }

    // -------------------------------------------------------------------- within

    function _deploy(Currency currency) private {
        Delays memory delays = Delays(DOMAINS, 1 days, 31 days, WITHDRAWAL);
        _registry = new ParticipantRegistry(currency, delays);
        assertEq(abi.encode(_registry.delays()), abi.encode(delays));
        assertEq(Currency.unwrap(_registry.stakeCurrency()), Currency.unwrap(currency));
    }

    function _stake(uint128 amount) private {
        bool native = Currency.unwrap(_registry.stakeCurrency()) == address(0);
        if (!native) _token.approve(address(_registry), amount);
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.StakeDeposited(ME, amount);
        _registry.depositStake{value: native ? amount : 0}(amount);
    }

    function _stakeTwice(uint96 one, uint96 two) private {
        (one, two) = (uint96(bound(one, 1, type(uint96).max)), uint96(bound(two, 1, type(uint96).max)));
        _stake(one);
        _stake(two);
        _assertParticipant(Participant(0, 0, 0, uint128(one) + two, 0, 0));
    }

    function _withdraw(uint96 staked, uint96 unlocked) private returns (uint96, uint96) {
        staked = uint96(bound(staked, 1, type(uint96).max));
        unlocked = uint96(bound(unlocked, 1, staked));
        _stake(staked);
        _registry.unlockStake(unlocked);
        skip(WITHDRAWAL);
        vm.expectEmit(address(_registry));
        emit IParticipantRegistry.StakeWithdrawn(ME, HOME, unlocked);
        assertEq(_registry.withdrawStake(HOME), unlocked);
        _assertParticipant(Participant(0, 0, 0, staked - unlocked, 0, 0));
        return (staked, unlocked);
    }

    function _assertParticipant(Participant memory expected) private view {
        assertEq(abi.encode(_registry.participantOf(ME)), abi.encode(expected));
    }
}
