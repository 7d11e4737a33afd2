// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICommitteeDigest} from "../src/interfaces/ICommitteeDigest.sol";

/// @title A committee that anyone may replace
contract CommitteeInOffice is ICommitteeDigest {
    bytes32 public currentDigest;

    function appoint(bytes32 digest) external {
        currentDigest = digest;
    }
}
