// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ChallengeTerms} from "../types/Challenge.sol";
import {Committee} from "../types/Committee.sol";
import {Currency} from "../types/Currency.sol";
import {AttemptProof, AttemptRecord, Opening, Request, State} from "../types/Trade.sol";
import {ICredits} from "./ICredits.sol";
import {IModelMarket} from "./IModelMarket.sol";
import {IOracleCommittee} from "./IOracleCommittee.sol";

/// @title What committee members lose for what the chain itself can see
/// @notice No panel is needed to see that delivered work went unjudged, or that a sealed score was
///         never opened. The deciding attempt's scores are opened by the settlement, where a
///         closed seal costs its signer the fee; those of earlier attempts are opened here, from
///         the end of the trade until the deadline in its status.
interface IPenalties is ICredits {
    // ------------------------------------------------------------------ events

    /// @notice The scores of the signers in `opened` are public now, in the order of the seats.
    event ScoresOpened(
        bytes32 indexed tradeId, uint8 attempt, uint16 opened, uint32[] scores, bytes32[] salts
    );

    /// @notice The members in the seats `closed` lost a part of their stakes.
    event ClosedSealsPenalised(
        bytes32 indexed tradeId,
        uint8 attempt,
        uint16 closed,
        address indexed reporter,
        uint256 slashed
    );
    event SilencePenalised(bytes32 indexed tradeId, uint256 slashed);

    /// @notice `amount` belongs to `account`, and waits to be withdrawn.
    event Awarded(
        bytes32 indexed tradeId,
        address indexed account,
        Currency indexed currency,
        uint256 amount
    );

    // ------------------------------------------------------------------ errors

    error InvalidTerms();

    /// @notice The committee passed is not the one that the request names.
    error CommitteeMismatch(bytes32 given, bytes32 named);

    /// @notice The trade has no such attempt.
    error UnknownAttempt(bytes32 model);

    /// @notice Scores stay sealed until the trade has ended.
    error NotFinal(State state);

    /// @notice The scores of these seats are on the other side of the threshold than their verdicts,
    ///         which is no better than closed seals.
    error ContradictsVerdict(uint16 seats);
    error NothingOpened();

    /// @notice Until this time the seals may still be opened.
    error SealsStillDue(uint40 until);

    /// @notice After this time the seals can't be opened any more.
    error SealsWereDue(uint40 until);
    error NoClosedSeals(bytes32 tradeId, uint8 attempt);

    /// @notice The trade didn't end for want of a judgement.
    error NotSilent(bytes32 tradeId);
    error AlreadyPenalised(bytes32 tradeId);

    /// @notice The request left its judges too little time to be blamed.
    error WindowTooShort(uint24 window, uint24 least);

    /// @notice Native coin comes in as a bond or from the committee's stakes, and not otherwise.
    error UnexpectedCoins(address from);

    // ---------------------------------------------------------------- penalties

    /// @notice Publishes sealed scores of an earlier attempt, from the end of its trade until the
    ///         deadline in the trade's status.
    /// @param record The attempt, as it was reported.
    /// @param proof That the trade has it, and that it decided nothing.
    /// @param openings One for each of its signers, in the order of the seats.
    function openScores(
        Request calldata request,
        Committee calldata judges,
        AttemptRecord calldata record,
        AttemptProof calldata proof,
        Opening[] calldata openings
    ) external;

    /// @notice Slashes each signer whose seal is still closed after the trade's deadline for it, once;
    ///         of the deciding attempt, each whose seal was faulty at the settlement
    ///         (`IModelMarket.faultySeals`). The caller gets a share, and the request's
    ///         treasury the rest. Anyone may report, the signer too, whom the fault then costs what
    ///         the treasury gets.
    /// @param proof That the trade has the attempt.
    function penaliseClosedSeals(
        Request calldata request,
        Committee calldata judges,
        AttemptRecord calldata record,
        AttemptProof calldata proof
    ) external;

    /// @notice Slashes each member of a committee that let delivered work go unjudged, once a trade.
    ///         The request's treasury gets what is taken, so that no buyer gains by overloading judges.
    function penaliseSilence(Request calldata request, Committee calldata judges) external;

    // -------------------------------------------------------------------- views

    /// @notice Signers whose seals need not be opened any more: they were, or that they weren't was
    ///         penalised. Of the deciding attempt only the latter is kept here.
    function settledSeals(bytes32 tradeId, uint8 attempt) external view returns (uint16);

    function terms() external view returns (ChallengeTerms memory);
    function market() external view returns (IModelMarket);

    /// @notice Where the judges' stakes lie.
    function committee() external view returns (IOracleCommittee);
}
