// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Credits} from "./Credits.sol";
import {IModelMarket} from "./interfaces/IModelMarket.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IPenalties} from "./interfaces/IPenalties.sol";
import {Digests} from "./libraries/Digests.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {ChallengeTerms} from "./types/Challenge.sol";
import {Committee} from "./types/Committee.sol";
import {Currency} from "./types/Currency.sol";
import {StatusView} from "./types/Status.sol";
import {AttemptRecord, Opening, Request, State} from "./types/Trade.sol";

/// @title Penalties
/// @dev What is taken from stakes stays in the committee's contract until the first withdrawal in
///      that currency, so that a token that refuses this contract can't stop a penalty.
abstract contract Penalties is IPenalties, Credits {
    uint256 internal constant BASIS_POINTS = 10_000;

    /// @inheritdoc IPenalties
    IModelMarket public immutable market;
    /// @inheritdoc IPenalties
    IOracleCommittee public immutable committee;

    Currency internal immutable stakeCurrency;
    ChallengeTerms internal _terms; // written once, by the constructor

    mapping(bytes32 tradeId => bool) private _silencePenalised;

    /// @inheritdoc IPenalties
    mapping(bytes32 tradeId => mapping(uint8 attempt => uint16)) public settledSeals;

    constructor(IModelMarket market_, IOracleCommittee committee_, ChallengeTerms memory terms_) {
        if (
            terms_.bondBps == 0 || terms_.rulingWindow == 0 || terms_.bondBps > BASIS_POINTS
                || terms_.panelBps > BASIS_POINTS || terms_.challengerBps > BASIS_POINTS
                || terms_.reporterBps > BASIS_POINTS
        ) revert InvalidTerms();
        market = market_;
        committee = committee_;
        stakeCurrency = committee_.stakeCurrency();
        _terms = terms_;
    }

    /// @dev Slashed native coin, on its way from the committee's contract to who it was awarded to.
    receive() external payable {
        if (msg.sender != address(committee)) revert UnexpectedCoins(msg.sender);
    }

    /// @inheritdoc IPenalties
    function openScores(
        Request calldata request,
        Committee calldata judges,
        AttemptRecord calldata record,
        Opening[] calldata openings
    ) external {
        (bytes32 tradeId,) = _requireEarlierAttempt(request, judges, record);
        uint256 count = record.seals.length;
        if (openings.length != count) revert LengthMismatch(openings.length, count);
        uint32[] memory scores = new uint32[](count);
        bytes32[] memory salts = new bytes32[](count);
        uint16 opened;
        uint256 position;
        for (uint256 seat = 0; position < count; ++seat) {
            uint16 bit = uint16(1 << seat); // a record has no more seals than seats
            if (record.signers & bit == 0) continue;
            Opening calldata opening = openings[position];
            if (opening.salt != 0) {
                address signer = judges.members[seat];
                bytes32 seal = TypedData.sealOf(
                    tradeId, record.attempt, signer, opening.score, opening.salt
                );
                if (seal != record.seals[position]) revert SealMismatch(position);
                bool passed = opening.score >= request.threshold;
                if (passed != (record.verdicts & bit != 0)) {
                    revert ContradictsVerdict(seat, opening.score);
                }
                (scores[position], salts[position]) = (opening.score, opening.salt);
                opened |= bit;
            }
            ++position;
        }
        if (opened == 0) revert NothingOpened();
        settledSeals[tradeId][record.attempt] |= opened;
        emit ScoresOpened(tradeId, record.attempt, opened, scores, salts);
    }

    /// @inheritdoc IPenalties
    function penaliseClosedSeals(
        Request calldata request,
        Committee calldata judges,
        AttemptRecord calldata record
    ) external {
        _requireTime(request.windows.settlement);
        (bytes32 tradeId, uint40 until) = _requireEarlierAttempt(request, judges, record);
        if (block.timestamp <= until) revert SealsStillDue(until);
        uint16 closed = record.signers & ~settledSeals[tradeId][record.attempt];
        if (closed == 0) revert NoClosedSeals(tradeId, record.attempt);
        settledSeals[tradeId][record.attempt] = record.signers;
        uint256 slashed = _slash(judges.members, closed, _terms.closedSealPenalty);
        emit ClosedSealsPenalised(tradeId, record.attempt, closed, msg.sender, slashed);

        uint256 reward = slashed * _terms.reporterBps / BASIS_POINTS;
        _award(tradeId, msg.sender, stakeCurrency, reward);
        _award(tradeId, request.buyer, stakeCurrency, slashed - reward);
    }

    /// @inheritdoc IPenalties
    function penaliseSilence(Request calldata request, Committee calldata judges) external {
        _requireNamed(judges, request.committee);
        bytes32 tradeId = market.tradeIdOf(request);
        if (!market.statusOf(tradeId).unjudged) revert NotSilent(tradeId);
        _requireTime(request.windows.judging);
        _requireTime(request.windows.validation);
        if (_silencePenalised[tradeId]) revert AlreadyPenalised(tradeId);
        _silencePenalised[tradeId] = true;
        uint256 slashed = _slash(judges.members, type(uint16).max, _terms.silencePenalty);
        emit SilencePenalised(tradeId, slashed);
        // Paid to the buyer, it would pay to flood a committee with trades that cost next to nothing.
        _award(tradeId, request.treasury, stakeCurrency, slashed);
    }

    /// @inheritdoc IPenalties
    function terms() external view returns (ChallengeTerms memory) {
        return _terms;
    }

    // ------------------------------------------------------------------ for rulings

    function _requireNamed(Committee calldata given, bytes32 named) internal pure {
        bytes32 digest = Digests.hash(given);
        if (digest != named) revert CommitteeMismatch(digest, named);
    }

    function _slash(address[] calldata members, uint16 seats, uint128 penalty)
        internal
        returns (uint256 taken)
    {
        for (uint256 seat = 0; seat < members.length; ++seat) {
            if (seats & (1 << seat) == 0) continue;
            taken += committee.slash(members[seat], penalty, address(this));
        }
    }

    function _award(bytes32 tradeId, address account, Currency currency, uint256 amount) internal {
        if (amount == 0) return;
        _credit(account, currency, amount);
        emit Awarded(tradeId, account, currency, amount);
    }

    // ------------------------------------------------------------------ private

    /// @dev The buyer sets the windows: too short ones would be a trap.
    function _requireTime(uint24 window) private view {
        if (window < _terms.leastWindow) revert WindowTooShort(window, _terms.leastWindow);
    }

    /// @return tradeId Of the request.
    /// @return until When the seals are to be open.
    function _requireEarlierAttempt(
        Request calldata request,
        Committee calldata judges,
        AttemptRecord calldata record
    ) private view returns (bytes32 tradeId, uint40 until) {
        _requireNamed(judges, request.committee);
        tradeId = market.tradeIdOf(request);
        StatusView memory status = market.statusOf(tradeId);
        if (status.state < State.Settled) revert NotFinal(status.state);
        if (market.attemptOf(tradeId, record.model) != Digests.hash(record)) {
            revert UnknownAttempt(record.model);
        }
        until = status.deadline;
    }

    function _fetch(Currency currency) internal override {
        if (Currency.unwrap(currency) != Currency.unwrap(stakeCurrency)) return;
        if (committee.creditOf(address(this), currency) == 0) return;
        committee.withdrawCredit(currency, address(this));
    }
}
