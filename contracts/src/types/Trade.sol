// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "./Currency.sol";

/// @notice Where a trade stands. States from `Settled` on are final.
enum State {
    None,
    Requested,
    DataRequested,
    Funded,
    DataDelivered,
    Gated,
    Passed,
    Settled,
    Declined,
    Expired,
    Refunded,
    Failed
}

/// @notice Why an account was credited.
enum Purpose {
    Data,
    Expert,
    Broker,
    Audit,
    Oracle,
    Protocol
}

/// @notice How long each stage may take, in seconds.
struct Windows {
    uint32 quote; // from the request to the buyer's acceptance
    uint32 delivery; // from the acceptance to the committee's report on the data
    uint32 gating; // from the data report to the gate's weights
    uint32 attempt; // from the gate, or the last attempt, to the next attempt
    uint32 verification; // from a passed attempt to the first allowed settlement
    uint32 settlement; // from then on, until anyone may settle by the gate's weights
}

/// @notice What a buyer asks for; its hash, with chain and contract, is the trade's id.
struct Request {
    address buyer;
    address broker;
    address auditor;
    Currency currency;
    uint128 budget; // highest price, in the currency's smallest unit
    uint32 threshold; // score to reach, in parts per million
    uint8 maxAttempts;
    uint32 minRows; // least number of accepted training rows
    uint32 validationRows;
    bytes32 validationRoot; // Merkle root over the salted validation rows
    bytes32 spec; // sha2-256 digest of the public specification's CID
    Windows windows;
    bytes32 salt;
}

/// @notice A provider's offer of one dataset, signed as EIP-712 typed data.
struct DataQuote {
    bytes32 tradeId;
    address provider;
    bytes32 dataset; // salted commitment to the plaintext
    uint32 rows;
    uint128 price;
    uint40 expiry; // last second at which the buyer may accept
}

/// @notice The broker's price for the whole trade, signed as EIP-712 typed data.
struct ModelQuote {
    bytes32 tradeId;
    DataQuote[] dataQuotes; // ascending by provider
    uint128 expertPool;
    uint128 brokerFee;
    uint128 auditorFee;
    uint128 oracleFee;
    uint40 expiry;
}

/// @notice What the committee found in one validation attempt.
struct AttemptReport {
    bytes32 model; // commitment to the composite model
    bytes32 training; // digest of the experts' signed training commitments
    bool passed;
    bytes32 delivery; // digest of the delivery manifest; zero unless passed
    bytes32 evidence; // digest of the evidence, published once the trade has ended
}

/// @notice One signer's sealed score, revealed. A zero salt means that it stays closed.
struct Opening {
    address signer;
    bytes32 seal;
    uint32 score; // parts per million
    bytes32 salt;
}

/// @dev Packed by who is read together:
///
///  slot 0  buyer 160 | deadline 40 | state 8 | attempts 8 | maxAttempts 8 | signers 16 | audited 8
///  slot 1  broker 160 | threshold 32 | committeeVersion 32 | minRows 32
///  slot 2  auditor 160 | feeBps 16
///  slot 3  currency 160
///  slot 4  treasury 160
///  slot 5  windows 6 x 32
///  slot 6  validationRoot
///  slot 7  budget 128 | escrow 128
///  slot 8  expertPool 128 | brokerFee 128
///  slot 9  auditorFee 128 | oracleFee 128
///  slot 10 protocolFee 128 | validationRows 32
///  slot 11 dataQuotes
///  slot 12 gate
struct Trade {
    address buyer;
    uint40 deadline;
    State state;
    uint8 attempts;
    uint8 maxAttempts;
    uint16 signers; // committee members that signed any report of this trade, as a bitmap
    bool audited;
    address broker;
    uint32 threshold;
    uint32 committeeVersion;
    uint32 minRows;
    address auditor;
    uint16 feeBps;
    Currency currency;
    address treasury;
    Windows windows;
    bytes32 validationRoot;
    uint128 budget;
    uint128 escrow; // what is locked and neither credited nor refunded yet
    uint128 expertPool;
    uint128 brokerFee;
    uint128 auditorFee;
    uint128 oracleFee;
    uint128 protocolFee;
    uint32 validationRows;
    bytes32 dataQuotes; // EIP-712 hash of the accepted data quotes
    bytes32 gate; // hash of experts and weights
}
