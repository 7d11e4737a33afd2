// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Challenge} from "../types/Challenge.sol";
import {Committee} from "../types/Committee.sol";
import {Currency} from "../types/Currency.sol";
import {AttemptProof, AttemptRecord, Deal, Gate, Request} from "../types/Trade.sol";
import {IPenalties} from "./IPenalties.sol";

/// @title Bonded challenges of a committee's verdict, decided by a second panel
/// @notice In the review window anyone may challenge the outcome of a trade with a bond in proportion
///         to what the trade still holds. The panel that the request named, disjoint from the committee that judged,
///         executes the work again and rules:
///
///         the verdict stands: the panel's signers get a part of the bond, and the request's treasury
///         the rest, so that no party's challenge of its own trade is free
///         the verdict falls:  the bond goes back, and each signer of the verdict is slashed; who
///         put on record that it found otherwise is not. Challenger and panel share what is taken.
///         silence:            the bond goes back and the verdict stands, as if never challenged
///
///         Whoever gains by a ruling doesn't sign it. To uphold a verdict, no member of the panel that is
///         the buyer, the broker, the auditor, the treasury or a judge, or of one group with one of them;
///         nor, where it is a pass, an expert. To overturn it, no member that is the buyer; nor, where
///         it is a pass, of one group with the buyer. Where too few are left for a quorum, that ruling
///         can't come. Who is of one group with a member of the panel can't challenge: that member would
///         rule on its own party's challenge.
///
///         A challenge is announced before it comes: its seal, which says neither trade nor challenger,
///         lies on chain for the announcement's delay. Who sees the challenge itself wait to be included
///         is too late to announce one of its own.
///
///         A trade is challenged once at most. The panel looks at the whole trade, whatever the
///         claim says, so a sham challenge doesn't use the chance up.
interface IChallenges is IPenalties {
    // ------------------------------------------------------------------ events

    /// @notice A challenge may come after the delay; the seal hides by whom, and of which trade.
    event ChallengeAnnounced(bytes32 indexed seal);

    /// @param claim Digest of what the challenger says is wrong.
    /// @param salt Of the seal that was announced.
    /// @param mayNotUphold Seats of the panel that may not sign that the verdict stands, as a bitmap.
    /// @param mayNotOverturn Seats that may not sign that it falls.
    event Challenged(
        bytes32 indexed tradeId,
        address indexed challenger,
        bytes32 claim,
        bytes32 salt,
        Currency currency,
        uint256 bond,
        uint40 deadline,
        uint16 mayNotUphold,
        uint16 mayNotOverturn
    );
    event VerdictUpheld(
        bytes32 indexed tradeId, bytes32 evidence, uint16 signers, bytes signatures
    );

    /// @param slashed Sum of what was taken from the signers of the verdict.
    event VerdictOverturned(
        bytes32 indexed tradeId,
        bytes32 model,
        bytes32 evidence,
        uint256 slashed,
        uint16 signers,
        bytes signatures
    );
    event ChallengeLapsed(bytes32 indexed tradeId);

    // ------------------------------------------------------------------ errors

    /// @notice Somebody announced this seal before; it counts from then on.
    error AlreadyAnnounced(bytes32 seal);

    /// @notice The challenge with this seal may not come before `from`; zero if it wasn't announced.
    error NotAnnounced(bytes32 seal, uint40 from);

    /// @notice What was passed is not what this trade was decided on.
    error UnknownDecision(bytes32 given, bytes32 decided);

    /// @notice These seats have an interest in such a ruling, or are of one party with the challenger.
    error ConflictedJurors(uint16 seats);
    error NoChallenge(bytes32 tradeId);
    error RulingTooLate(uint40 deadline);
    error RulingPending(uint40 deadline);

    /// @notice Of a trade that passed, the pass is in question, not an earlier attempt.
    error NotDecisive(bytes32 model);

    // --------------------------------------------------------------- challenges

    /// @notice Announces a challenge by its seal; any account may, before the verdict too.
    /// @param seal As `sealOf` tells it.
    function announce(bytes32 seal) external;

    /// @notice Challenges the outcome of a trade in its review window; the caller pays the bond, and
    ///         has its seal announced since the delay at least. That uses the announcement up.
    /// @param deal What was agreed, and with `gate` who the experts are and what the trade holds.
    /// @param amounts Hash of the pool's division as reported.
    /// @param record Hash of the deciding attempt's record.
    /// @param judges The committee that the request names.
    /// @param jury The panel that the request names.
    /// @param claim Digest of what is wrong, for the panel to read.
    /// @param salt Of the seal; who can guess it can find out what was announced.
    function challenge(
        Request calldata request,
        Deal calldata deal,
        Gate calldata gate,
        bytes32 amounts,
        bytes32 record,
        Committee calldata judges,
        Committee calldata jury,
        bytes32 claim,
        bytes32 salt
    ) external payable returns (bytes32 tradeId);

    /// @notice Ends a challenge by the panel's ruling that the verdict stands.
    /// @param evidence Digest of the re-execution's evidence.
    /// @param signers The seats of the panel that signed, as a bitmap.
    /// @param signatures Over a `Ruling` without a model; EIP-2098, in the order of the seats.
    function uphold(
        Request calldata request,
        Committee calldata jury,
        bytes32 evidence,
        uint16 signers,
        bytes calldata signatures
    ) external;

    /// @notice Ends a challenge by the panel's ruling that an attempt was judged wrongly.
    /// @param record The attempt: the one that passed, or any one of a trade that was rejected.
    /// @param proof That the trade has it.
    /// @param signatures Over a `Ruling` with the attempt's model; EIP-2098.
    function overturn(
        Request calldata request,
        Committee calldata judges,
        Committee calldata jury,
        AttemptRecord calldata record,
        AttemptProof calldata proof,
        bytes32 evidence,
        uint16 signers,
        bytes calldata signatures
    ) external;

    /// @notice After the deadline without a ruling: gives the bond back and lets the trade go on.
    function lapse(Request calldata request) external;

    // -------------------------------------------------------------------- views

    function challengeOf(bytes32 tradeId) external view returns (Challenge memory);

    /// @notice When a seal was announced, in seconds since 1970; zero if it wasn't, or was used.
    function announcedAt(bytes32 seal) external view returns (uint40);

    /// @notice The seal to announce a challenge by; ask a node of your own, or compute it.
    /// @param claim What the challenge will say.
    /// @param salt Any 32 bytes that nobody else knows.
    function sealOf(bytes32 tradeId, address challenger, bytes32 claim, bytes32 salt)
        external
        view
        returns (bytes32);

    /// @notice The bond of a challenge, rounded up to the unit.
    /// @param value What the trade holds, and so what its settlement will pay out: pool and fees, and
    ///        the prices of data that was not delivered.
    function bondFor(uint128 value) external view returns (uint128);

    /// @notice The digest that the panel signs: an EIP-712 `Ruling` for this contract.
    /// @param panelVersion Of the panel that signs.
    /// @param model Of the attempt judged wrongly; zero when the verdict stands.
    /// @param evidence Digest of the re-execution's evidence.
    function rulingDigest(bytes32 tradeId, uint32 panelVersion, bytes32 model, bytes32 evidence)
        external
        view
        returns (bytes32);
}
