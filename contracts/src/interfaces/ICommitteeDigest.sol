// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @notice An M-of-N committee as it is given in calldata and checked by its digest.
/// @param members Strictly ascending addresses, 16 at most.
/// @param threshold Signatures needed.
struct Committee {
    uint32 version;
    uint8 threshold;
    address[] members;
}

/// @title Says which committee is in office
interface ICommitteeDigest {
    /// @notice keccak256(abi.encode(committee)) of the `Committee` in office.
    function currentDigest() external view returns (bytes32);
}
