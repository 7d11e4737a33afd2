// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {Development, Standing} from "../types/Development.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";

/// @title Scores of development models, as the Ladder mechanism releases them
/// @notice Development rounds don't pay, and their rows decide no trade. For each model a quorum of
///         the committee releases the best score so far, which changes only when the new model beats
///         it by more than a step, and is rounded to that step (Blum and Hardt 2015): who
///         submits many models learns little about the rows.
///
///         What a model really scored stays with the committee; the contract sees to it that every
///         release is one that the mechanism can make, that no model is released twice, and that
///         the rounds end.
interface ILadder {
    event DevelopmentOpened(
        bytes32 indexed developmentId, address indexed sponsor, Development development
    );

    /// @param released The best score so far, this model's included, in parts per million.
    event ScoreReleased(
        bytes32 indexed developmentId,
        uint16 round,
        bytes32 model,
        uint32 released,
        bytes32 evidence,
        uint16 signers,
        bytes signatures
    );

    error NotSponsor(address caller, address sponsor);

    /// @notice The step is zero or doesn't divide one million.
    error InvalidStep(uint32 step);
    error InvalidDevelopment(string field);

    /// @notice The committee is not the one that it has to be.
    error CommitteeMismatch(bytes32 given, bytes32 named);
    error DevelopmentExists(bytes32 developmentId);
    error UnknownDevelopment(bytes32 developmentId);
    error OutOfRounds(uint16 maxRounds);
    error AlreadyReleased(bytes32 model);

    /// @notice The mechanism answers with the best score so far or a higher multiple of the step.
    error NotOnTheLadder(uint32 released, uint32 best, uint32 step);

    /// @notice Opens a series under the committee in office; the caller is its sponsor.
    function open(Development calldata development) external returns (bytes32 developmentId);

    /// @notice Releases the answer for one more model.
    /// @param model Commitment to the model.
    /// @param evidence Digest of what the score was computed from.
    /// @param signers The seats of those that signed, as a bitmap.
    /// @param signatures Over an EIP-712 `Release`; EIP-2098, in the order of the seats.
    function release(
        Development calldata development,
        Committee calldata judges,
        bytes32 model,
        uint32 released,
        bytes32 evidence,
        uint16 signers,
        bytes calldata signatures
    ) external;

    /// @notice The id that a series gets on this chain and contract.
    function developmentIdOf(Development calldata development) external view returns (bytes32);

    /// @notice The EIP-712 digest that the committee signs for round `round`, counted from one.
    function releaseDigest(
        bytes32 developmentId,
        uint32 committeeVersion,
        uint16 round,
        bytes32 model,
        uint32 released,
        bytes32 evidence
    ) external view returns (bytes32);

    function standingOf(bytes32 developmentId) external view returns (Standing memory);

    /// @notice Whether a score was released for this model.
    function wasReleased(bytes32 developmentId, bytes32 model) external view returns (bool);

    function committee() external view returns (IOracleCommittee);
}
