// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "./Currency.sol";

/// @notice Where a trade stands. States from `Settled` on are final.
enum State {
    None,
    Requested,
    Funded,
    Gated,
    Passed,
    Rejected, // the attempts are used up; the verdict can still be challenged
    Disputed,
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

/// @notice What the holder of the licence may do with it.
enum TransferRule {
    NonTransferable,
    Transferable,
    ByLicensor // the broker consents to each transfer
}

/// @notice How long each stage may take, in seconds. Who delivers and who judges have clocks of
///         their own, so that silence is told apart.
struct Windows {
    uint24 quote; // from the request to the buyer's acceptance
    uint24 delivery; // from the acceptance until the providers have delivered
    uint24 judging; // from then on, for the committee's report on the data
    uint24 training; // from the gate, or the last attempt, until the experts have delivered
    uint24 validation; // from then on, for the committee's report on the attempt
    uint24 review; // from the last verdict to the first allowed settlement
    uint24 settlement; // from then on, for the signers to open their scores
}

/// @notice What a buyer asks for and the rules that hold for it; its hash, with chain and contract,
///         is the trade's id.
struct Request {
    address buyer;
    address broker;
    address auditor; // or zero for none
    Currency currency;
    uint128 budget; // highest price, in the currency's smallest unit
    uint32 threshold; // score to reach, in parts per million
    uint8 maxAttempts;
    uint32 minRows; // least number of accepted training rows
    uint32 validationRows;
    bytes32 validationRoot; // Merkle root over the salted validation rows
    bytes32 spec; // sha2-256 digest of the public specification's CID
    bytes32 licence; // sha2-256 digest of the licence text's CID
    TransferRule transferRule;
    bool approvalRequired; // without the auditor's approval a pass does not settle
    bytes32 committee; // digest of the oracle committee in office
    bytes32 panel; // digest of the panel that decides a challenge
    uint16 feeBps; // protocol fee, in basis points of the other components' sum
    address treasury; // receives the protocol fee
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
    bytes32 dataRequest; // sha2-256 digest of the CID of what the broker asked providers for
    DataQuote[] dataQuotes; // ascending by provider
    uint128 expertPool;
    uint128 brokerFee;
    uint128 auditorFee;
    uint128 oracleFee;
    uint40 expiry;
}

/// @notice What request and quote leave for the later steps to know; frozen at acceptance.
struct Deal {
    address buyer;
    address broker;
    address auditor;
    address treasury;
    Currency currency;
    uint32 threshold;
    uint32 minRows;
    bool approvalRequired;
    uint128 expertPool;
    uint128 brokerFee;
    uint128 auditorFee;
    uint128 oracleFee;
    uint128 protocolFee;
    bytes32 quote; // EIP-712 struct hash of the broker's quote, which names the datasets
}

/// @notice One provider's part of a deal.
struct Supply {
    address provider;
    uint32 rows;
    uint128 price;
}

/// @notice Which data was delivered, and which experts train on it.
struct DataFinding {
    uint256 accepted; // bit i is set when supply i was delivered as quoted
    address[] experts; // strictly ascending; those with weight zero are left out
    uint32[] weights; // parts per million, each above zero, one million in all
    bytes32 dataEvidence; // digest of the manifest that names each dataset by CID
    bytes32 gateEvidence; // digest of what the gate was computed from
}

/// @notice What the attempts before the deciding one left behind (`libraries/Attempts.sol`).
struct History {
    bytes32 records; // Merkle root over their records
    uint256 models; // fingerprints of their models
}

/// @notice What data report and earlier attempts leave for the later steps to know.
struct Gate {
    uint128 dropped; // price of the supplies that were not delivered
    History history;
    address[] experts;
    uint32[] weights;
}

/// @notice What the committee found in one validation attempt.
struct AttemptFinding {
    bytes32 model; // commitment to the composite model
    bytes32 training; // digest of the experts' signed training commitments
    bytes32 delivery; // digest of the delivery manifest; zero unless passed
    bytes32 evidence; // digest of the evidence
    uint128[] amounts; // the expert pool's division, one amount an expert; empty unless passed
}

/// @notice What an attempt leaves behind: who signed, who said pass, and the sealed scores.
struct AttemptRecord {
    uint8 attempt; // from one
    bytes32 model;
    bytes32 delivery;
    uint16 signers; // bit i is set when the committee's member i signed
    uint16 verdicts; // bit i is set when the committee's member i found that the model passed
    bytes32[] seals; // one for each signer, in the order of the seats
}

/// @notice What shows that a trade has an attempt: all that its digest is made of.
struct AttemptProof {
    uint128 expertPool;
    uint256 experts; // how many
    bytes32 terms;
    History history;
    bytes32 amounts; // hash of the division reported
    bytes32 deciding; // hash of the deciding attempt's record; zero when no verdict came
    bytes32[3] path; // from an earlier attempt's record to the history's root
}

/// @notice One signer's sealed score, revealed. A zero salt means that it stays closed.
struct Opening {
    uint32 score; // parts per million
    bytes32 salt;
}

/// @notice The auditor's finding, signed as EIP-712 typed data. No signature means none is given.
struct AuditFinding {
    bytes32 report; // digest of the audit report's CID
    bool approved;
    bytes signature;
}

/// @notice One credit out of a trade's escrow.
struct Payment {
    address account;
    uint128 amount;
    Purpose purpose;
}

/// @notice An ERC-2612 permit for the market to take the price.
struct Permit {
    uint256 value;
    uint256 deadline;
    uint8 v;
    bytes32 r;
    bytes32 s;
}
