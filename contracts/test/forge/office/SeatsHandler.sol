// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {OracleCommittee} from "../../../src/OracleCommittee.sol";
import {Committee, CommitteeTerms} from "../../../src/types/Committee.sol";
import {Authority} from "../../Authority.sol";

/// @title Committee and panel, rotated, cancelled and waited for in any order
/// @dev A model beside them says, by bitmaps over the people, who sits where and which step goes through.
contract SeatsHandler is Test {
    uint32 private constant ROTATION = 2 days;
    uint256 private constant PEOPLE = 5;

    /// @notice Who sits in one of the two.
    struct Seats {
        uint256 sitting;
        uint256 following; // from `from` on; those who sit, when nobody is scheduled
        uint256 from;
    }

    mapping(uint256 kind => mapping(bool allowed => uint256)) public done;

    OracleCommittee[2] private _offices;
    Seats[2] private _seats;

    constructor() {
        address authority = address(new Authority(address(this)));
        CommitteeTerms memory terms;
        terms.rotationDelay = ROTATION;
        terms.counterpart = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        _offices[0] = new OracleCommittee(authority, terms);
        terms.counterpart = address(_offices[0]);
        _offices[1] = new OracleCommittee(authority, terms);
    }

    /// @notice Whether the two keep apart, and seat whom the model says.
    function check() external view {
        for (uint256 i = 0; i < 2; ++i) {
            (uint256 now_, uint256 seated) = _seatedIn(i);
            assertEq(_setOf(_offices[i].current()), now_, "in office");
            (Committee memory next,) = _offices[i].scheduled();
            assertEq(now_ | _setOf(next), seated, "in office or scheduled");
            for (uint256 n = 0; n < PEOPLE; ++n) {
                bool sits = _offices[i].isSeated(_person(n));
                assertEq(sits, seated & (1 << n) != 0, "seated");
                assertFalse(sits && _offices[1 - i].isSeated(_person(n)), "sits in both");
            }
        }
    }

    /// @notice One rotation or cancellation in one of the two; or some time passes.
    function step(uint256 kind, uint256 which, uint256 people) external {
        (kind, which) = (kind % 4, which % 2);
        if (kind > 1) {
            skip([uint256(1), ROTATION - 1, ROTATION][people % 3]);
            return;
        }
        (uint256 now_,) = _seatedIn(which);
        (, uint256 seatedElsewhere) = _seatedIn(1 - which);
        Seats storage seats = _seats[which];
        bool allowed;
        bytes memory call;
        if (kind == 0) {
            people = 1 + people % (2 ** PEOPLE - 1);
            allowed = people & seatedElsewhere == 0;
            call = abi.encodeCall(OracleCommittee.scheduleRotation, (_listOf(people), _majority(people)));
            if (allowed) {
                uint256 wait = now_ == 0 ? 0 : ROTATION;
                (seats.sitting, seats.following) = (now_, people);
                seats.from = vm.getBlockTimestamp() + wait;
            }
        } else {
            allowed = vm.getBlockTimestamp() < seats.from;
            call = abi.encodeCall(OracleCommittee.cancelRotation, ());
            if (allowed) (seats.following, seats.from) = (seats.sitting, 0);
        }
        (bool went,) = address(_offices[which]).call(call);
        assertEq(went, allowed, vm.toString(kind));
        ++done[kind][allowed];
    }

    function _seatedIn(uint256 which) private view returns (uint256 now_, uint256 seated) {
        Seats memory seats = _seats[which];
        if (vm.getBlockTimestamp() >= seats.from) return (seats.following, seats.following);
        return (seats.sitting, seats.sitting | seats.following);
    }

    function _setOf(Committee memory committee) private pure returns (uint256 set) {
        for (uint256 i = 0; i < committee.members.length; ++i) {
            set |= 1 << (uint160(committee.members[i]) - 0x1000);
        }
    }

    function _listOf(uint256 set) private pure returns (address[] memory list) {
        list = new address[](_ones(set));
        uint256 next;
        for (uint256 n = 0; n < PEOPLE; ++n) {
            if (set & (1 << n) != 0) list[next++] = _person(n);
        }
    }

    function _majority(uint256 set) private pure returns (uint8) {
        return uint8(_ones(set) / 2 + 1);
    }

    function _ones(uint256 set) private pure returns (uint256 ones) {
        for (; set != 0; set >>= 1) {
            ones += set & 1;
        }
    }

    function _person(uint256 n) private pure returns (address) {
        return address(uint160(0x1000 + n));
    }
}
