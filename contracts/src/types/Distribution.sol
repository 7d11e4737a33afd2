// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "./Currency.sol";

/// @notice What the committee signs: who has earned how much of a currency, since the beginning.
/// @param epoch One more than that of the last proposal, whatever became of it.
/// @param total Sum of all cumulative amounts.
/// @param roots Merkle roots of 1, 2, 4 … 256 trees that together hold one leaf per payee; a leaf's
///        first bits are the number of its tree. An empty tree has a zero root.
/// @param document Digest of the list of payees, so that anyone can check the trees.
/// @param committee Digest of the committee in office.
struct Distribution {
    Currency currency;
    uint64 epoch;
    uint128 total;
    bytes32[] roots;
    bytes32 document;
    bytes32 committee;
}

/// @notice One payee's leaf: what it has earned since the beginning, and a salt that keeps the
///         neighbours in the tree from guessing it.
struct Earning {
    address account;
    uint128 cumulative;
    bytes16 salt;
}

/// @notice What one account has claimed since the beginning and may withdraw now; one slot.
/// @dev claimed 128 | credit 128
struct Account {
    uint128 claimed;
    uint128 credit;
}

/// @notice The part of a currency's books that every claim reads; one slot.
/// @dev unclaimed 128 | epoch 64 | shift 16 | row 8
struct Active {
    uint128 unclaimed; // of the active total
    uint64 epoch; // of the last proposal, whatever became of it
    uint16 shift; // bits of a leaf below those that number its tree
    uint8 row; // of `roots` that is active; a proposal is written to the other
}

/// @notice The books of one currency.
/// @dev Slot 0: active
///      Slot 1: funded 128 | total 128
///      Slot 2: pendingTotal 128 | activeAt 40 | pendingTrees 16
///      Slots 3 to 514: roots
struct Book {
    Active active;
    uint128 funded; // all that ever arrived
    uint128 total; // of the active distribution
    uint128 pendingTotal;
    uint40 activeAt; // of the proposal; zero without one
    uint16 pendingTrees;
    bytes32[256][2] roots;
}
