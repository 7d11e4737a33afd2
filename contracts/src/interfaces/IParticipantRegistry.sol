// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Where participants publish the key that others encrypt to
interface IParticipantRegistry {
    /// @notice `account` published its X25519 public key; the latest one counts.
    event EncryptionKeyPublished(address indexed account, bytes32 encryptionKey);

    /// @notice The zero key opens nothing.
    error ZeroKey();

    /// @notice Publishes or replaces the caller's X25519 public key.
    function publishEncryptionKey(bytes32 encryptionKey) external;

    /// @notice The key of `account`; zero when it never published one.
    function encryptionKeyOf(address account) external view returns (bytes32);
}
