// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice A series of development rounds; its hash, with chain and contract, is its id.
struct Development {
    address sponsor; // who opens it
    bytes32 committee; // digest of the committee in office
    bytes32 validationRoot; // Merkle root over salted rows that no trade's validation shares
    uint32 step; // parts per million, a divisor of one million
    uint16 maxRounds;
    bytes32 salt;
}

/// @notice Where a series stands, in one slot.
struct Standing {
    bool opened;
    uint16 rounds; // scores released
    uint32 best; // the last score released, in parts per million; none before the first round
}
