// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Credits} from "./Credits.sol";
import {IModelMarket} from "./interfaces/IModelMarket.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {IPenalties} from "./interfaces/IPenalties.sol";
import {Attempts} from "./libraries/Attempts.sol";
import {Digests} from "./libraries/Digests.sol";
import {Seals} from "./libraries/Seals.sol";
import {ChallengeTerms} from "./types/Challenge.sol";
import {Committee} from "./types/Committee.sol";
import {Currency} from "./types/Currency.sol";
import {Status, StatusLibrary} from "./types/Status.sol";
import {AttemptProof, AttemptRecord, Opening, Request, State} from "./types/Trade.sol";

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
        AttemptProof calldata proof,
        Opening[] calldata openings
    ) external {
        (bytes32 tradeId, uint40 until, bool decided) =
            _requireEndedAttempt(request, judges, record, proof);
        if (block.timestamp > until) revert SealsWereDue(until);
        if (decided) revert UnknownAttempt(record.model); // the settlement opened its scores
        (Seals.Opened memory opened, uint32[] memory scores, bytes32[] memory salts) =
            Seals.open(tradeId, request.threshold, judges, record, openings);
        if (opened.seats == 0) revert NothingOpened();
        uint16 against = opened.seats & (opened.passing ^ record.verdicts);
        if (against != 0) revert ContradictsVerdict(against);
        settledSeals[tradeId][record.attempt] |= opened.seats;
        emit ScoresOpened(tradeId, record.attempt, opened.seats, scores, salts);
    }

    /// @inheritdoc IPenalties
    function penaliseClosedSeals(
        Request calldata request,
        Committee calldata judges,
        AttemptRecord calldata record,
        AttemptProof calldata proof
    ) external {
        _requireTime(request.windows.settlement);
        (bytes32 tradeId, uint40 until, bool decided) =
            _requireEndedAttempt(request, judges, record, proof);
        if (!decided && block.timestamp <= until) revert SealsStillDue(until);
        uint16 due = decided ? market.faultySeals(tradeId) : record.signers;
        uint16 closed = due & ~settledSeals[tradeId][record.attempt];
        if (closed == 0) revert NoClosedSeals(tradeId, record.attempt);
        settledSeals[tradeId][record.attempt] = record.signers;
        uint256 slashed = _slash(judges.members, closed, _terms.closedSealPenalty);
        emit ClosedSealsPenalised(tradeId, record.attempt, closed, msg.sender, slashed);

        uint256 reward = slashed * _terms.reporterBps / BASIS_POINTS;
        _award(tradeId, msg.sender, stakeCurrency, reward);
        // Paid to the buyer, it would return to a signer that agreed with the buyer on its fault.
        _award(tradeId, request.treasury, stakeCurrency, slashed - reward);
    }

    /// @inheritdoc IPenalties
    function penaliseSilence(Request calldata request, Committee calldata judges) external {
        _requireNamed(judges, request.committee);
        bytes32 tradeId = market.tradeIdOf(request);
        if (!market.statusOf(tradeId).has(StatusLibrary.UNJUDGED)) revert NotSilent(tradeId);
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

    /// @dev The market's digest of the trade holds the records of all its attempts.
    /// @return decided Whether this is the one that decided.
    function _requireAttempt(
        bytes32 tradeId,
        bytes32 judges,
        AttemptRecord calldata record,
        AttemptProof calldata proof
    ) internal view returns (bool decided) {
        bytes32 digest = Digests.gated(
            judges, proof.expertPool, proof.experts, proof.terms, proof.history
        );
        if (proof.deciding != 0) digest = Digests.decided(digest, proof.amounts, proof.deciding);
        bytes32 leaf = Digests.hash(record);
        decided = leaf == proof.deciding;
        if (
            digest != market.digestOf(tradeId)
                || !decided && !Attempts.holds(proof.history, record.attempt, leaf, proof.path)
        ) revert UnknownAttempt(record.model);
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
    /// @return until When the seals of earlier attempts are to be open.
    /// @return decided Whether this attempt decided the trade.
    function _requireEndedAttempt(
        Request calldata request,
        Committee calldata judges,
        AttemptRecord calldata record,
        AttemptProof calldata proof
    ) private view returns (bytes32 tradeId, uint40 until, bool decided) {
        _requireNamed(judges, request.committee);
        tradeId = market.tradeIdOf(request);
        Status status = market.statusOf(tradeId);
        if (status.state() < State.Settled) revert NotFinal(status.state());
        decided = _requireAttempt(tradeId, request.committee, record, proof);
        until = status.deadline();
    }

    function _fetch(Currency currency) internal override {
        if (Currency.unwrap(currency) != Currency.unwrap(stakeCurrency)) return;
        if (committee.creditOf(address(this), currency) == 0) return;
        committee.withdrawCredit(currency, address(this));
    }
}
