// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChallenges} from "../../src/interfaces/IChallenges.sol";
import {IPenalties} from "../../src/interfaces/IPenalties.sol";
import {Seals} from "../../src/libraries/Seals.sol";
import {Committee} from "../../src/types/Committee.sol";
import {StatusLibrary} from "../../src/types/Status.sol";
import {AttemptRecord, Opening, Request, State} from "../../src/types/Trade.sol";
import {JudgedTrade} from "./market/JudgedTrade.sol";

/// @title Tests of failed attempts before the deciding one, by EarlierAttempts.tree
contract EarlierAttemptsTest is JudgedTrade {
    function setUp() public {
        vm.warp(1_800_000_000);
        _deploy(NATIVE);
        _stakeAll();
    }

    // ---------------------------------------------------------------------- rulings

    function testFuzz_OverturnsARejectionByAnyOfItsAttempts(uint8 which) public {
        _fund();
        AttemptRecord[3] memory records = [_judge(7, 4), _judge(7, 0), _judge(7, 1)];
        uint256 bond = _challenge();
        AttemptRecord memory fallen = records[which % 3];
        _overturn(fallen, 3);
        uint256 slashed;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            bool wrong = fallen.verdicts & (1 << seat) == 0;
            assertEq(_staked(seat), wrong ? STAKE - WRONG_VERDICT : STAKE);
            if (wrong) slashed += WRONG_VERDICT;
        }
        assertEq(_credits(), bond + slashed);
        assertEq(uint8(_settle(records[2])), uint8(State.Refunded));
    }

    function test_RefusesToOverturnAPassByAFailedAttempt() public {
        _fund();
        AttemptRecord memory failed = _judge(7, 4);
        AttemptRecord memory passed = _judge(7, 3);
        _challenge();
        bytes memory signatures = _signRuling(_rulingDigest(tradeId, 1, failed.model, EVIDENCE), 3);
        vm.expectRevert(abi.encodeWithSelector(IChallenges.NotDecisive.selector, failed.model));
        _overturn(failed, 3, signatures);
        _overturn(passed, 3);
        assertTrue(market.statusOf(tradeId).has(StatusLibrary.OVERTURNED));
    }

    // ---------------------------------------------------------------- opening scores

    function testFuzz_KeepsWhoOpenedWhich(uint8 pick, uint8 verdicts, uint8 open) public {
        uint16 signers = _quorum(pick);
        AttemptRecord memory failed = _ended(signers, _failing(signers, verdicts));
        uint16 seats = open & signers;
        vm.assume(seats != 0);
        Opening[] memory openings = _openings(failed, seats);
        _expectOpened(failed, seats, openings);
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
        assertEq(challenges.settledSeals(tradeId, 1), seats);
        assertEq(challenges.settledSeals(tradeId, 2), 0);
    }

    function test_OpensThemInCallsOfTheirOwn() public {
        AttemptRecord memory failed = _ended(7, 4);
        uint16 all;
        for (uint16 bit = 4; bit != 0; bit >>= 1) {
            challenges.openScores(request, judges(), failed, _proof(failed), _openings(failed, bit));
            all |= bit;
            assertEq(challenges.settledSeals(tradeId, 1), all);
        }
    }

    function test_OpensThemForATradeThatTimedOut() public {
        _fund();
        AttemptRecord memory failed = _judge(7, 4);
        _leaveUnjudged(0);
        challenges.openScores(request, judges(), failed, _proof(failed), _openings(failed, 7));
        assertEq(challenges.settledSeals(tradeId, 1), 7);
    }

    function test_RefusesBeforeTheTradeHasEnded() public {
        _fund();
        AttemptRecord memory failed = _judge(7, 4);
        Opening[] memory openings = _openings(failed, 7);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.NotFinal.selector, State.Gated));
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
        _judge(7, 3);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.NotFinal.selector, State.Passed));
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.NotFinal.selector, State.Passed));
        challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
    }

    function testFuzz_RefusesAfterTheTimeToOpenIsOver(uint32 late) public {
        AttemptRecord memory failed = _ended(7, 4);
        uint40 until = _deadline();
        vm.warp(uint256(until) + 1 + late);
        Opening[] memory openings = _openings(failed, 7);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.SealsWereDue.selector, until));
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
        vm.warp(until);
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
    }

    function testFuzz_RefusesAnotherNumberOfOpeningsThanOfSeals(uint8 count) public {
        AttemptRecord memory failed = _ended(7, 4);
        vm.assume(count != 3);
        vm.expectRevert(abi.encodeWithSelector(Seals.OpeningsMismatch.selector, count, 3));
        challenges.openScores(request, judges(), failed, _proof(failed), new Opening[](count));
    }

    function testFuzz_RefusesAnotherScoreOrSaltThanWasSealed(uint8 seat, uint32 score, bytes32 salt) public {
        AttemptRecord memory failed = _ended(7, 4);
        seat = uint8(bound(seat, 0, SEATS - 1));
        Opening[] memory openings = _openings(failed, uint16(1 << seat));
        vm.assume(salt != 0 && (score != openings[seat].score || salt != openings[seat].salt));
        bytes memory refusal = abi.encodeWithSelector(Seals.SealMismatch.selector, seat);
        openings[seat] = Opening(score, salt);
        vm.expectRevert(refusal);
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
        openings = _openings(failed, 7);
        (openings[seat], openings[(seat + 1) % SEATS]) = (openings[(seat + 1) % SEATS], openings[seat]);
        vm.expectPartialRevert(Seals.SealMismatch.selector); // another signer's
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
    }

    function testFuzz_RefusesAScoreThatContradictsItsVerdict(uint8 seat, bool saidPass) public {
        seat = uint8(bound(seat, 0, SEATS - 1));
        twoFaced = uint16(1 << seat);
        AttemptRecord memory failed = _ended(7, saidPass ? twoFaced : 0);
        Opening[] memory openings = _openings(failed, 7);
        vm.expectRevert(
            abi.encodeWithSelector(IPenalties.ContradictsVerdict.selector, twoFaced)
        );
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
        openings = _openings(failed, 7 & ~twoFaced);
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
        vm.warp(_deadline() + 1);
        challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
        assertEq(_staked(seat), STAKE - CLOSED_SEAL); // no way to put it right
    }

    function test_RefusesToOpenNothing() public {
        AttemptRecord memory failed = _ended(7, 4);
        vm.expectRevert(IPenalties.NothingOpened.selector);
        challenges.openScores(request, judges(), failed, _proof(failed), new Opening[](3));
    }

    function testFuzz_RefusesAnotherCommitteeThanThatOfTheRequest(uint32 version) public {
        vm.assume(version != 1);
        AttemptRecord memory failed = _ended(7, 4);
        Opening[] memory openings = _openings(failed, 7);
        Committee memory other = Committee(version, 2, members);
        bytes32 given = keccak256(abi.encode(other));
        bytes memory refusal =
            abi.encodeWithSelector(IPenalties.CommitteeMismatch.selector, given, request.committee);
        vm.expectRevert(refusal);
        challenges.openScores(request, other, failed, _proof(failed), openings);
        vm.expectRevert(refusal);
        challenges.penaliseClosedSeals(request, other, failed, _proof(failed));
    }

    function test_RefusesAnAttemptThatWasNotReportedOrDecided() public {
        _fund();
        AttemptRecord memory failed = _judge(7, 4);
        AttemptRecord memory passed = _judge(7, 3);
        _settle(passed);
        Opening[] memory openings = _openings(passed, 7);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.UnknownAttempt.selector, passed.model));
        challenges.openScores(request, judges(), passed, _proof(passed), openings); // the settlement opened those
        vm.expectRevert(abi.encodeWithSelector(IPenalties.NoClosedSeals.selector, tradeId, passed.attempt));
        challenges.penaliseClosedSeals(request, judges(), passed, _proof(passed));
        failed.verdicts = 0;
        openings = _openings(failed, 7);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.UnknownAttempt.selector, failed.model));
        challenges.openScores(request, judges(), failed, _proof(failed), openings);
    }

    // ----------------------------------------------------------------- closed seals

    function testFuzz_CostsTheirSignersAndPaysReporterAndTreasury(uint8 pick, uint8 open) public {
        uint16 signers = _quorum(pick);
        AttemptRecord memory failed = _ended(signers, 0);
        uint16 closed = signers & ~uint16(open);
        vm.assume(closed != 0);
        if (closed != signers) {
            challenges.openScores(request, judges(), failed, _proof(failed), _openings(failed, signers & open));
        }
        vm.warp(_deadline() + 1);
        uint256 slashed = _ones(closed) * CLOSED_SEAL;
        uint256 reward = slashed * 2_500 / 10_000;
        vm.expectEmit(address(challenges));
        emit IPenalties.ClosedSealsPenalised(tradeId, 1, closed, address(this), slashed);
        _expectAward(address(this), reward);
        _expectAward(request.treasury, slashed - reward);
        challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            assertEq(_staked(seat), closed & (1 << seat) != 0 ? STAKE - CLOSED_SEAL : STAKE);
        }
        assertEq(_credits(), slashed);
        assertEq(_held(), slashed);
        assertEq(challenges.settledSeals(tradeId, 1), signers);
    }

    function testFuzz_CostsTheSignersWhoseSealWasFaultyAtTheSettlement(uint16 open, uint16 against) public {
        (open, twoFaced) = (open & 7, against & 7);
        _fund();
        AttemptRecord memory passed = _judge(7, 7);
        _settle(passed, open);
        uint16 faulty = 7 & ~open | open & twoFaced;
        assertEq(market.faultySeals(tradeId), faulty);
        if (faulty == 0) {
            vm.expectRevert(abi.encodeWithSelector(IPenalties.NoClosedSeals.selector, tradeId, 1));
        }
        challenges.penaliseClosedSeals(request, judges(), passed, _proof(passed));
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            assertEq(_staked(seat), faulty & (1 << seat) != 0 ? STAKE - CLOSED_SEAL : STAKE);
        }
        assertEq(challenges.settledSeals(tradeId, 1), faulty == 0 ? 0 : 7);
    }

    function testFuzz_RefusesBeforeTheTimeToOpenIsOver(uint32 early) public {
        AttemptRecord memory failed = _ended(7, 4);
        uint40 until = _deadline();
        vm.warp(until - early % request.windows.settlement);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.SealsStillDue.selector, until));
        challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
    }

    function testFuzz_RefusesWhereAllAreOpenOrPaidFor(bool opened) public {
        AttemptRecord memory failed = _ended(7, 4);
        if (opened) challenges.openScores(request, judges(), failed, _proof(failed), _openings(failed, 7));
        vm.warp(_deadline() + 1);
        if (!opened) challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
        vm.expectRevert(abi.encodeWithSelector(IPenalties.NoClosedSeals.selector, tradeId, 1));
        challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
    }

    function testFuzz_ExcusesSignersWithTooLittleTime(uint24 settlement) public {
        settlement = uint24(bound(settlement, 10 minutes, 2 * LEAST_WINDOW));
        Request memory r = _requestOf(NATIVE);
        r.windows.settlement = settlement;
        _fund(r);
        AttemptRecord memory failed = _judge(7, 4);
        _settle(_judge(7, 3));
        vm.warp(_deadline() + 1);
        if (settlement < LEAST_WINDOW) {
            vm.expectRevert(
                abi.encodeWithSelector(IPenalties.WindowTooShort.selector, settlement, LEAST_WINDOW)
            );
        }
        challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
        assertEq(_held(), settlement < LEAST_WINDOW ? 0 : 3 * CLOSED_SEAL);
    }

    function testFuzz_RefusesAnAttemptThatWasNotReported(uint8 pick, uint16 change) public {
        vm.assume(change != 0);
        AttemptRecord memory failed = _ended(7, 4);
        pick %= 4;
        if (pick == 0) failed.attempt ^= uint8(1 + change % 255);
        if (pick == 1) failed.model ^= bytes32(uint256(change));
        if (pick == 2) failed.signers ^= change;
        if (pick == 3) failed.verdicts ^= change;
        vm.warp(_deadline() + 1);
        vm.expectRevert(abi.encodeWithSelector(IPenalties.UnknownAttempt.selector, failed.model));
        challenges.penaliseClosedSeals(request, judges(), failed, _proof(failed));
    }

    // ---------------------------------------------------------------------- private

    /// @dev Fails once, passes, and is settled.
    function _ended(uint16 signers, uint16 verdicts) private returns (AttemptRecord memory failed) {
        _fund();
        failed = _judge(signers, verdicts);
        uint16 sealedFalsely = twoFaced;
        twoFaced = 0;
        _settle(_judge(7, 3));
        twoFaced = sealedFalsely;
    }

    /// @dev As many of them as don't make it a pass.
    function _failing(uint16 signers, uint16 verdicts) private pure returns (uint16) {
        verdicts &= signers;
        return 2 * _ones(verdicts) > _ones(signers) ? 0 : verdicts;
    }

    function _expectOpened(AttemptRecord memory record, uint16 seats, Opening[] memory openings) private {
        uint32[] memory scores = new uint32[](openings.length);
        bytes32[] memory salts = new bytes32[](openings.length);
        for (uint256 i = 0; i < openings.length; ++i) {
            (scores[i], salts[i]) = (openings[i].score, openings[i].salt);
        }
        vm.expectEmit(address(challenges));
        emit IPenalties.ScoresOpened(tradeId, record.attempt, seats, scores, salts);
    }

    function _expectAward(address account, uint256 amount) private {
        vm.expectEmit(address(challenges));
        emit IPenalties.Awarded(tradeId, account, NATIVE, amount);
    }
}
