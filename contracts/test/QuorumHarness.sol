// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Quorum} from "../src/libraries/Quorum.sol";
import {Committee} from "../src/types/Committee.sol";

/// @title Lets a test call the library without a report around it, and weigh its gas
contract QuorumHarness {
    function verifySame(
        Committee calldata committee,
        uint16 signers,
        bytes32 digest,
        bytes calldata signatures
    ) external view returns (uint256 count, uint256 gas) {
        uint256 before = gasleft();
        Quorum.verify(committee, signers, digest, signatures);
        count = Quorum.signerCount(signers);
        gas = before - gasleft();
    }

    function verifyEach(
        Committee calldata committee,
        uint16 signers,
        bytes32[] memory digests,
        bytes calldata signatures
    ) external view returns (uint256 count, uint256 gas) {
        uint256 before = gasleft();
        count = Quorum.requireQuorum(committee, signers, signatures);
        uint256 position;
        for (uint256 seat = 0; position < count; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            Quorum.requireSigned(
                committee.members[seat], seat, digests[position], signatures, position
            );
            ++position;
        }
        gas = before - gasleft();
    }
}
