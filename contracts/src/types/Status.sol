// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {State, Windows} from "./Trade.sol";

/// @notice What a trade keeps in storage beside a digest, in one slot:
///
///  bits   0-7    state
///         8-15   attempts reported
///         16-23  attempts allowed
///         24-39  committee members that signed any report, as a bitmap of seats
///         40-79  deadline of the present stage, in seconds since 1970
///         80-87  flags, from the lowest: audited, approved, challenged, overturned, unjudged, and
///                rejected before its dispute
///         88-255 windows: seven of 24 bits, in their order
type Status is uint256;

using StatusLibrary for Status global;

/// @title Reads and rewrites a packed status
library StatusLibrary {
    uint256 internal constant AUDITED = 1 << 80; // the auditor reported
    uint256 internal constant APPROVED = 1 << 81; // and approved
    uint256 internal constant CHALLENGED = 1 << 82; // disputed once; it can't be again
    uint256 internal constant OVERTURNED = 1 << 83; // and the panel overturned the verdict
    uint256 internal constant UNJUDGED = 1 << 84; // delivered work was paid for want of a judgement
    uint256 internal constant WAS_REJECTED = 1 << 85; // the state before a dispute

    uint256 private constant WINDOWS = 88;

    function open(uint8 cap, Windows calldata w) internal view returns (Status) {
        uint256 packed = uint256(w.quote) | uint256(w.delivery) << 24
            | uint256(w.judging) << 48 | uint256(w.training) << 72
            | uint256(w.validation) << 96 | uint256(w.review) << 120
            | uint256(w.settlement) << 144;
        return Status.wrap(
            uint256(State.Requested) | uint256(cap) << 16
                | (block.timestamp + w.quote) << 40 | packed << WINDOWS
        );
    }

    // casting is safe in these readers: each field holds what its type can
    function state(Status s) internal pure returns (State) {
        return State(uint8(Status.unwrap(s)));
    }

    function attempts(Status s) internal pure returns (uint8) {
        return uint8(Status.unwrap(s) >> 8);
    }

    function maxAttempts(Status s) internal pure returns (uint8) {
        return uint8(Status.unwrap(s) >> 16);
    }

    function signers(Status s) internal pure returns (uint16) {
        return uint16(Status.unwrap(s) >> 24);
    }

    function deadline(Status s) internal pure returns (uint40) {
        return uint40(Status.unwrap(s) >> 40);
    }

    function has(Status s, uint256 flag) internal pure returns (bool) {
        return Status.unwrap(s) & flag != 0;
    }

    /// @param index Position of the window in `Windows`.
    function window(Status s, uint256 index) internal pure returns (uint24) {
        return uint24(Status.unwrap(s) >> (WINDOWS + 24 * index));
    }

    function to(Status s, State next) internal pure returns (Status) {
        return Status.wrap(Status.unwrap(s) & ~uint256(0xff) | uint256(next));
    }

    /// @notice The status with a deadline `window` seconds from now.
    function until(Status s, uint256 window_) internal view returns (Status) {
        return due(s, block.timestamp + window_);
    }

    /// @notice The status with a deadline in seconds since 1970.
    function due(Status s, uint256 deadline_) internal pure returns (Status) {
        uint256 cleared = Status.unwrap(s) & ~(uint256(type(uint40).max) << 40);
        // forty bits hold any block's time plus a few windows for 34,000 years
        return Status.wrap(cleared | deadline_ << 40);
    }

    function withFlag(Status s, uint256 flag) internal pure returns (Status) {
        return Status.wrap(Status.unwrap(s) | flag);
    }

    function withSigners(Status s, uint16 bitmap) internal pure returns (Status) {
        return Status.wrap(Status.unwrap(s) | uint256(bitmap) << 24);
    }

    /// @dev The caller has checked that attempts are left, so the field can't overflow.
    function withAttempt(Status s) internal pure returns (Status) {
        return Status.wrap(Status.unwrap(s) + (1 << 8));
    }

    function windows(Status s) internal pure returns (Windows memory) {
        return Windows({
            quote: window(s, 0),
            delivery: window(s, 1),
            judging: window(s, 2),
            training: window(s, 3),
            validation: window(s, 4),
            review: window(s, 5),
            settlement: window(s, 6)
        });
    }
}
