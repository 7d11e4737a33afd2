// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Committee} from "../interfaces/ICommitteeDigest.sol";

/// @title A quorum's signatures over one digest, 64 bytes each (EIP-2098), in one string of bytes
/// @notice The signers are a bitmap over the members, so none counts twice and none is searched for.
library PackedSignatures {
    uint256 private constant LENGTH = 64;

    error QuorumNotReached(uint256 signatures, uint8 threshold);
    error UnknownSigner(uint256 position);
    error BadSignature(address signer);
    error LengthMismatch(uint256 signers, uint256 signatures);

    /// @notice Passes if a threshold of the members signed `digest`, or reverts.
    /// @param bitmap Bit i is set when member i signed.
    /// @param signatures Of the members in the bitmap, in their order.
    function verify(Committee calldata committee, bytes32 digest, uint16 bitmap, bytes calldata signatures)
        internal
        pure
    {
        uint256 count;
        for (uint256 i = 0; bitmap >> i != 0; ++i) {
            if ((bitmap >> i) & 1 == 0) continue;
            if (i >= committee.members.length) revert UnknownSigner(i);
            uint256 start = count * LENGTH;
            if (signatures.length < start + LENGTH) revert LengthMismatch(count + 1, signatures.length / LENGTH);
            address signer = ECDSA.recover(
                digest, bytes32(signatures[start:start + 32]), bytes32(signatures[start + 32:start + LENGTH])
            );
            if (signer != committee.members[i]) revert BadSignature(committee.members[i]);
            ++count;
        }
        if (signatures.length != count * LENGTH) revert LengthMismatch(count, signatures.length / LENGTH);
        if (count == 0 || count < committee.threshold) revert QuorumNotReached(count, committee.threshold);
    }
}
