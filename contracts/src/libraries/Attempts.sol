// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {History} from "../types/Trade.sol";

/// @title What a trade's attempts leave in its digest, at a cost that doesn't grow with them
/// @notice A history holds two words, both zero at first:
///
///         records = root of a binary tree of eight leaves; leaf i is the hash of the record of attempt
///                   i + 1, zero while there is none, and so is a node over nothing but zeros
///         models  = eight lanes of 32 bits; lane i is the fingerprint of attempt i + 1's model
///
///         A model whose fingerprint is in a lane counts as scored: the same model can't be tried
///         twice, and of 2^29 others about one is refused, too. Its experts have to train another.
library Attempts {
    /// @notice A request allows no more attempts.
    uint256 internal constant MAX = 8;

    uint256 private constant LEVELS = 3;
    uint256 private constant LOWEST = 0x00000001_00000001_00000001_00000001_00000001_00000001_00000001_00000001;
    uint256 private constant HIGHEST = LOWEST << 31;

    /// @notice The path doesn't lead from an empty leaf to the root.
    error WrongPath(bytes32 root, bytes32 records);

    /// @notice Whether an attempt of the history had this model.
    function scored(History memory history, bytes32 model) internal pure returns (bool) {
        // A lane is zero where the fingerprints are equal, and only then borrows its highest bit
        // (Warren, Hacker's Delight, section 6-1). Lanes without an attempt are zero, fingerprints aren't.
        unchecked {
            uint256 lanes = history.models ^ fingerprintOf(model) * LOWEST;
            return (lanes - LOWEST) & ~lanes & HIGHEST != 0;
        }
    }

    /// @notice The history with one more attempt.
    /// @param attempt From one; all before it are in the history.
    /// @param path From its leaf up.
    function withAttempt(
        History memory history,
        uint8 attempt,
        bytes32 model,
        bytes32 record,
        bytes32[3] calldata path
    ) internal pure returns (History memory) {
        bytes32 root = rootOf(0, attempt, path);
        if (root != history.records) revert WrongPath(root, history.records);
        return History(
            rootOf(record, attempt, path),
            history.models | fingerprintOf(model) << 32 * (attempt - 1)
        );
    }

    /// @notice Whether the history has this record, which names its attempt.
    function holds(
        History memory history,
        uint8 attempt,
        bytes32 record,
        bytes32[3] calldata path
    ) internal pure returns (bool) {
        return attempt != 0 && rootOf(record, attempt, path) == history.records;
    }

    /// @notice The root of a tree that holds `record` at the attempt's leaf.
    function rootOf(bytes32 record, uint8 attempt, bytes32[3] calldata path)
        internal
        pure
        returns (bytes32 node)
    {
        node = record;
        uint256 index = attempt - 1;
        for (uint256 level = 0; level < LEVELS; ++level) {
            (bytes32 left, bytes32 right) =
                index & 1 == 0 ? (node, path[level]) : (path[level], node);
            node = left | right == 0 ? bytes32(0) : keccak256(abi.encode(left, right));
            index >>= 1;
        }
    }

    /// @dev The lowest 32 bits; zero stands for no attempt.
    function fingerprintOf(bytes32 model) internal pure returns (uint256 fingerprint) {
        fingerprint = uint32(uint256(model));
        if (fingerprint == 0) fingerprint = 1;
    }
}
