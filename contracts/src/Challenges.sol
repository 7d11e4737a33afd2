// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Penalties} from "./Penalties.sol";
import {IChallenges} from "./interfaces/IChallenges.sol";
import {IModelMarket} from "./interfaces/IModelMarket.sol";
import {IOracleCommittee} from "./interfaces/IOracleCommittee.sol";
import {Digests} from "./libraries/Digests.sol";
import {Payments} from "./libraries/Payments.sol";
import {Quorum} from "./libraries/Quorum.sol";
import {Challenge, ChallengeTerms} from "./types/Challenge.sol";
import {Committee} from "./types/Committee.sol";
import {Currency} from "./types/Currency.sol";
import {AttemptProof, AttemptRecord, Deal, Gate, Request, State} from "./types/Trade.sol";

/// @title Challenges
/// @dev For every currency:
///      balance + credit in the committee's contract >= open bonds + unclaimed credits.
contract Challenges is IChallenges, Penalties, EIP712 {
    bytes32 private constant RULING =
        keccak256("Ruling(bytes32 tradeId,uint32 panelVersion,bytes32 model,bytes32 evidence)");

    uint16 private constant MAX_ANNOUNCEMENT_DELAY = 10 minutes; // a small part of any sound review

    mapping(bytes32 tradeId => Challenge) private _challenges;

    /// @inheritdoc IChallenges
    mapping(bytes32 seal => uint40) public announcedAt;

    constructor(IModelMarket market_, IOracleCommittee committee_, ChallengeTerms memory terms_)
        EIP712("Challenges", "1")
        Penalties(market_, committee_, terms_)
    {
        if (terms_.rulingWindow != market_.rules().rulingWindow()) revert InvalidTerms();
        uint16 delay = terms_.announcementDelay;
        if (delay == 0 || delay > MAX_ANNOUNCEMENT_DELAY) revert InvalidTerms();
    }

    // --------------------------------------------------------------- challenges

    /// @inheritdoc IChallenges
    function announce(bytes32 seal) external {
        if (announcedAt[seal] != 0) revert AlreadyAnnounced(seal);
        announcedAt[seal] = uint40(block.timestamp);
        emit ChallengeAnnounced(seal);
    }

    /// @inheritdoc IChallenges
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
    ) external payable nonReentrant returns (bytes32 tradeId) {
        _requireNamed(judges, request.committee);
        _requireNamed(jury, request.panel);
        _requireFree(_seatsOf(jury.members, _one(msg.sender)));
        tradeId = market.tradeIdOf(request);
        _useAnnouncement(sealOf(tradeId, msg.sender, claim, salt));
        bool passed = market.statusOf(tradeId).state() == State.Passed;
        Challenge memory open = Challenge({
            challenger: msg.sender,
            deadline: uint40(block.timestamp) + _terms.rulingWindow,
            bond: _bondFor(deal, gate),
            mayNotUphold: _interested(request, jury.members)
                | _seatsOf(jury.members, judges.members),
            mayNotOverturn: passed
                ? _seatsOf(jury.members, _one(request.buyer))
                : _seatOf(jury.members, request.buyer)
        });
        // A rejection pays the experts nothing, whether it stands or falls.
        if (passed) open.mayNotUphold |= _seatsOf(jury.members, gate.experts);
        _challenges[tradeId] = open;
        _emitChallenged(tradeId, request.currency, claim, salt, open);
        // Refuses all but the first, and that out of its time.
        market.dispute(tradeId);
        _requireDecided(tradeId, request.committee, deal, gate, amounts, record);
        request.currency.pull(msg.sender, open.bond);
    }

    /// @inheritdoc IChallenges
    function uphold(
        Request calldata request,
        Committee calldata jury,
        bytes32 evidence,
        uint16 signers,
        bytes calldata signatures
    ) external {
        (bytes32 tradeId, Challenge memory open) = _close(request);
        _requireFree(signers & open.mayNotUphold);
        _requireRuling(request, tradeId, open, jury, 0, evidence, signers, signatures);
        market.rule(tradeId, false);
        emit VerdictUpheld(tradeId, evidence, signers, signatures);

        uint256 reward = open.bond * uint256(_terms.panelBps) / BASIS_POINTS;
        // Paid to who was kept waiting, it would return to a party that challenged its own trade.
        _award(tradeId, request.treasury, request.currency, open.bond - reward);
        _awardEvenly(tradeId, jury, signers, request.currency, reward);
    }

    /// @inheritdoc IChallenges
    function overturn(
        Request calldata request,
        Committee calldata judges,
        Committee calldata jury,
        AttemptRecord calldata record,
        AttemptProof calldata proof,
        bytes32 evidence,
        uint16 signers,
        bytes calldata signatures
    ) external {
        _requireNamed(judges, request.committee);
        if (record.model == 0) revert UnknownAttempt(0); // what a ruling that upholds names
        (bytes32 tradeId, Challenge memory open) = _close(request);
        _requireFree(signers & open.mayNotOverturn);
        _requireRuling(request, tradeId, open, jury, record.model, evidence, signers, signatures);
        _requireAttempt(tradeId, request.committee, record, proof);
        market.rule(tradeId, true);
        bool passed = market.statusOf(tradeId).state() == State.Passed;
        if (passed != (record.delivery != 0)) revert NotDecisive(record.model);

        uint16 wrong = passed ? record.verdicts : record.signers & ~record.verdicts;
        uint256 slashed = _slash(judges.members, wrong, _terms.wrongVerdictPenalty);
        emit VerdictOverturned(tradeId, record.model, evidence, slashed, signers, signatures);

        uint256 reward = slashed * _terms.challengerBps / BASIS_POINTS;
        _award(tradeId, open.challenger, request.currency, open.bond);
        _award(tradeId, open.challenger, stakeCurrency, reward);
        _awardEvenly(tradeId, jury, signers, stakeCurrency, slashed - reward);
    }

    /// @inheritdoc IChallenges
    function lapse(Request calldata request) external {
        (bytes32 tradeId, Challenge memory open) = _close(request);
        if (block.timestamp <= open.deadline) revert RulingPending(open.deadline);
        if (market.statusOf(tradeId).state() == State.Disputed) market.rule(tradeId, false);
        emit ChallengeLapsed(tradeId);
        _award(tradeId, open.challenger, request.currency, open.bond);
    }

    // -------------------------------------------------------------------- views

    /// @inheritdoc IChallenges
    function challengeOf(bytes32 tradeId) external view returns (Challenge memory) {
        return _challenges[tradeId];
    }

    /// @inheritdoc IChallenges
    function sealOf(bytes32 tradeId, address challenger, bytes32 claim, bytes32 salt)
        public
        view
        returns (bytes32)
    {
        return keccak256(abi.encode(block.chainid, address(this), tradeId, challenger, claim, salt));
    }

    /// @inheritdoc IChallenges
    function bondFor(uint128 value) public view returns (uint128) {
        uint256 bond = (uint256(value) * _terms.bondBps + BASIS_POINTS - 1) / BASIS_POINTS;
        // casting to uint128 is safe: at most the value
        return uint128(bond);
    }

    /// @inheritdoc IChallenges
    function rulingDigest(bytes32 tradeId, uint32 panelVersion, bytes32 model, bytes32 evidence)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(RULING, tradeId, panelVersion, model, evidence)));
    }

    // ------------------------------------------------------------------ private

    function _useAnnouncement(bytes32 seal) private {
        uint40 from = announcedAt[seal];
        if (from != 0) from += _terms.announcementDelay;
        if (from == 0 || block.timestamp < from) revert NotAnnounced(seal, from);
        delete announcedAt[seal];
    }

    /// @dev The budget would let a buyer, at no cost, price every challenge out.
    function _bondFor(Deal calldata deal, Gate calldata gate) private view returns (uint128) {
        // casting to uint128 is safe: at most the price, once deal and gate are proven
        return bondFor(uint128(Payments.escrowOf(deal, gate)));
    }

    /// @dev Takes the open challenge off the books, so that its bond is awarded once.
    function _close(Request calldata request)
        private
        returns (bytes32 tradeId, Challenge memory open)
    {
        tradeId = market.tradeIdOf(request);
        open = _challenges[tradeId];
        if (open.challenger == address(0)) revert NoChallenge(tradeId);
        delete _challenges[tradeId];
    }

    function _requireRuling(
        Request calldata request,
        bytes32 tradeId,
        Challenge memory open,
        Committee calldata jury,
        bytes32 model,
        bytes32 evidence,
        uint16 signers,
        bytes calldata signatures
    ) private view {
        if (block.timestamp > open.deadline) revert RulingTooLate(open.deadline);
        _requireNamed(jury, request.panel);
        bytes32 digest = rulingDigest(tradeId, jury.version, model, evidence);
        Quorum.verify(jury, signers, digest, signatures);
    }

    /// @dev Seats of those whom the request names: a verdict that stands may be worth something to
    ///      each of them.
    function _interested(Request calldata request, address[] calldata jury)
        private
        view
        returns (uint16)
    {
        address[] memory parties = new address[](4);
        (parties[0], parties[1]) = (request.buyer, request.broker);
        (parties[2], parties[3]) = (request.auditor, request.treasury);
        return _seatsOf(jury, parties);
    }

    /// @dev By the account alone. The buyer gains little where a rejection falls, and may have
    ///      joined a juror's group to keep that juror from letting it fall.
    function _seatOf(address[] calldata jury, address account) private pure returns (uint16) {
        for (uint256 seat = 0; seat < jury.length; ++seat) {
            if (jury[seat] == account) return uint16(1 << seat);
        }
        return 0;
    }

    function _one(address account) private pure returns (address[] memory accounts) {
        accounts = new address[](1);
        accounts[0] = account;
    }

    function _seatsOf(address[] calldata jury, address[] memory parties)
        private
        view
        returns (uint16)
    {
        return market.registry().seatsOf(jury, parties);
    }

    function _emitChallenged(
        bytes32 tradeId,
        Currency currency,
        bytes32 claim,
        bytes32 salt,
        Challenge memory open
    ) private {
        emit Challenged(
            tradeId,
            msg.sender,
            claim,
            salt,
            currency,
            open.bond,
            open.deadline,
            open.mayNotUphold,
            open.mayNotOverturn
        );
    }

    /// @dev The market's digest says who the experts are, and what the trade holds.
    function _requireDecided(
        bytes32 tradeId,
        bytes32 judges,
        Deal calldata deal,
        Gate calldata gate,
        bytes32 amounts,
        bytes32 record
    ) private view {
        bytes32 given = Digests.decided(Digests.gated(judges, deal, gate), amounts, record);
        bytes32 decided = market.digestOf(tradeId);
        if (given != decided) revert UnknownDecision(given, decided);
    }

    function _requireFree(uint16 conflicted) private pure {
        if (conflicted != 0) revert ConflictedJurors(conflicted);
    }

    /// @dev Equal parts for the signers, the units left over one each to the first seats.
    function _awardEvenly(
        bytes32 tradeId,
        Committee calldata jury,
        uint16 signers,
        Currency currency,
        uint256 amount
    ) private {
        uint256 count = Quorum.signerCount(signers);
        (uint256 share, uint256 extra) = (amount / count, amount % count);
        for (uint256 seat = 0; seat < jury.members.length; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            bool more = extra > 0;
            if (more) --extra;
            _award(tradeId, jury.members[seat], currency, more ? share + 1 : share);
        }
    }
}
