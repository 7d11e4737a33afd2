// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {ICredits} from "../../src/interfaces/ICredits.sol";
import {IOracleCommittee} from "../../src/interfaces/IOracleCommittee.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {CommitteeTerms} from "../../src/types/Committee.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {Authority} from "../Authority.sol";
import {FeeOnTransferToken} from "../FeeOnTransferToken.sol";

/// @title Tests of what a committee's members have at stake, by Stakes.tree
/// @dev All of it at once, in any order, is in StakesAddUp.t.sol.
contract StakesTest is Test {
    Currency private constant NATIVE = Currency.wrap(address(0));
    address private constant ARBITER = address(0xa4b1);
    address private constant VICTIM = address(0xb0b);
    address private constant MEMBER = address(0x1001);
    uint128 private constant LEAST = 10;
    uint32 private constant ROTATION = 2 days;
    uint32 private constant UNBONDING = 30 days;

    Authority private _authority;
    OracleCommittee private _office;

    function setUp() public {
        vm.warp(1_800_000_000);
        _authority = new Authority(address(this));
        _office = _deploy(NATIVE);
    }

    // ----------------------------------------------------------------------- paying

    function testFuzz_AddsUpWhoeverPays(address payer, uint96 own, uint96 others) public {
        assumeNotForgeAddress(payer);
        vm.assume(payer != address(_office) && payer != MEMBER);
        (own, others) = (uint96(bound(own, 1, type(uint96).max)), uint96(bound(others, 1, type(uint96).max)));
        _stake(MEMBER, MEMBER, own);
        vm.expectEmit(address(_office));
        emit IOracleCommittee.Staked(MEMBER, payer, others);
        _stake(payer, MEMBER, others);
        _assertStake(MEMBER, uint128(own) + others, 0, 0);
        _assertStake(payer, 0, 0, 0);
        assertEq(address(_office).balance, uint256(own) + others);
    }

    function testFuzz_TakesAToken(uint128 amount) public {
        amount = uint128(bound(amount, 1, type(uint128).max));
        DevToken token = _holding(amount);
        OracleCommittee office = _deploy(Currency.wrap(address(token)));
        token.approve(address(office), amount);
        office.stake(MEMBER, amount);
        (uint128 bonded,,) = office.stakeOf(MEMBER);
        assertEq(bonded, amount);
        assertEq(token.balanceOf(address(office)), amount);
        vm.startPrank(MEMBER);
        office.requestUnstake(amount);
        skip(UNBONDING);
        assertEq(office.withdrawStake(VICTIM), amount);
        assertEq(token.balanceOf(VICTIM), amount);
    }

    function test_RefusesNothing() public {
        vm.expectRevert(IOracleCommittee.ZeroAmount.selector);
        _office.stake(MEMBER, 0);
    }

    function testFuzz_RefusesAnotherValueThanTheAmount(uint96 value, uint128 amount) public {
        vm.assume(amount != 0 && value != amount);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, amount));
        _office.stake{value: value}(MEMBER, amount);
    }

    function testFuzz_RefusesCoinsBesideAToken(uint96 value) public {
        vm.assume(value != 0);
        DevToken token = _holding(5);
        OracleCommittee office = _deploy(Currency.wrap(address(token)));
        token.approve(address(office), 5);
        vm.deal(address(this), value);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, 0));
        office.stake{value: value}(MEMBER, 5);
    }

    function test_RefusesATokenThatKeepsAFee() public {
        FeeOnTransferToken token = new FeeOnTransferToken(address(this), 1_000);
        Currency currency = Currency.wrap(address(token));
        OracleCommittee office = _deploy(currency);
        token.approve(address(office), 1_000);
        vm.expectRevert(
            abi.encodeWithSelector(CurrencyLibrary.InexactTransfer.selector, currency, 990, 1_000)
        );
        office.stake(MEMBER, 1_000);
    }

    // ----------------------------------------------------------------------- notice

    function testFuzz_NoLongerCountsWhatIsOnItsWayOut(uint96 staked, uint96 out) public {
        staked = uint96(bound(staked, 1, type(uint96).max));
        out = uint96(bound(out, 1, staked));
        _stake(MEMBER, MEMBER, staked);
        vm.expectEmit(address(_office));
        emit IOracleCommittee.UnstakeRequested(MEMBER, out);
        _giveNotice(MEMBER, out);
        _assertStake(MEMBER, staked - out, out, vm.getBlockTimestamp() + UNBONDING);
    }

    function test_RefusesToGiveNoticeOfNothing() public {
        _stake(MEMBER, MEMBER, LEAST);
        vm.expectRevert(IOracleCommittee.ZeroAmount.selector);
        _giveNotice(MEMBER, 0);
    }

    function testFuzz_RefusesMoreThanIsBonded(uint96 staked, uint128 out) public {
        staked = uint96(bound(staked, 1, type(uint96).max));
        out = uint128(bound(out, uint256(staked) + 1, type(uint128).max));
        _stake(MEMBER, MEMBER, staked);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleCommittee.NotStaked.selector, MEMBER, out, staked)
        );
        _giveNotice(MEMBER, out);
    }

    // ------------------------------------------------------------------- withdrawal

    function testFuzz_PaysItWhenTheDelayIsOver(uint96 staked, uint96 out, uint32 early) public {
        staked = uint96(bound(staked, 1, type(uint96).max));
        out = uint96(bound(out, 1, staked));
        _stake(MEMBER, MEMBER, staked);
        _giveNotice(MEMBER, out);
        uint256 until = vm.getBlockTimestamp() + UNBONDING;
        vm.warp(until - bound(early, 1, UNBONDING));
        _refuseWithdrawal(abi.encodeWithSelector(IOracleCommittee.StillBonded.selector, MEMBER, until));
        vm.warp(until);
        vm.expectEmit(address(_office));
        emit IOracleCommittee.StakeWithdrawn(MEMBER, VICTIM, out);
        vm.prank(MEMBER);
        assertEq(_office.withdrawStake(VICTIM), out);
        assertEq(VICTIM.balance, out);
        assertEq(address(_office).balance, staked - out);
        _assertStake(MEMBER, staked - out, 0, 0);
    }

    function testFuzz_WaitsAnewAfterEachNotice(uint32 later) public {
        later = uint32(bound(later, 1, UNBONDING));
        _stake(MEMBER, MEMBER, LEAST);
        _giveNotice(MEMBER, 1);
        skip(later);
        _giveNotice(MEMBER, 2);
        uint256 until = vm.getBlockTimestamp() + UNBONDING;
        _assertStake(MEMBER, LEAST - 3, 3, until);
        vm.warp(until - 1);
        _refuseWithdrawal(abi.encodeWithSelector(IOracleCommittee.StillBonded.selector, MEMBER, until));
    }

    function test_WaitsFromTheEndOfTheTerm() public {
        _stake(MEMBER, MEMBER, LEAST);
        _stake(VICTIM, VICTIM, LEAST);
        _appoint(MEMBER);
        _giveNotice(MEMBER, LEAST);
        skip(UNBONDING); // the notice is old
        _appoint(VICTIM);
        uint256 left = vm.getBlockTimestamp() + ROTATION;
        _assertStake(MEMBER, 0, LEAST, left + UNBONDING);
        vm.warp(left + UNBONDING - 1);
        _refuseWithdrawal(
            abi.encodeWithSelector(IOracleCommittee.StillBonded.selector, MEMBER, left + UNBONDING)
        );
        skip(1);
        vm.prank(MEMBER);
        assertEq(_office.withdrawStake(MEMBER), LEAST);
    }

    function test_RefusesWhoeverSitsOrWillSit() public {
        bytes memory refusal = abi.encodeWithSelector(IOracleCommittee.InOffice.selector, MEMBER);
        _stake(MEMBER, MEMBER, LEAST);
        _stake(VICTIM, VICTIM, LEAST);
        _appoint(VICTIM);
        _appoint(MEMBER);
        _giveNotice(MEMBER, LEAST);
        _refuseWithdrawal(refusal); // scheduled
        skip(ROTATION + UNBONDING);
        _refuseWithdrawal(refusal); // in office
        _appoint(VICTIM);
        _office.cancelRotation();
        skip(ROTATION + UNBONDING);
        _refuseWithdrawal(refusal); // still: its successor never came
    }

    function test_RefusesWhereNothingIsOnItsWayOut() public {
        bytes memory refusal = abi.encodeWithSelector(IOracleCommittee.NothingToUnstake.selector, MEMBER);
        _refuseWithdrawal(refusal);
        _stake(MEMBER, MEMBER, LEAST);
        _refuseWithdrawal(refusal);
        _giveNotice(MEMBER, 1);
        skip(UNBONDING);
        vm.prank(MEMBER);
        _office.withdrawStake(MEMBER);
        _refuseWithdrawal(refusal);
    }

    function test_RefusesTheZeroAddressAndItself() public {
        _stake(MEMBER, MEMBER, LEAST);
        _giveNotice(MEMBER, LEAST);
        skip(UNBONDING);
        address[2] memory receivers = [address(0), address(_office)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ICredits.InvalidReceiver.selector, receivers[i]));
            vm.prank(MEMBER);
            _office.withdrawStake(receivers[i]);
        }
    }

    // --------------------------------------------------------------------- slashing

    function testFuzz_TakesWhatIsOnItsWayOutFirstAndNoMoreThanThereIs(
        uint96 staked,
        uint96 out,
        uint128 penalty
    ) public {
        staked = uint96(bound(staked, 1, type(uint96).max));
        out = uint96(bound(out, 0, staked));
        if (penalty % 2 == 0) penalty %= uint128(staked) + 1; // half of them within the stake
        _stake(MEMBER, MEMBER, staked);
        if (out != 0) _giveNotice(MEMBER, out);
        uint256 taken = penalty < staked ? penalty : staked;
        vm.expectEmit(address(_office));
        emit IOracleCommittee.Slashed(MEMBER, VICTIM, taken);
        vm.prank(ARBITER);
        assertEq(_office.slash(MEMBER, penalty, VICTIM), taken);
        uint256 unbonding = taken < out ? out - taken : 0;
        (uint128 bonded, uint128 leaving,) = _office.stakeOf(MEMBER);
        assertEq(leaving, unbonding);
        assertEq(bonded, staked - taken - unbonding);
        assertEq(_office.creditOf(VICTIM, NATIVE), taken);
        assertEq(address(_office).balance, staked);
    }

    function testFuzz_ObeysTheArbiterAlone(address caller) public {
        assumeNotForgeAddress(caller);
        vm.assume(caller != ARBITER);
        _stake(MEMBER, MEMBER, LEAST);
        vm.expectRevert(abi.encodeWithSelector(IOracleCommittee.OnlyArbiter.selector, caller, ARBITER));
        vm.prank(caller);
        _office.slash(MEMBER, 1, caller);
    }

    // ---------------------------------------------------------------------- private

    function _deploy(Currency currency) private returns (OracleCommittee) {
        return new OracleCommittee(
            address(_authority), CommitteeTerms(currency, LEAST, ROTATION, UNBONDING, ARBITER, address(0))
        );
    }

    function _holding(uint256 amount) private returns (DevToken token) {
        token = new DevToken();
        token.mint(address(this), amount);
    }

    function _stake(address payer, address member, uint128 amount) private {
        hoax(payer, amount);
        _office.stake{value: amount}(member, amount);
    }

    function _giveNotice(address member, uint128 amount) private {
        vm.prank(member);
        _office.requestUnstake(amount);
    }

    function _appoint(address member) private {
        address[] memory members = new address[](1);
        members[0] = member;
        _office.scheduleRotation(members, 1);
    }

    function _refuseWithdrawal(bytes memory refusal) private {
        vm.expectRevert(refusal);
        vm.prank(MEMBER);
        _office.withdrawStake(MEMBER);
    }

    function _assertStake(address member, uint256 bonded, uint256 unbonding, uint256 until) private view {
        (uint128 b, uint128 u, uint40 t) = _office.stakeOf(member);
        assertEq(b, bonded);
        assertEq(u, unbonding);
        assertEq(t, until);
    }
}
