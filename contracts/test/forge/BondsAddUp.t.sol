// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {TendersHandler} from "./tenders/TendersHandler.sol";

/// @title Bonds of sealed bids under any order of steps, by BondsAddUp.tree
contract BondsAddUpTest is Test {
    uint256 private constant STEPS = 2_000;

    TendersHandler private _handler;

    function setUp() public {
        _handler = new TendersHandler();
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), _actions()));
    }

    function invariant_HoldsBondsOfClosedSealsAndCreditsToTheUnit() public view {
        _handler.check();
    }

    function test_TakesEveryActionOfTheCampaign() public {
        vm.pauseGasMetering();
        bytes4[] memory actions = _actions();
        for (uint256 chance = 1; chance <= STEPS; ++chance) {
            uint256 drawn = uint256(keccak256(abi.encode(chance)));
            bytes memory call = abi.encodeWithSelector(
                actions[drawn % actions.length], drawn >> 8 & 0xffff, drawn >> 24 & 0xffff, drawn >> 40 & 0xffff
            );
            (bool taken, bytes memory reason) = address(_handler).call(call);
            // what fits no tender is not taken; nothing else may fail
            if (!taken) assertEq(reason, "FOUNDRY::ASSUME", vm.toString(reason));
        }
        _handler.check();
        bytes32[11] memory outcomes = [
            bytes32("open"), "commit", "refuse a second seal", "reveal", "refuse a late price", "seize",
            "refuse to seize early", "refuse to seize nothing", "withdraw", "refuse to withdraw nothing", "pass"
        ];
        for (uint256 i = 0; i < outcomes.length; ++i) {
            assertGt(_handler.done(outcomes[i]), 0, string(abi.encodePacked(outcomes[i])));
        }
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](6);
        actions[0] = _handler.open.selector;
        actions[1] = _handler.commit.selector;
        actions[2] = _handler.reveal.selector;
        actions[3] = _handler.seize.selector;
        actions[4] = _handler.withdraw.selector;
        actions[5] = _handler.pass.selector;
    }
}
