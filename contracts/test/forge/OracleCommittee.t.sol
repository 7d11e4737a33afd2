// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Test} from "forge-std/Test.sol";
import {IOracleCommittee} from "../../src/interfaces/IOracleCommittee.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {Committee, CommitteeTerms} from "../../src/types/Committee.sol";
import {Currency} from "../../src/types/Currency.sol";
import {Authority} from "../Authority.sol";

/// @title Tests of who is in office, by OracleCommittee.tree
/// @dev What members have at stake is tested in Stakes.t.sol.
contract OracleCommitteeTest is Test {
    Currency private constant NATIVE = Currency.wrap(address(0));
    address private constant ARBITER = address(0xa4b1);
    uint128 private constant LEAST = 5 ether;
    uint32 private constant ROTATION = 2 days;
    uint32 private constant UNBONDING = 30 days;
    uint256 private constant PEOPLE = 17;

    OracleCommittee private _office;

    function setUp() public {
        Authority authority = new Authority(address(this));
        _office = new OracleCommittee(
            address(authority), CommitteeTerms(NATIVE, LEAST, ROTATION, UNBONDING, ARBITER, address(0))
        );
        vm.deal(address(this), PEOPLE * LEAST);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _office.stake{value: LEAST}(_person(i), LEAST);
        }
        vm.warp(1_800_000_000);
    }

    function test_KeepsItsTermsAndHasNoCommittee() public view {
        assertEq(Currency.unwrap(_office.stakeCurrency()), address(0));
        assertEq(_office.minStake(), LEAST);
        assertEq(_office.rotationDelay(), ROTATION);
        assertEq(_office.unbondingDelay(), UNBONDING);
        assertEq(_office.arbiter(), ARBITER);
        assertEq(_office.currentDigest(), 0);
        _assertInOffice(Committee(0, 0, new address[](0)));
        _assertNothingScheduled();
    }

    // ------------------------------------------------------------------ appointing

    function test_PutsTheFirstIntoOfficeAtOnce() public {
        Committee memory first = _committee(1, 2, 0, 3);
        _expectScheduled(first, vm.getBlockTimestamp());
        assertEq(_office.scheduleRotation(first.members, 2), 1);
        _assertInOffice(first);
        assertEq(_office.currentDigest(), keccak256(abi.encode(first)));
        _assertNothingScheduled();
    }

    function testFuzz_PutsTheNextIntoOfficeByTheClockAlone(uint32 before) public {
        Committee memory first = _appoint(1, 2, 0, 3);
        skip(before);
        uint256 effectiveAt = vm.getBlockTimestamp() + ROTATION;
        Committee memory next = _committee(2, 3, 3, 4);
        _expectScheduled(next, effectiveAt);
        assertEq(_office.scheduleRotation(next.members, 3), 2);
        _assertScheduled(next, effectiveAt);
        vm.warp(effectiveAt - 1);
        _assertInOffice(first);
        _assertScheduled(next, effectiveAt);
        vm.warp(effectiveAt);
        _assertInOffice(next);
        assertEq(_office.currentDigest(), keccak256(abi.encode(next)));
        _assertNothingScheduled();
    }

    function test_KeepsEachVersionReadable() public {
        Committee memory first = _appoint(1, 2, 0, 3);
        Committee memory next = _appoint(2, 3, 3, 4);
        skip(ROTATION);
        assertEq(abi.encode(_office.committee(1)), abi.encode(first));
        assertEq(abi.encode(_office.committee(2)), abi.encode(next));
        assertEq(_office.digestOf(1), keccak256(abi.encode(first)));
        assertEq(_office.digestOf(2), keccak256(abi.encode(next)));
        assertEq(_office.committee(3).members.length, 0);
        assertEq(_office.digestOf(3), 0);
    }

    function testFuzz_TakesAnyMajorityOfUpToSixteen(uint8 count, uint8 threshold) public {
        count = uint8(bound(count, 1, 16));
        threshold = uint8(bound(threshold, count / 2 + 1, count));
        Committee memory judges = _appoint(1, threshold, 0, count);
        _assertInOffice(judges);
    }

    // --------------------------------------------------------------------- refusals

    function test_RefusesNobodyAndMoreThanSixteen() public {
        vm.expectRevert(IOracleCommittee.InvalidMembers.selector);
        _office.scheduleRotation(_people(0, 0), 0);
        vm.expectRevert(IOracleCommittee.InvalidMembers.selector);
        _office.scheduleRotation(_people(0, 17), 9);
        assertEq(_office.currentDigest(), 0);
    }

    function testFuzz_RefusesMembersOutOfOrder(uint8 count, uint8 where, uint8 other) public {
        count = uint8(bound(count, 2, 16));
        where = uint8(bound(where, 1, count - 1));
        address[] memory members = _people(0, count);
        members[where] = members[bound(other, 0, where - 1)]; // twice, or a step back
        vm.expectRevert(IOracleCommittee.InvalidMembers.selector);
        _office.scheduleRotation(members, count);
    }

    function test_RefusesTheZeroAddress() public {
        address[] memory members = _people(0, 3);
        members[0] = address(0);
        vm.expectRevert(IOracleCommittee.InvalidMembers.selector);
        _office.scheduleRotation(members, 2);
    }

    function testFuzz_RefusesAThresholdThatIsNoMajority(uint8 count, uint8 threshold) public {
        count = uint8(bound(count, 1, 16));
        vm.assume(threshold > count || threshold <= count / 2);
        address[] memory members = _people(0, count);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleCommittee.InvalidThreshold.selector, threshold, count)
        );
        _office.scheduleRotation(members, threshold);
    }

    function testFuzz_RefusesWhoeverHasTooLittleAtStake(uint8 who, uint128 out) public {
        address member = _person(bound(who, 0, 2));
        out = uint128(bound(out, 1, LEAST));
        vm.prank(member);
        _office.requestUnstake(out);
        vm.expectRevert(
            abi.encodeWithSelector(IOracleCommittee.StakeTooLow.selector, member, LEAST - out, LEAST)
        );
        _office.scheduleRotation(_people(0, 3), 2);
        vm.deal(address(this), out);
        _office.stake{value: out}(member, out);
        _appoint(1, 2, 0, 3);
    }

    // ---------------------------------------------------------- what was given up

    function testFuzz_NeverSeatsWhomALaterOneReplaced(uint32 before) public {
        Committee memory first = _appoint(1, 2, 0, 3);
        _appoint(2, 3, 3, 4);
        skip(before % ROTATION);
        uint256 effectiveAt = vm.getBlockTimestamp() + ROTATION;
        Committee memory later = _committee(3, 2, 7, 2);
        vm.expectEmit(address(_office));
        emit IOracleCommittee.RotationCancelled(2);
        _expectScheduled(later, effectiveAt);
        assertEq(_office.scheduleRotation(later.members, 2), 3);
        vm.warp(effectiveAt - 1);
        _assertInOffice(first);
        vm.warp(effectiveAt);
        _assertInOffice(later);
    }

    function testFuzz_NeverSeatsWhomACancellationTookOut(uint32 before) public {
        Committee memory first = _appoint(1, 2, 0, 3);
        _appoint(2, 3, 3, 4);
        skip(before % ROTATION);
        vm.expectEmit(address(_office));
        emit IOracleCommittee.RotationCancelled(2);
        _office.cancelRotation();
        _assertNothingScheduled();
        _assertInOffice(first);
        skip(2 * ROTATION);
        _assertInOffice(first);
        _assertNothingScheduled();
    }

    function test_GivesNoVersionOutTwice() public {
        _appoint(1, 2, 0, 3);
        _appoint(2, 3, 3, 4);
        _office.cancelRotation();
        Committee memory third = _appoint(3, 2, 7, 2);
        _assertScheduled(third, vm.getBlockTimestamp() + ROTATION);
    }

    function test_RefusesToCancelWhatHasTakenOffice() public {
        vm.expectRevert(IOracleCommittee.NoRotationScheduled.selector);
        _office.cancelRotation();
        _appoint(1, 2, 0, 3);
        vm.expectRevert(IOracleCommittee.NoRotationScheduled.selector);
        _office.cancelRotation();
        Committee memory next = _appoint(2, 3, 3, 4);
        skip(ROTATION);
        vm.expectRevert(IOracleCommittee.NoRotationScheduled.selector);
        _office.cancelRotation();
        _assertInOffice(next);
        _appoint(3, 2, 0, 3);
        _office.cancelRotation();
        vm.expectRevert(IOracleCommittee.NoRotationScheduled.selector);
        _office.cancelRotation();
    }

    function test_KnowsWhoSitsNowAndWhoSitsNext() public {
        _assertSeated(0, 0, 0, 0);
        _appoint(1, 2, 0, 3);
        _assertSeated(0, 3, 0, 0);
        _appoint(2, 2, 2, 3);
        _assertSeated(0, 3, 2, 5);
        skip(ROTATION);
        _assertSeated(0, 0, 2, 5);
        _appoint(3, 2, 6, 2);
        _office.cancelRotation();
        _assertSeated(0, 0, 2, 5);
    }

    function testFuzz_RefusesToAppointAndToCancel(address caller) public {
        vm.assume(caller != address(this));
        _appoint(1, 2, 0, 3);
        Committee memory next = _appoint(2, 3, 3, 4);
        bytes memory refusal =
            abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        _office.scheduleRotation(next.members, 3);
        vm.expectRevert(refusal);
        _office.cancelRotation();
        vm.stopPrank();
        _assertScheduled(next, vm.getBlockTimestamp() + ROTATION);
    }

    // ---------------------------------------------------------------------- private

    function _person(uint256 i) private pure returns (address) {
        return address(uint160(0x1000 + i));
    }

    function _people(uint256 from, uint256 count) private pure returns (address[] memory people) {
        people = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            people[i] = _person(from + i);
        }
    }

    function _committee(uint32 version, uint8 threshold, uint256 from, uint256 count)
        private
        pure
        returns (Committee memory)
    {
        return Committee(version, threshold, _people(from, count));
    }

    function _appoint(uint32 version, uint8 threshold, uint256 from, uint256 count)
        private
        returns (Committee memory judges)
    {
        judges = _committee(version, threshold, from, count);
        assertEq(_office.scheduleRotation(judges.members, threshold), version);
    }

    function _expectScheduled(Committee memory next, uint256 effectiveAt) private {
        vm.expectEmit(address(_office));
        emit IOracleCommittee.RotationScheduled(
            next.version, next.members, next.threshold, uint40(effectiveAt)
        );
    }

    function _assertInOffice(Committee memory judges) private view {
        assertEq(abi.encode(_office.current()), abi.encode(judges));
    }

    function _assertScheduled(Committee memory judges, uint256 date) private view {
        (Committee memory next, uint40 effectiveAt) = _office.scheduled();
        assertEq(abi.encode(next), abi.encode(judges));
        assertEq(effectiveAt, date);
    }

    function _assertNothingScheduled() private view {
        _assertScheduled(Committee(0, 0, new address[](0)), 0);
    }

    /// @dev Exactly the people from `one` to before `two`, and from `three` to before `four`, sit.
    function _assertSeated(uint256 one, uint256 two, uint256 three, uint256 four) private view {
        for (uint256 i = 0; i < PEOPLE; ++i) {
            bool sits = (one <= i && i < two) || (three <= i && i < four);
            assertEq(_office.isSeated(_person(i)), sits);
        }
    }
}
