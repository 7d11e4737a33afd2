// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AttemptReport, DataQuote, ModelQuote} from "../types/Trade.sol";

/// @title EIP-712 struct hashes of everything that is signed
/// @dev The Python side builds the same types from `marketplace/protocol/typed_data.py`; a test
///      compares the two for random values.
library TypedData {
    bytes32 internal constant DATA_QUOTE = keccak256(
        "DataQuote(bytes32 tradeId,address provider,bytes32 dataset,uint32 rows,uint128 price,uint40 expiry)"
    );

    bytes32 internal constant MODEL_QUOTE = keccak256(
        "ModelQuote(bytes32 tradeId,DataQuote[] dataQuotes,uint128 expertPool,uint128 brokerFee,"
        "uint128 auditorFee,uint128 oracleFee,uint40 expiry)"
        "DataQuote(bytes32 tradeId,address provider,bytes32 dataset,uint32 rows,uint128 price,uint40 expiry)"
    );

    bytes32 internal constant DATA_REPORT =
        keccak256("DataReport(bytes32 tradeId,uint32 committeeVersion,uint256 accepted,bytes32 evidence)");

    bytes32 internal constant GATE_REPORT = keccak256(
        "GateReport(bytes32 tradeId,uint32 committeeVersion,address[] experts,uint32[] weights,bytes32 evidence)"
    );

    bytes32 internal constant ATTEMPT_REPORT = keccak256(
        "AttemptReport(bytes32 tradeId,uint32 committeeVersion,uint8 attempt,bytes32 model,bytes32 training,"
        "bool passed,bytes32 delivery,bytes32 evidence,bytes32 seal)"
    );

    bytes32 internal constant SETTLEMENT_REPORT = keccak256(
        "SettlementReport(bytes32 tradeId,uint32 committeeVersion,address[] experts,uint128[] amounts,"
        "bytes32 evidence)"
    );

    function hash(DataQuote calldata quote) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DATA_QUOTE, quote.tradeId, quote.provider, quote.dataset, quote.rows, quote.price, quote.expiry
            )
        );
    }

    /// @notice Hash of a list of data quotes as EIP-712 encodes an array of structs.
    function hash(DataQuote[] calldata quotes) internal pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](quotes.length);
        for (uint256 i = 0; i < quotes.length; ++i) {
            hashes[i] = hash(quotes[i]);
        }
        return keccak256(abi.encodePacked(hashes));
    }

    function hash(ModelQuote calldata quote, bytes32 dataQuotes) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                MODEL_QUOTE,
                quote.tradeId,
                dataQuotes,
                quote.expertPool,
                quote.brokerFee,
                quote.auditorFee,
                quote.oracleFee,
                quote.expiry
            )
        );
    }

    function dataReport(bytes32 tradeId, uint32 version, uint256 accepted, bytes32 evidence)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(DATA_REPORT, tradeId, version, accepted, evidence));
    }

    function gateReport(
        bytes32 tradeId,
        uint32 version,
        address[] calldata experts,
        uint32[] calldata weights,
        bytes32 evidence
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                GATE_REPORT,
                tradeId,
                version,
                keccak256(abi.encodePacked(experts)),
                keccak256(abi.encodePacked(weights)),
                evidence
            )
        );
    }

    function attemptReport(
        bytes32 tradeId,
        uint32 version,
        uint8 attempt,
        AttemptReport calldata report,
        bytes32 seal
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                ATTEMPT_REPORT,
                tradeId,
                version,
                attempt,
                report.model,
                report.training,
                report.passed,
                report.delivery,
                report.evidence,
                seal
            )
        );
    }

    function settlementReport(
        bytes32 tradeId,
        uint32 version,
        address[] calldata experts,
        uint128[] calldata amounts,
        bytes32 evidence
    ) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                SETTLEMENT_REPORT,
                tradeId,
                version,
                keccak256(abi.encodePacked(experts)),
                keccak256(abi.encodePacked(amounts)),
                evidence
            )
        );
    }

    /// @notice A signer's sealed score: binds the trade, the attempt, the signer and a salt.
    function sealOf(bytes32 tradeId, uint8 attempt, address signer, uint32 score, bytes32 salt)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(tradeId, attempt, signer, score, salt));
    }
}
