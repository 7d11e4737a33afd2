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
///         80-87  flags
///         88-255 windows: seven of 24 bits, in their order
type Status is uint256;

/// @notice A status, unpacked for reading from outside.
struct StatusView {
    State state;
    uint8 attempts;
    uint8 maxAttempts;
    uint16 signers;
    uint40 deadline;
    bool audited; // the auditor reported
    bool approved; // and approved
    bool challenged; // the trade was disputed once; it can't be again
    bool overturned; // and the panel overturned the verdict
    bool unjudged; // delivered work was paid because nobody judged it
    Windows windows;
}

using StatusLibrary for Status global;

/// @title Reads and rewrites a packed status
library StatusLibrary {
    uint256 internal constant AUDITED = 1 << 80;
    uint256 internal constant APPROVED = 1 << 81;
    uint256 internal constant CHALLENGED = 1 << 82;
    uint256 internal constant OVERTURNED = 1 << 83;
    uint256 internal constant UNJUDGED = 1 << 84;
    uint256 internal constant WAS_REJECTED = 1 << 85; // the state before a dispute

    uint256 private constant WINDOWS = 88;

    function open(uint8 cap, Windows calldata windows) internal view returns (Status) {
        uint256 packed = uint256(windows.quote) | uint256(windows.delivery) << 24
            | uint256(windows.judging) << 48 | uint256(windows.training) << 72
            | uint256(windows.validation) << 96 | uint256(windows.review) << 120
            | uint256(windows.settlement) << 144;
        return Status.wrap(
            uint256(State.Requested) | uint256(cap) << 16
                | (block.timestamp + windows.quote) << 40 | packed << WINDOWS
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
        uint256 cleared = Status.unwrap(s) & ~(uint256(type(uint40).max) << 40);
        // forty bits hold any block's time plus two windows for 34,000 years
        return Status.wrap(cleared | (block.timestamp + window_) << 40);
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

    function unpacked(Status s) internal pure returns (StatusView memory) {
        return StatusView({
            state: state(s),
            attempts: attempts(s),
            maxAttempts: maxAttempts(s),
            signers: signers(s),
            deadline: deadline(s),
            audited: has(s, AUDITED),
            approved: has(s, APPROVED),
            challenged: has(s, CHALLENGED),
            overturned: has(s, OVERTURNED),
            unjudged: has(s, UNJUDGED),
            windows: Windows({
                quote: window(s, 0),
                delivery: window(s, 1),
                judging: window(s, 2),
                training: window(s, 3),
                validation: window(s, 4),
                review: window(s, 5),
                settlement: window(s, 6)
            })
        });
    }
}
