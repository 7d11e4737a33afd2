// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Writes content identifiers
library Cid {
    bytes32 private constant ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"; // RFC 4648, lower case
    uint256 private constant RAW_SHA2_256 = 0x01551220; // version 1, raw, sha2-256 of 32 bytes
    uint256 private constant BYTES = 36;
    uint256 private constant LETTERS = 58; // 36 bytes in groups of five bits, rounded up

    /// @notice The CIDv1 (raw block, base32) of a sha2-256 digest, as `bafkrei...`.
    function raw(bytes32 digest) internal pure returns (string memory) {
        bytes memory binary = abi.encodePacked(uint32(RAW_SHA2_256), digest);
        bytes memory text = new bytes(1 + LETTERS);
        text[0] = "b"; // multibase prefix of lower-case base32 without padding
        for (uint256 i = 0; i < LETTERS; ++i) {
            uint256 first = (5 * i) / 8;
            uint256 pair = uint256(uint8(binary[first])) << 8;
            if (first + 1 < BYTES) pair |= uint8(binary[first + 1]);
            text[1 + i] = ALPHABET[(pair >> (11 - (5 * i) % 8)) & 31];
        }
        return string(text);
    }
}
