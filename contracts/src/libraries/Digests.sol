// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {AttemptRecord, Deal, Gate, History, Request, Supply} from "../types/Trade.sol";

/// @title What a trade's id and its one stored digest commit to, stage by stage
/// @notice A later step passes the preimage in calldata; the digest says whether it is the one that
///         was agreed. Each stage wraps what the next one needs without the rest:
///
///         id      = hash(chain id, market, request)
///         agreed  = hash(committee, hash(deal), hash(supplies))
///         terms   = hash(hash(deal), dropped, hash(experts), hash(weights))
///         gated   = hash(committee, expertPool, number of experts, terms, records, models)
///         decided = hash(gated, hash(amounts), hash(record))
///
///         A struct or an array of fixed-size items is hashed as `abi.encode` lays out its items,
///         one word for each value.
/// @dev Calldata is hashed as it lies there. Upper bits that its type doesn't allow make another
///      hash than any that was agreed, so they match nothing.
library Digests {
    uint256 private constant DEAL_WORDS = 14;
    uint256 private constant SUPPLY_WORDS = 3;
    uint256 private constant REQUEST_WORDS = 26;

    function tradeId(Request calldata request) internal view returns (bytes32 id) {
        assembly ("memory-safe") {
            let free := mload(0x40) // scratch space: nothing here is kept
            mstore(free, chainid())
            mstore(add(free, 0x20), address())
            calldatacopy(add(free, 0x40), request, mul(REQUEST_WORDS, 0x20))
            id := keccak256(free, mul(add(REQUEST_WORDS, 2), 0x20))
        }
    }

    /// @notice `keccak256(abi.encode(committee))`.
    function hash(Committee calldata committee) internal pure returns (bytes32 digest) {
        address[] calldata members = committee.members;
        assembly ("memory-safe") {
            let free := mload(0x40) // scratch space: nothing here is kept
            let size := mul(members.length, 0x20)
            mstore(free, 0x20) // where the struct begins
            calldatacopy(add(free, 0x20), committee, 0x40) // version, threshold
            mstore(add(free, 0x60), 0x60) // where the members begin
            mstore(add(free, 0x80), members.length)
            calldatacopy(add(free, 0xa0), members.offset, size)
            digest := keccak256(free, add(size, 0xa0))
        }
    }

    function hashInMemory(Deal memory deal) internal pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            digest := keccak256(deal, mul(DEAL_WORDS, 0x20))
        }
    }

    function hash(Deal calldata deal) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := deal
        }
        return _words(offset, DEAL_WORDS);
    }

    function hash(Supply[] calldata supplies) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := supplies.offset
        }
        return _words(offset, supplies.length * SUPPLY_WORDS);
    }

    function hash(address[] calldata array) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := array.offset
        }
        return _words(offset, array.length);
    }

    function hash(uint32[] calldata array) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := array.offset
        }
        return _words(offset, array.length);
    }

    function hash(uint128[] calldata array) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := array.offset
        }
        return _words(offset, array.length);
    }

    function hash(bytes32[] calldata array) internal pure returns (bytes32) {
        uint256 offset;
        assembly ("memory-safe") {
            offset := array.offset
        }
        return _words(offset, array.length);
    }

    function agreed(bytes32 committee, bytes32 deal, bytes32 supplies) internal pure returns (bytes32) {
        return keccak256(abi.encode(committee, deal, supplies));
    }

    function terms(bytes32 deal, uint128 dropped, bytes32 experts, bytes32 weights)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(deal, dropped, experts, weights));
    }

    /// @param history What the attempts so far left behind.
    function gated(
        bytes32 committee,
        uint128 expertPool,
        uint256 experts,
        bytes32 terms_,
        History memory history
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(committee, expertPool, experts, terms_, history));
    }

    function gated(bytes32 committee, Deal calldata deal, Gate calldata gate)
        internal
        pure
        returns (bytes32)
    {
        bytes32 terms_ = terms(hash(deal), gate.dropped, hash(gate.experts), hash(gate.weights));
        return gated(committee, deal.expertPool, gate.experts.length, terms_, gate.history);
    }

    function decided(bytes32 gated_, bytes32 amounts, bytes32 record_) internal pure returns (bytes32) {
        return keccak256(abi.encode(gated_, amounts, record_));
    }

    /// @param seals Hash of the record's seals.
    function record(
        uint8 attempt,
        bytes32 model,
        bytes32 delivery,
        uint16 signers,
        uint16 verdicts,
        bytes32 seals
    ) internal pure returns (bytes32) {
        return keccak256(abi.encode(attempt, model, delivery, signers, verdicts, seals));
    }

    function hash(AttemptRecord calldata r) internal pure returns (bytes32) {
        return record(r.attempt, r.model, r.delivery, r.signers, r.verdicts, hash(r.seals));
    }

    function _words(uint256 offset, uint256 count) private pure returns (bytes32 digest) {
        assembly ("memory-safe") {
            let free := mload(0x40) // scratch space: nothing here is kept
            calldatacopy(free, offset, mul(count, 0x20))
            digest := keccak256(free, mul(count, 0x20))
        }
    }
}
