// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {PayoutsHandler} from "./payouts/PayoutsHandler.sol";

/// @title Payouts under any order of steps, by PayoutsAddUp.tree
contract PayoutsAddUpTest is Test {
    uint256 private constant STEPS = 2_000;

    PayoutsHandler private _handler;

    function setUp() public {
        _handler = new PayoutsHandler();
        targetContract(address(_handler));
        targetSelector(FuzzSelector(address(_handler), _actions()));
    }

    function invariant_HoldsWhatItOwesAndTakesNoClaimBack() public view {
        _handler.check();
    }

    function test_TakesEveryActionOfTheCampaign() public {
        vm.pauseGasMetering();
        bytes4[] memory actions = _actions();
        for (uint256 chance = 1; chance <= STEPS; ++chance) {
            uint256 drawn = uint256(keccak256(abi.encode(chance)));
            bytes memory call = abi.encodeWithSelector(
                actions[drawn % actions.length], drawn >> 8 & 0xff, drawn >> 16 & 0xffff, drawn >> 32
            );
            (bool taken, bytes memory reason) = address(_handler).call(call);
            // what fits no book is not taken; nothing else may fail
            if (!taken) assertEq(reason, "FOUNDRY::ASSUME", vm.toString(reason));
        }
        _handler.check();
        bytes32[13] memory outcomes = [
            bytes32("deposit"), "give", "propose", "veto", "activate", "refuse to activate early", "claim",
            "claim and withdraw", "refuse a wrong proof", "refuse more than the total",
            "refuse to claim nothing", "withdraw", "refuse to withdraw nothing"
        ];
        for (uint256 i = 0; i < outcomes.length; ++i) {
            assertGt(_handler.done(outcomes[i]), 0, string(abi.encodePacked(outcomes[i])));
        }
    }

    function _actions() private view returns (bytes4[] memory actions) {
        actions = new bytes4[](7);
        actions[0] = _handler.deposit.selector;
        actions[1] = _handler.give.selector;
        actions[2] = _handler.propose.selector;
        actions[3] = _handler.veto.selector;
        actions[4] = _handler.activate.selector;
        actions[5] = _handler.claim.selector;
        actions[6] = _handler.withdraw.selector;
    }
}
