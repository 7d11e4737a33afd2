// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IParticipantRegistry} from "./interfaces/IParticipantRegistry.sol";

/// @title ParticipantRegistry
contract ParticipantRegistry is IParticipantRegistry {
    /// @inheritdoc IParticipantRegistry
    mapping(address account => bytes32) public encryptionKeyOf;

    /// @inheritdoc IParticipantRegistry
    function publishEncryptionKey(bytes32 encryptionKey) external {
        if (encryptionKey == 0) revert ZeroKey();
        encryptionKeyOf[msg.sender] = encryptionKey;
        emit EncryptionKeyPublished(msg.sender, encryptionKey);
    }
}
