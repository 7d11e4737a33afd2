// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../types/Currency.sol";
import {Digests} from "./Digests.sol";
import {AttemptFinding, DataQuote, DataFinding, ModelQuote} from "../types/Trade.sol";

/// @title EIP-712 struct hashes of everything that is signed
/// @dev The Python side builds the same types from `marketplace/protocol/typed_data.py`; a test
///      compares the two for random values.
library TypedData {
    bytes32 internal constant DATA_QUOTE = keccak256(
        "DataQuote(bytes32 tradeId,address provider,bytes32 dataset,uint32 rows,uint128 price,uint40 expiry)"
    );

    bytes32 internal constant MODEL_QUOTE = keccak256(
        "ModelQuote(bytes32 tradeId,bytes32 dataRequest,DataQuote[] dataQuotes,uint128 expertPool,"
        "uint128 brokerFee,uint128 auditorFee,uint128 oracleFee,uint40 expiry)"
        "DataQuote(bytes32 tradeId,address provider,bytes32 dataset,uint32 rows,uint128 price,uint40 expiry)"
    );

    bytes32 internal constant DATA_REPORT = keccak256(
        "DataReport(bytes32 tradeId,uint32 committeeVersion,uint256 accepted,address[] experts,"
        "uint32[] weights,bytes32 dataEvidence,bytes32 gateEvidence)"
    );

    bytes32 internal constant ATTEMPT_REPORT = keccak256(
        "AttemptReport(bytes32 tradeId,uint32 committeeVersion,uint8 attempt,bytes32 model,bytes32 training,"
        "bytes32 delivery,bytes32 evidence,uint128[] amounts,bool passed,bytes32 seal)"
    );

    bytes32 internal constant AUDIT_REPORT =
        keccak256("AuditReport(bytes32 tradeId,bytes32 record,bytes32 report,bool approved)");

    bytes32 internal constant WITHDRAWAL = keccak256(
        "Withdrawal(address account,address currency,address to,uint256 nonce,uint40 expiry)"
    );

    function hash(DataQuote calldata quote) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                DATA_QUOTE, quote.tradeId, quote.provider, quote.dataset, quote.rows, quote.price, quote.expiry
            )
        );
    }

    /// @param dataQuotes Struct hashes of the quote's data quotes, in their order.
    function hash(ModelQuote calldata quote, bytes32[] memory dataQuotes) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                MODEL_QUOTE,
                quote.tradeId,
                quote.dataRequest,
                keccak256(abi.encodePacked(dataQuotes)),
                quote.expertPool,
                quote.brokerFee,
                quote.auditorFee,
                quote.oracleFee,
                quote.expiry
            )
        );
    }

    function dataReport(bytes32 tradeId, uint32 version, DataFinding calldata report)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                DATA_REPORT,
                tradeId,
                version,
                report.accepted,
                Digests.hash(report.experts),
                Digests.hash(report.weights),
                report.dataEvidence,
                report.gateEvidence
            )
        );
    }

    /// @notice An attempt report without verdict and seal, for `withVerdict` to complete.
    /// @param amounts Hash of the finding's amounts, each padded to 32 bytes.
    function attemptReport(
        bytes32 tradeId,
        uint32 version,
        uint8 attempt,
        AttemptFinding calldata finding,
        bytes32 amounts
    ) internal pure returns (bytes memory encoded) {
        return abi.encode(
            ATTEMPT_REPORT,
            tradeId,
            version,
            attempt,
            finding.model,
            finding.training,
            finding.delivery,
            finding.evidence,
            amounts,
            false,
            bytes32(0)
        );
    }

    /// @notice Struct hash of an attempt report with one signer's verdict and seal, which take the
    ///         place of those of the signer before.
    function withVerdict(bytes memory encoded, bool passed, bytes32 seal)
        internal
        pure
        returns (bytes32 structHash)
    {
        assembly ("memory-safe") {
            // eleven words: the last two are the signer's own
            mstore(add(encoded, 0x140), passed)
            mstore(add(encoded, 0x160), seal)
            structHash := keccak256(add(encoded, 0x20), 0x160)
        }
    }

    /// @param record Hash of the deciding attempt's record, so that what is approved is that attempt.
    function auditReport(bytes32 tradeId, bytes32 record, bytes32 report, bool approved)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(AUDIT_REPORT, tradeId, record, report, approved));
    }

    function withdrawal(address account, Currency currency, address to, uint256 nonce, uint40 expiry)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(WITHDRAWAL, account, currency, to, nonce, expiry));
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
