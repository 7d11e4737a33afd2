// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title A committee that anyone may replace
contract CommitteeInOffice {
    bytes32 public currentDigest;

    function appoint(bytes32 digest) external {
        currentDigest = digest;
    }
}
