// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {StakesHandler} from "./office/StakesHandler.sol";

/// @title Stakes under any order of steps, by StakesAddUp.tree
contract StakesAddUpTest is Test {
    StakesHandler private _handler;

    function setUp() public {
        vm.warp(1_800_000_000);
        _handler = new StakesHandler();
        bytes4[] memory steps = new bytes4[](1);
        steps[0] = _handler.step.selector;
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), steps));
    }

    function invariant_HoldsStakesAndCreditsToTheUnit() public view {
        _handler.check();
    }

    function test_TakesEveryActionOfTheCampaign() public {
        vm.pauseGasMetering();
        for (uint256 chance = 1; chance <= 2_000; ++chance) {
            uint256 drawn = uint256(keccak256(abi.encode(chance)));
            _handler.step(drawn % 9, drawn >> 8 & 0xff, uint128(drawn >> 16 & 0xff));
        }
        _handler.check();
        for (uint256 kind = 0; kind < 7; ++kind) {
            assertGt(_handler.done(kind, true), 0, vm.toString(kind));
            bool everAllowed = kind == 0 || kind == 3; // to stake and, for the arbiter, to slash
            if (!everAllowed) assertGt(_handler.done(kind, false), 0, vm.toString(kind));
        }
    }
}
