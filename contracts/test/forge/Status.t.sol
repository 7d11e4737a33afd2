// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Status, StatusLibrary} from "../../src/types/Status.sol";
import {State, Windows} from "../../src/types/Trade.sol";

/// @title Tests of the packed status, by Status.tree
contract StatusTest is Test {
    uint256 private constant STATE = 0xff;
    uint256 private constant ATTEMPTS = 0xff << 8;
    uint256 private constant SIGNERS = 0xffff << 24;
    uint256 private constant DEADLINE = uint256(type(uint40).max) << 40;

    function testFuzz_HoldsTheCapAndEveryWindow(uint8 cap, Windows calldata windows) public view {
        Status opened = this.open(cap, windows);
        assertEq(uint8(opened.state()), uint8(State.Requested));
        assertEq(opened.maxAttempts(), cap);
        assertEq(opened.attempts(), 0);
        assertEq(opened.signers(), 0);
        assertEq(abi.encode(opened.windows()), abi.encode(windows));
    }

    function testFuzz_EndsTheStageWhenTheQuoteWindowIsOver(uint8 cap, uint32 time, Windows calldata windows)
        public
    {
        vm.warp(time);
        assertEq(this.open(cap, windows).deadline(), uint256(time) + windows.quote);
    }

    function testFuzz_ChangesTheStateAlone(uint256 packed, uint8 state) public pure {
        State next = State(bound(state, 0, uint8(type(State).max)));
        Status changed = Status.wrap(packed).to(next);
        assertEq(uint8(changed.state()), uint8(next));
        _assertSame(packed, changed, STATE);
    }

    function testFuzz_ChangesTheDeadlineAlone(uint256 packed, uint32 time, uint24 window) public {
        vm.warp(time);
        Status changed = Status.wrap(packed).until(window);
        assertEq(changed.deadline(), uint256(time) + window);
        _assertSame(packed, changed, DEADLINE);
    }

    function testFuzz_SetsAFlagAlone(uint256 packed, uint256 which) public pure {
        uint256 flag = 1 << bound(which, 80, 87);
        Status changed = Status.wrap(packed).withFlag(flag);
        assertTrue(changed.has(flag));
        _assertSame(packed, changed, flag);
    }

    function testFuzz_AddsSignersAlone(uint256 packed, uint16 bitmap) public pure {
        Status before = Status.wrap(packed);
        Status changed = before.withSigners(bitmap);
        assertEq(changed.signers(), before.signers() | bitmap);
        _assertSame(packed, changed, SIGNERS);
    }

    function testFuzz_CountsAnAttemptAlone(uint256 packed) public pure {
        Status before = Status.wrap(packed);
        vm.assume(before.attempts() < type(uint8).max);
        Status changed = before.withAttempt();
        assertEq(changed.attempts(), before.attempts() + 1);
        _assertSame(packed, changed, ATTEMPTS);
    }

    function testFuzz_UnpacksEachFieldFromItsBits(uint256 packed, uint8 state) public pure {
        packed = packed & ~STATE | bound(state, 0, uint8(type(State).max));
        Status s = Status.wrap(packed);
        uint256 again = uint256(s.state()) | uint256(s.attempts()) << 8 | uint256(s.maxAttempts()) << 16;
        again |= uint256(s.signers()) << 24 | uint256(s.deadline()) << 40;
        for (uint256 flag = 1 << 80; flag < 1 << 88; flag <<= 1) {
            if (s.has(flag)) again |= flag;
        }
        Windows memory w = s.windows();
        again |= uint256(w.quote) << 88 | uint256(w.delivery) << 112 | uint256(w.judging) << 136;
        again |= uint256(w.training) << 160 | uint256(w.validation) << 184 | uint256(w.review) << 208;
        assertEq(again | uint256(w.settlement) << 232, packed);
    }

    function open(uint8 cap, Windows calldata windows) external view returns (Status) {
        return StatusLibrary.open(cap, windows);
    }

    function _assertSame(uint256 packed, Status changed, uint256 except) private pure {
        assertEq(Status.unwrap(changed) & ~except, packed & ~except);
    }
}
