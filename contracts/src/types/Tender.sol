// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "./Currency.sol";

/// @notice What a tender buys.
enum Service {
    Broker,
    Expert
}

/// @notice What the winner is paid: the second lowest price, or its own.
enum PricingRule {
    SecondPrice,
    FirstPrice
}

/// @notice All terms of a tender; their hash, with chain and contract, is its id.
/// @param requester Who buys, and opens the tender.
/// @param service What is bought.
/// @param rule How the price is found.
/// @param spec Digest of the request or specification that is bid for.
/// @param currency Of the bond; prices are quoted in it too.
/// @param bond What each bidder locks until it reveals.
/// @param reserve The most that the requester would pay.
/// @param commitEnd The last second for a seal, since 1970.
/// @param revealEnd The last second for a price, since 1970.
struct Tender {
    address requester;
    Service service;
    PricingRule rule;
    bytes32 spec;
    Currency currency;
    uint128 bond;
    uint128 reserve;
    uint40 commitEnd;
    uint40 revealEnd;
    bytes32 salt;
}

/// @notice How a tender stands: all that is stored of it, whatever the number of bidders.
/// @dev Slot 0: leader 160 | leaderOrder 32 | nextOrder 32 | unrevealed 32 (nextOrder > 0: opened)
///      Slot 1: lowest 128 | second 128
///      Slot 2: revealEnd 40 | rule 8
struct Standing {
    address leader;
    uint32 leaderOrder;
    uint32 nextOrder;
    uint32 unrevealed;
    uint128 lowest;
    uint128 second;
    uint40 revealEnd;
    PricingRule rule;
}

/// @notice One bidder's seal, and how many had sealed before; one slot.
/// @dev 28 bytes of a keccak-256 hash: to find one seal for two prices takes 2^112 hashes.
struct Bid {
    bytes28 seal;
    uint32 order;
}
