// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {AttemptRecord, Opening} from "../types/Trade.sol";
import {Quorum} from "./Quorum.sol";
import {TypedData} from "./TypedData.sol";

/// @title Opens sealed scores and counts how many of them pass
library Seals {
    /// @notice The opening at this position is not what its signer sealed.
    error SealMismatch(uint256 position);

    /// @notice There must be one opening for each seal.
    error OpeningsMismatch(uint256 openings, uint256 seals);

    /// @notice Seats whose seals are open, and those of them whose score reaches the threshold.
    struct Opened {
        uint16 seats;
        uint16 passing;
    }

    /// @param openings As many as there are seals, in their order; a zero salt opens nothing.
    /// @return opened The seats that were opened by this.
    /// @return scores In the order of the signers, zero where nothing was opened.
    /// @return salts Likewise.
    function open(
        bytes32 tradeId,
        uint32 threshold,
        Committee calldata judges,
        AttemptRecord calldata record,
        Opening[] calldata openings
    )
        internal
        pure
        returns (Opened memory opened, uint32[] memory scores, bytes32[] memory salts)
    {
        uint256 count = record.seals.length;
        if (openings.length != count) revert OpeningsMismatch(openings.length, count);
        scores = new uint32[](count);
        salts = new bytes32[](count);
        uint256 position;
        for (uint256 seat = 0; position < count; ++seat) {
            uint16 bit = uint16(1 << seat); // a record has no more seals than seats
            if (record.signers & bit == 0) continue;
            Opening calldata opening = openings[position];
            if (opening.salt != 0) {
                bytes32 seal = TypedData.sealOf(
                    tradeId, record.attempt, judges.members[seat], opening.score, opening.salt
                );
                if (seal != record.seals[position]) revert SealMismatch(position);
                (scores[position], salts[position]) = (opening.score, opening.salt);
                opened.seats |= bit;
                if (opening.score >= threshold) opened.passing |= bit;
            }
            ++position;
        }
    }

    function merge(Opened memory one, Opened memory other) internal pure returns (Opened memory) {
        return Opened(one.seats | other.seats, one.passing | other.passing);
    }

    /// @notice Whether more than half of the signers speak against the verdict, each by its score, or
    ///         by its own verdict where the score stays closed: a median that contradicts it. Of an even
    ///         number both middle scores must, so that one signer of two turns nothing.
    function contradicts(Opened memory opened, AttemptRecord calldata record)
        internal
        pure
        returns (bool)
    {
        uint256 half = Quorum.signerCount(record.signers) / 2;
        uint16 against = opened.passing | record.verdicts & ~opened.seats;
        if (Quorum.signerCount(record.verdicts) > half) against = record.signers & ~against;
        return Quorum.signerCount(against) > half;
    }

    /// @notice Signers who kept their score closed, or sealed one on the other side of the threshold
    ///         than their own verdict.
    function faulty(Opened memory opened, AttemptRecord calldata record)
        internal
        pure
        returns (uint16)
    {
        return record.signers & ~opened.seats | opened.seats & (opened.passing ^ record.verdicts);
    }
}
