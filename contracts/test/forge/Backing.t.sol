// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {CommitteeTerms} from "../../src/types/Committee.sol";
import {Currency} from "../../src/types/Currency.sol";
import {Authority} from "../Authority.sol";

/// @title Tests of whether stakes still back the committee in office, by Backing.tree
/// @dev Of three, all have to sign, so that each seat counts; but where a test says otherwise. Any order
///      of stakes, slashing, rotations and cancellations is in StakesAddUp.t.sol.
contract BackingTest is Test {
    address private constant ARBITER = address(0xa4b1);
    uint128 private constant LEAST = 10;
    uint32 private constant ROTATION = 2 days;
    uint256 private constant PEOPLE = 6;

    OracleCommittee private _office;

    function setUp() public {
        vm.warp(1_800_000_000);
        Authority authority = new Authority(address(this));
        Currency native = Currency.wrap(address(0));
        _office = new OracleCommittee(
            address(authority), CommitteeTerms(native, LEAST, ROTATION, 30 days, ARBITER, address(0))
        );
        vm.deal(address(this), 1 ether);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            _stake(i, LEAST);
        }
    }

    function test_NamesWhoeverIsInOffice() public {
        assertEq(_office.backedDigest(), 0);
        _appoint(0);
        assertEq(_office.backedDigest(), _office.digestOf(1));
        _appoint(3);
        assertEq(_office.backedDigest(), _office.digestOf(1));
        skip(ROTATION);
        assertEq(_office.backedDigest(), _office.digestOf(2));
    }

    // ------------------------------------------------------------------- a short seat

    function testFuzz_NamesNobodyUntilSomebodyMakesItGood(uint128 penalty) public {
        penalty = uint128(bound(penalty, 1, LEAST));
        _appoint(0);
        _slash(1, penalty);
        _assertShort();
        assertEq(_office.currentDigest(), _office.digestOf(1)); // running trades know it still
        if (penalty > 1) _stake(1, penalty - 1);
        _assertShort();
        _stake(1, 1);
        _assertBacked();
    }

    function testFuzz_NamesThemWhileJustTheLeastIsLeft(uint128 more) public {
        more = uint128(bound(more, 1, 1 ether / 2));
        _stake(1, more);
        _appoint(0);
        _slash(1, more);
        _assertBacked();
        _slash(1, 1);
        _assertShort();
    }

    function test_WaitsForEachSeat() public {
        _appoint(0);
        for (uint256 i = 0; i < 3; ++i) {
            _slash(i, 3);
            _slash(i, 3); // short already
        }
        for (uint256 i = 0; i < 3; ++i) {
            _assertShort();
            _stake(i, 6);
        }
        _assertBacked();
    }

    function testFuzz_NamesThemAsLongAsAQuorumIsBacked(uint8 count, uint8 threshold, uint8 slashed) public {
        count = uint8(bound(count, 1, PEOPLE));
        threshold = uint8(bound(threshold, count / 2 + 1, count));
        address[] memory members = new address[](count);
        for (uint256 i = 0; i < count; ++i) {
            members[i] = _person(i);
        }
        _office.scheduleRotation(members, threshold);
        uint256 backed = count;
        for (uint256 i = 0; i < count; ++i) {
            if (slashed & (1 << i) == 0) continue;
            _slash(i, 1);
            _assertIs(--backed >= threshold);
        }
        for (uint256 i = 0; i < count; ++i) {
            if (slashed & (1 << i) == 0) continue;
            _stake(i, 1);
            _assertIs(++backed >= threshold);
        }
    }

    function test_TakesNoAccountOfWhoeverHasNoSeat() public {
        _appoint(0);
        _slash(3, LEAST);
        _assertBacked();
        _slash(0, 1);
        _stake(3, LEAST);
        _assertShort();
    }

    function test_StillCountsWhatIsOnItsWayOut() public {
        _appoint(0);
        vm.prank(_person(2));
        _office.requestUnstake(LEAST);
        _assertBacked();
        _slash(2, 1);
        _assertShort();
        _stake(2, 1);
        _assertBacked();
    }

    // ---------------------------------------------------------------------- rotations

    function test_NamesTheNextOnceTheyAreInOffice() public {
        _appoint(0);
        _slash(0, 1);
        _appoint(3);
        _assertShort();
        skip(ROTATION);
        _assertBacked();
        _leave(1);
        _stake(1, LEAST); // what who has left stakes anew counts nowhere
        _assertBacked();
    }

    function test_TakesStakesOfWhoeverHasLeftHoweverOften() public {
        _appoint(0);
        _appoint(3);
        skip(ROTATION);
        _leave(1);
        for (uint256 i = 0; i < 300; ++i) {
            _stake(1, LEAST);
            _leave(1);
        }
        _assertBacked();
    }

    function test_NamesNobodyWhereASeatFellShortBeforeItsTerm() public {
        _appoint(0);
        _appoint(2); // one sits in both
        _slash(2, 1);
        _slash(4, 1);
        _assertShort();
        _stake(2, 1);
        _assertBacked();
        skip(ROTATION);
        _assertShort();
        _appoint(0);
        _assertShort();
        _stake(4, 1);
        _assertBacked();
    }

    function test_GoesBackToTheCountOfThoseWhoStay() public {
        _appoint(0);
        _slash(0, 1);
        _appoint(3);
        _slash(3, 1);
        _slash(4, 1);
        _office.cancelRotation();
        _assertShort();
        skip(ROTATION);
        _assertShort();
        _stake(3, 1);
        _assertShort();
        _stake(0, 1);
        _assertBacked();
        _slash(4, 1);
        _assertBacked();
    }

    // ---------------------------------------------------------------------- private

    function _person(uint256 i) private pure returns (address) {
        return address(uint160(0x1000 + i));
    }

    /// @dev Three people, the first of whom is `from`.
    function _appoint(uint256 from) private {
        address[] memory members = new address[](3);
        for (uint256 i = 0; i < 3; ++i) {
            members[i] = _person(from + i);
        }
        _office.scheduleRotation(members, 3);
    }

    function _stake(uint256 i, uint128 amount) private {
        _office.stake{value: amount}(_person(i), amount);
    }

    function _slash(uint256 i, uint128 amount) private {
        vm.prank(ARBITER);
        assertEq(_office.slash(_person(i), amount, ARBITER), amount);
    }

    /// @dev With all that is left, once the delay is over.
    function _leave(uint256 i) private {
        (uint128 bonded,,) = _office.stakeOf(_person(i));
        vm.startPrank(_person(i));
        _office.requestUnstake(bonded);
        skip(30 days);
        _office.withdrawStake(ARBITER);
        vm.stopPrank();
    }

    function _assertBacked() private view {
        _assertIs(true);
    }

    function _assertShort() private view {
        _assertIs(false);
    }

    function _assertIs(bool backed) private view {
        assertNotEq(_office.currentDigest(), 0);
        assertEq(_office.backedDigest(), backed ? _office.currentDigest() : bytes32(0));
    }
}
