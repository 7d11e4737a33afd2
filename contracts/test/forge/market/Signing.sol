// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../../../src/types/Currency.sol";
import {AttemptFinding, DataFinding, DataQuote, ModelQuote} from "../../../src/types/Trade.sol";
import {Terms, Trade} from "./Terms.sol";

/// @title Signatures as a party's own software makes them
/// @dev Types and hashes are written out here, not taken from the market's library.
abstract contract Signing is Terms {
    bytes32 private constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant DATA_REPORT = keccak256(
        "DataReport(bytes32 tradeId,uint32 committeeVersion,uint256 accepted,address[] experts,"
        "uint32[] weights,bytes32 dataEvidence,bytes32 gateEvidence)"
    );
    bytes32 private constant ATTEMPT_REPORT = keccak256(
        "AttemptReport(bytes32 tradeId,uint32 committeeVersion,uint8 attempt,bytes32 model,bytes32 training,"
        "bytes32 delivery,bytes32 evidence,uint128[] amounts,bool passed,bytes32 seal)"
    );
    bytes32 private constant AUDIT_REPORT =
        keccak256("AuditReport(bytes32 tradeId,bytes32 record,bytes32 report,bool approved)");
    bytes32 private constant WITHDRAWAL =
        keccak256("Withdrawal(address account,address currency,address to,uint256 nonce,uint40 expiry)");

    /// @notice What to get wrong on purpose.
    enum Flaw {
        None,
        OtherTrade,
        OtherAttempt,
        OtherVersion,
        OtherChain,
        OtherContract,
        OneSigner,
        Strangers,
        SeatTwice
    }

    function _market() internal view virtual returns (address);

    function _signQuotes(ModelQuote memory quote, address broker) internal view returns (bytes[] memory signatures) {
        uint256 count = quote.dataQuotes.length;
        signatures = new bytes[](count + 1);
        signatures[0] = _sign(broker, _hash(quote));
        for (uint256 i = 0; i < count; ++i) {
            DataQuote memory q = quote.dataQuotes[i];
            signatures[i + 1] = _sign(q.provider, _hash(q));
        }
    }

    function _signData(Trade memory t, DataFinding memory f, uint16 signers, Flaw flaw)
        internal
        view
        returns (bytes memory signatures)
    {
        bytes32 message = keccak256(
            abi.encode(
                DATA_REPORT,
                flaw == Flaw.OtherTrade ? bytes32(uint256(1)) : t.id,
                flaw == Flaw.OtherVersion ? 2 : 1,
                f.accepted,
                keccak256(abi.encodePacked(f.experts)),
                keccak256(abi.encodePacked(f.weights)),
                f.dataEvidence,
                f.gateEvidence
            )
        );
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            signatures = bytes.concat(signatures, _signCompact(seat, message, flaw));
        }
    }

    function _signAttempt(
        Trade memory t,
        uint8 attempt,
        AttemptFinding memory f,
        uint16 signers,
        uint16 verdicts,
        bytes32[] memory seals,
        Flaw flaw
    ) internal view returns (bytes memory signatures) {
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            bytes32 message = keccak256(
                abi.encode(
                    ATTEMPT_REPORT,
                    flaw == Flaw.OtherTrade ? bytes32(uint256(1)) : t.id,
                    flaw == Flaw.OtherVersion ? 2 : 1,
                    flaw == Flaw.OtherAttempt ? attempt + 1 : attempt,
                    f.model,
                    f.training,
                    f.delivery,
                    f.evidence,
                    keccak256(abi.encodePacked(f.amounts)),
                    verdicts & (1 << seat) != 0,
                    seals[position++]
                )
            );
            signatures = bytes.concat(signatures, _signCompact(seat, message, flaw));
        }
    }

    function _signAudit(Trade memory t, bytes32 record, bytes32 report, bool approved)
        internal
        view
        returns (bytes memory)
    {
        return _sign(
            requestOf(t).auditor, keccak256(abi.encode(AUDIT_REPORT, t.id, record, report, approved))
        );
    }

    function _signWithdrawal(address account, Currency currency, address to, uint256 nonce)
        internal
        view
        returns (bytes memory)
    {
        return _sign(account, keccak256(abi.encode(WITHDRAWAL, account, currency, to, nonce, type(uint40).max)));
    }

    function _sign(address account, bytes32 message) private view returns (bytes memory) {
        bytes32 digest = _digest(message, block.chainid, _market());
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf[account], digest);
        return abi.encodePacked(r, s, v);
    }

    function _signCompact(uint256 seat, bytes32 message, Flaw flaw) private view returns (bytes memory) {
        bytes32 digest = _digest(
            message,
            flaw == Flaw.OtherChain ? 1 : block.chainid,
            flaw == Flaw.OtherContract ? address(this) : _market()
        );
        uint256 key = flaw == Flaw.Strangers ? seat + 1 : keyOf[members[flaw == Flaw.SeatTwice ? 0 : seat]];
        (bytes32 r, bytes32 vs) = vm.signCompact(key, digest);
        return abi.encodePacked(r, vs);
    }

    function _digest(bytes32 message, uint256 chain, address verifier) private pure returns (bytes32) {
        bytes32 domain =
            keccak256(abi.encode(DOMAIN, keccak256("ModelMarket"), keccak256("1"), chain, verifier));
        return keccak256(abi.encodePacked(hex"1901", domain, message));
    }
}
