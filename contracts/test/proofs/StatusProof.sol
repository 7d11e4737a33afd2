// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Status, StatusLibrary} from "../../src/types/Status.sol";
import {State, Windows} from "../../src/types/Trade.sol";

/// @dev The one cheat code that is needed here.
interface Clock {
    function warp(uint256 time) external;
}

/// @title A packed status keeps its fields apart, for all values and at any time
contract StatusProof {
    Clock private constant CLOCK = Clock(address(uint160(uint256(keccak256("hevm cheat code")))));

    function check_open_holds_every_field(uint8 cap, uint32 time, Windows calldata windows) external {
        CLOCK.warp(time);
        Status opened = StatusLibrary.open(cap, windows);
        assert(opened.state() == State.Requested);
        assert(opened.attempts() == 0 && opened.maxAttempts() == cap && opened.signers() == 0);
        assert(opened.deadline() == uint256(time) + windows.quote);
        assert(Status.unwrap(opened) >> 80 & 0xff == 0);
        assert(opened.window(0) == windows.quote && opened.window(1) == windows.delivery);
        assert(opened.window(2) == windows.judging && opened.window(3) == windows.training);
        assert(opened.window(4) == windows.validation && opened.window(5) == windows.review);
        assert(opened.window(6) == windows.settlement);
    }

    function check_to_changes_the_state_alone(uint256 packed, uint8 next) external pure {
        if (next > uint8(type(State).max)) return;
        Status changed = Status.wrap(packed).to(State(next));
        assert(changed.state() == State(next));
        assert(Status.unwrap(changed) >> 8 == packed >> 8);
    }

    function check_until_changes_the_deadline_alone(uint256 packed, uint32 time, uint32 window) external {
        CLOCK.warp(time);
        Status changed = Status.wrap(packed).until(window);
        assert(changed.deadline() == uint256(time) + window);
        uint256 others = ~(uint256(type(uint40).max) << 40);
        assert(Status.unwrap(changed) & others == packed & others);
    }

    function check_flags_change_nothing_else(uint256 packed, uint8 which) external pure {
        if (which < 80 || which > 85) return;
        uint256 flag = 1 << which;
        Status changed = Status.wrap(packed).withFlag(flag);
        assert(changed.has(flag));
        assert(Status.unwrap(changed) & ~flag == packed & ~flag);
    }

    function check_signers_change_nothing_else(uint256 packed, uint16 bitmap) external pure {
        Status before = Status.wrap(packed);
        Status changed = before.withSigners(bitmap);
        assert(changed.signers() == before.signers() | bitmap);
        uint256 others = ~(uint256(type(uint16).max) << 24);
        assert(Status.unwrap(changed) & others == packed & others);
    }

    function check_attempts_change_nothing_else(uint256 packed) external pure {
        Status before = Status.wrap(packed);
        if (before.attempts() == type(uint8).max) return;
        Status changed = before.withAttempt();
        assert(changed.attempts() == before.attempts() + 1);
        uint256 others = ~(uint256(type(uint8).max) << 8);
        assert(Status.unwrap(changed) & others == packed & others);
    }
}
