// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Committee} from "../types/Committee.sol";

/// @title Checks that a committee's quorum signed
/// @notice Signatures are compact (EIP-2098: `r`, then `s` with the parity in its top bit), 64 bytes
///         each, back to back in the order of their signers' seats. Members are externally owned
///         accounts: a signature is good for one seat, so one signer can't fill two.
/// @dev The caller has checked the committee against the digest that it trusts.
library Quorum {
    uint256 private constant SIGNATURE_BYTES = 64;

    /// @notice Fewer members signed than the threshold.
    error QuorumNotReached(uint256 signers, uint8 threshold);

    /// @notice The bitmap names a seat that the committee does not have.
    error NoSuchSeat(uint16 signers, uint256 seats);

    /// @notice One 64-byte signature belongs to each signer.
    error SignaturesLengthMismatch(uint256 length, uint256 needed);

    /// @notice The signature for this seat is not its member's over the digest.
    error BadSeatSignature(uint256 seat, address member);

    /// @notice Reverts unless a quorum signed one and the same digest.
    /// @param signers Bit i is set when member i signed.
    function verify(
        Committee calldata committee,
        uint16 signers,
        bytes32 digest,
        bytes calldata signatures
    ) internal pure {
        uint256 count = requireQuorum(committee, signers, signatures);
        address[] calldata members = committee.members;
        uint256 position;
        for (uint256 seat = 0; position < count; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            requireSigned(members[seat], seat, digest, signatures, position);
            ++position;
        }
    }

    /// @notice How many bits are set.
    function signerCount(uint16 signers) internal pure returns (uint256 bits) {
        unchecked {
            // `left` is above zero in the body, and has sixteen bits
            for (uint256 left = signers; left != 0; left &= left - 1) {
                ++bits;
            }
        }
    }

    /// @notice Reverts unless the bitmap names a quorum, with as many signatures; they are checked one
    ///         by one with `requireSigned` where each signer signed something of its own.
    /// @return bits How many signed.
    function requireQuorum(Committee calldata committee, uint16 signers, bytes calldata signatures)
        internal
        pure
        returns (uint256 bits)
    {
        uint256 seats = committee.members.length;
        if (uint256(signers) >> seats != 0) revert NoSuchSeat(signers, seats);
        bits = signerCount(signers);
        if (bits == 0 || bits < committee.threshold) {
            revert QuorumNotReached(bits, committee.threshold);
        }
        uint256 needed = bits * SIGNATURE_BYTES;
        if (signatures.length != needed) revert SignaturesLengthMismatch(signatures.length, needed);
    }

    /// @notice Reverts unless the signature at `position` is the member's over the digest.
    function requireSigned(
        address member,
        uint256 seat,
        bytes32 digest,
        bytes calldata signatures,
        uint256 position
    ) internal pure {
        bytes32 r;
        bytes32 vs;
        assembly ("memory-safe") {
            // inside the signatures: their length was checked, and position is below the count
            let start := add(signatures.offset, mul(position, SIGNATURE_BYTES))
            r := calldataload(start)
            vs := calldataload(add(start, 32))
        }
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, r, vs);
        if (problem != ECDSA.RecoverError.NoError || signer != member) {
            revert BadSeatSignature(seat, member);
        }
    }
}
