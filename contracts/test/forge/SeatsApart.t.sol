// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IOracleCommittee} from "../../src/interfaces/IOracleCommittee.sol";
import {OracleCommittee} from "../../src/OracleCommittee.sol";
import {CommitteeTerms} from "../../src/types/Committee.sol";
import {Authority} from "../Authority.sol";
import {Clock} from "./Clock.sol";
import {SeatsHandler} from "./office/SeatsHandler.sol";

/// @title Nobody sits in committee and panel at once, by SeatsApart.tree
contract SeatsApartTest is Clock {
    uint32 private constant ROTATION = 2 days;

    SeatsHandler private _handler;
    address private _authority;
    OracleCommittee private _committee;
    OracleCommittee private _panel;

    function setUp() public {
        vm.warp(1_800_000_000);
        _handler = new SeatsHandler();
        bytes4[] memory steps = new bytes4[](1);
        steps[0] = _handler.step.selector;
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), steps));

        _authority = address(new Authority(address(this)));
        _committee = _open(_next(1));
        _panel = _open(address(_committee));
        assertEq(_committee.counterpart(), address(_panel));
        assertEq(_panel.counterpart(), address(_committee));
    }

    function test_RefusesWhomTheOtherSeatsOrWillSeat() public {
        _appoint(_committee, 1);
        _refuse(_panel, 1, _committee);
        _appoint(_panel, 2);
        _refuse(_committee, 2, _panel);
        _appoint(_committee, 3);
        _refuse(_panel, 1, _committee); // until the third takes over
        _refuse(_panel, 3, _committee);
        _appoint(_panel, 4);
        _refuse(_committee, 4, _panel);
        _appoint(_committee, 1); // it may stay where it is
    }

    function test_TakesWhomTheOtherHasLetGo() public {
        _appoint(_committee, 1);
        _appoint(_panel, 2);
        _appoint(_committee, 3);
        _committee.cancelRotation();
        _appoint(_panel, 3);
        _refuse(_committee, 3, _panel);
        _appoint(_panel, 4); // in place of the third
        _appoint(_committee, 3);
        skip(ROTATION - 1);
        _refuse(_panel, 1, _committee);
        skip(1);
        _appoint(_panel, 1);
        _refuse(_committee, 4, _panel);
        _appoint(_committee, 2);
    }

    function test_AppointsNobodyBeforeTheOtherIsThere() public {
        OracleCommittee early = _open(_next(1));
        vm.expectRevert();
        _appoint(early, 1);
        _open(address(early));
        _appoint(early, 1);
    }

    function invariant_LetsNobodySitInBoth() public view {
        _handler.check();
    }

    function test_TakesEveryActionOfTheCampaign() public {
        vm.pauseGasMetering();
        for (uint256 chance = 1; chance <= 2_000; ++chance) {
            uint256 drawn = uint256(keccak256(abi.encode(chance)));
            _handler.step(drawn % 4, drawn >> 8 & 0xff, drawn >> 16 & 0xff);
            _handler.check();
        }
        for (uint256 kind = 0; kind < 2; ++kind) {
            assertGt(_handler.done(kind, true), 0, vm.toString(kind));
            assertGt(_handler.done(kind, false), 0, vm.toString(kind));
        }
    }

    // ---------------------------------------------------------------------- private

    /// @dev Where this contract deploys after so many more.
    function _next(uint256 more) private view returns (address) {
        return vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + more);
    }

    function _open(address counterpart) private returns (OracleCommittee) {
        CommitteeTerms memory terms;
        (terms.rotationDelay, terms.counterpart) = (ROTATION, counterpart);
        return new OracleCommittee(_authority, terms);
    }

    function _appoint(OracleCommittee office, uint160 person) private {
        address[] memory members = new address[](1);
        members[0] = address(person);
        office.scheduleRotation(members, 1);
    }

    function _refuse(OracleCommittee office, uint160 person, OracleCommittee other) private {
        vm.expectRevert(
            abi.encodeWithSelector(
                IOracleCommittee.SharedMember.selector, address(person), address(other)
            )
        );
        _appoint(office, person);
    }
}
