// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {CourtHandler} from "./market/CourtHandler.sol";

/// @title The arbiter's and the committee's books under any order of steps, by PenaltiesAddUp.tree
contract PenaltiesAddUpTest is Test {
    uint256 private constant STEPS = 3_000;

    CourtHandler private _handler;

    function setUp() public {
        _handler = new CourtHandler();
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), _actions()));
    }

    function invariant_HoldsOpenBondsAndCreditsToTheUnit() public view {
        _handler.check();
    }

    function test_TakesEveryActionOfTheCampaign() public {
        vm.pauseGasMetering();
        bytes4[] memory actions = _actions();
        for (uint256 chance = 1; chance <= STEPS; ++chance) {
            uint256 drawn = uint256(keccak256(abi.encode(chance)));
            bytes memory call = abi.encodeWithSelector(
                actions[drawn % actions.length], drawn >> 8 & 0xffff, drawn >> 24 & 0xffff
            );
            (bool taken, bytes memory reason) = address(_handler).call(call);
            // what fits no trade is not taken; nothing else may fail
            if (!taken) assertEq(reason, "FOUNDRY::ASSUME", vm.toString(reason));
        }
        _handler.check();
        bytes32[13] memory outcomes = [
            bytes32("begin"), "judge", "settle", "leave unjudged", "stake", "challenge", "uphold", "overturn",
            "lapse", "open scores", "penalise closed seals", "penalise silence",
            "withdraw"
        ];
        for (uint256 i = 0; i < outcomes.length; ++i) {
            assertGt(_handler.done(outcomes[i]), 0, string(abi.encodePacked(outcomes[i])));
        }
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](13);
        actions[0] = _handler.begin.selector;
        actions[1] = _handler.judge.selector;
        actions[2] = _handler.settle.selector;
        actions[3] = _handler.leaveUnjudged.selector;
        actions[4] = _handler.stake.selector;
        actions[5] = _handler.challenge.selector;
        actions[6] = _handler.uphold.selector;
        actions[7] = _handler.overturn.selector;
        actions[8] = _handler.lapse.selector;
        actions[9] = _handler.openScores.selector;
        actions[10] = _handler.penaliseClosedSeals.selector;
        actions[11] = _handler.penaliseSilence.selector;
        actions[12] = _handler.withdraw.selector;
    }
}
