// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {Seals} from "../../src/libraries/Seals.sol";
import {Signatures} from "../../src/libraries/Signatures.sol";
import {StatusLibrary} from "../../src/types/Status.sol";
import {AttemptRecord, AuditFinding, Opening, State} from "../../src/types/Trade.sol";
import {OneTrade} from "./market/OneTrade.sol";

/// @title Tests of what happens to a verdict before it is settled, by Verdicts.tree
contract VerdictsTest is OneTrade {
    uint256 private constant DECIDED =
        1 << uint8(State.Passed) | 1 << uint8(State.Rejected) | 1 << uint8(State.Disputed);

    function setUp() public {
        _choose(true, false);
        _advance(State.Passed);
    }

    // -------------------------------------------------------------------------- audit

    function testFuzz_KeepsItsJudgementOfAVerdictOrADispute(uint8 pick, bool approved, bool inPerson) public {
        _restart([State.Passed, State.Rejected, State.Disputed][pick % 3]);
        address auditor = requestOf(t).auditor;
        AuditFinding memory audit = _audit(approved);
        if (inPerson) audit.signature = "";
        uint40 deadline = _status().deadline();
        vm.expectEmit(address(market));
        emit IModelMarket.AuditAttested(t.id, auditor, REPORT, approved);
        if (inPerson) vm.prank(auditor);
        _send(_attest(audit));
        _assertStands([State.Passed, State.Rejected, State.Disputed][pick % 3], deadline);
        assertTrue(_status().has(StatusLibrary.AUDITED));
        assertEq(_status().has(StatusLibrary.APPROVED), approved);
    }

    function testFuzz_RefusesOthersWithoutItsSignature(address caller, bool approved) public {
        address auditor = requestOf(t).auditor;
        vm.assume(caller != auditor);
        vm.prank(caller);
        _refuse(
            _attest(AuditFinding(REPORT, approved, "")),
            abi.encodeWithSelector(Signatures.BadSignature.selector, auditor)
        );
    }

    /// @dev Also where the auditor itself sends it.
    function testFuzz_RefusesWhatItSignedForTheOtherJudgement(bool approved, bool inPerson) public {
        address auditor = requestOf(t).auditor;
        AuditFinding memory audit = _audit(approved);
        audit.approved = !approved;
        if (inPerson) vm.prank(auditor);
        _refuse(_attest(audit), abi.encodeWithSelector(Signatures.BadSignature.selector, auditor));
    }

    /// @dev A signature given away before the verdict says nothing about another attempt.
    function testFuzz_RefusesWhatItSignedForAnotherAttempt(bytes32 other, bool inPerson) public {
        bytes32 record = _recordHash(t);
        vm.assume(other != record);
        address auditor = requestOf(t).auditor;
        AuditFinding memory audit = AuditFinding(REPORT, true, _signAudit(t, other, REPORT, true));
        if (inPerson) vm.prank(auditor);
        _refuse(_attest(audit), abi.encodeWithSelector(Signatures.BadSignature.selector, auditor));
    }

    function testFuzz_RefusesASecondReport(bool first, bool second) public {
        _send(_attest(_audit(first)));
        _refuse(
            _attest(_audit(second)), abi.encodeWithSelector(IModelMarket.AlreadyAttested.selector)
        );
        assertEq(_status().has(StatusLibrary.APPROVED), first);
    }

    function testFuzz_RefusesOtherTermsThanWereAgreed(bytes32 other) public {
        bytes32 record = _recordHash(t);
        vm.assume(other != record);
        bytes32 given = keccak256(abi.encode(_gated(t), _amountsHash(t), other));
        _refuse(
            abi.encodeCall(
                market.attestAudit,
                (t.id, dealOf(t), gateOf(t), committee, _amountsHash(t), other, _audit(true))
            ),
            abi.encodeWithSelector(IModelMarket.AgreementMismatch.selector, given, t.digest)
        );
    }

    function test_RefusesAReportInAnyOtherState() public {
        _choose(true, false);
        bytes memory call = _attest(_audit(true));
        _refuseOutside(DECIDED, State.Passed, address(this), call);
    }

    // ------------------------------------------------------------------------- scores

    function test_RefusesScoresBeforeTheReviewIsOver() public {
        bytes memory call = _open(recordOf(t), openingsOf(t, 1, ALL, ALL, ALL));
        vm.warp(t.deadline);
        _refuse(call, abi.encodeWithSelector(IModelMarket.DeadlineNotReached.selector, t.deadline));
        vm.warp(uint256(t.deadline) + 1);
        _send(call);
    }

    function test_RefusesScoresOfADisputedTrade() public {
        market.dispute(t.id);
        _lapse(); // over, and not resumed
        _refuse(
            _open(recordOf(t), openingsOf(t, 1, ALL, ALL, ALL)),
            abi.encodeWithSelector(IModelMarket.WrongState.selector, State.Disputed, State.Passed)
        );
    }

    function testFuzz_TellsThemAndCountsThemInTheSettlement(uint16 early) public {
        early &= ALL;
        vm.assume(early != 0);
        Opening[] memory openings = openingsOf(t, 1, ALL, ALL, early);
        uint32[] memory scores = new uint32[](SEATS);
        bytes32[] memory salts = new bytes32[](SEATS);
        for (uint256 i = 0; i < SEATS; ++i) {
            (scores[i], salts[i]) = (openings[i].score, openings[i].salt);
        }
        _lapse();
        vm.expectEmit(address(market));
        emit IModelMarket.ScoresOpened(t.id, 1, early, scores, salts);
        _send(_open(recordOf(t), openings));
        _assertStands(State.Passed, t.deadline);
        t.opened = early;
        AuditFinding memory none;
        assertEq(uint8(_settle(ALL & ~early, none)), uint8(State.Settled));
        _assertEnded(State.Settled); // with every judge paid
    }

    function test_RefusesToOpenNothing() public {
        bytes memory call = _open(recordOf(t), new Opening[](SEATS));
        _lapse();
        _refuse(call, abi.encodeWithSelector(IModelMarket.NothingOpened.selector));
    }

    function testFuzz_RefusesAnotherScoreThanWasSealed(uint8 which, uint32 score) public {
        which %= uint8(SEATS);
        Opening[] memory openings = openingsOf(t, 1, ALL, ALL, ALL);
        vm.assume(score != openings[which].score);
        openings[which].score = score;
        bytes memory call = _open(recordOf(t), openings);
        _lapse();
        _refuse(call, abi.encodeWithSelector(Seals.SealMismatch.selector, which));
    }

    function testFuzz_RefusesAnotherAttemptThanTheOneThatDecided(uint8 attempt) public {
        vm.assume(attempt != t.attempts);
        AttemptRecord memory record = recordOf(t);
        record.attempt = attempt;
        vm.expectPartialRevert(IModelMarket.AgreementMismatch.selector);
        _send(_open(record, new Opening[](SEATS)));
    }

    function test_RefusesScoresInAnyOtherState() public {
        _choose(true, false);
        bytes memory call = _open(recordOf(t), openingsOf(t, 1, ALL, ALL, ALL));
        _refuseOutside(DECIDED, State.Passed, address(this), call);
    }

    // ------------------------------------------------------------------------ dispute

    function testFuzz_PutsTheSettlementOffByTheRulingWindow(bool passed, uint24 late) public {
        _restart(passed ? State.Passed : State.Rejected);
        skip(late % (requestOf(t).windows.review + 1));
        uint40 until = t.deadline + 1 hours;
        vm.expectEmit(address(market));
        emit IModelMarket.TradeDisputed(t.id, until);
        market.dispute(t.id);
        _assertStands(State.Disputed, until);
        assertTrue(_status().has(StatusLibrary.CHALLENGED));
        assertEq(_status().has(StatusLibrary.WAS_REJECTED), !passed);
    }

    function testFuzz_RefusesEveryoneButTheArbiter(address caller) public {
        vm.assume(caller != address(this));
        vm.prank(caller);
        _refuse(
            abi.encodeCall(market.dispute, (t.id)),
            abi.encodeWithSelector(IModelMarket.NotAllowed.selector, caller, this)
        );
    }

    function test_RefusesAfterTheReview() public {
        bytes memory call = abi.encodeCall(market.dispute, (t.id));
        vm.warp(uint256(t.deadline) + 1);
        _refuse(call, abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, t.deadline));
        vm.warp(t.deadline);
        _send(call);
    }

    function testFuzz_RefusesASecondDispute(bool overturned) public {
        market.dispute(t.id);
        market.rule(t.id, overturned);
        _refuse(
            abi.encodeCall(market.dispute, (t.id)),
            abi.encodeWithSelector(IModelMarket.AlreadyChallenged.selector)
        );
    }

    function test_RefusesADisputeInAnyOtherState() public {
        _choose(true, false);
        uint256 fit = 1 << uint8(State.Passed) | 1 << uint8(State.Rejected);
        bytes memory call = abi.encodeCall(market.dispute, (t.id));
        _refuseOutside(fit, State.Passed, address(this), call);
    }

    // ------------------------------------------------------------------------- ruling

    function testFuzz_ReturnsToTheVerdictForTheRestOfTheReview(bool passed, bool overturned, uint24 late)
        public
    {
        _restart(passed ? State.Passed : State.Rejected);
        market.dispute(t.id);
        skip(late % 3 hours);
        uint40 until = _now() < t.deadline ? t.deadline : _now();
        vm.expectEmit(address(market));
        emit IModelMarket.DisputeEnded(t.id, overturned, until);
        market.rule(t.id, overturned);
        _assertStands(t.verdict, until);
        assertEq(_status().has(StatusLibrary.OVERTURNED), overturned);
    }

    function testFuzz_LetsTheArbiterAloneRule(address caller, bool overturned) public {
        vm.assume(caller != address(this));
        market.dispute(t.id);
        vm.prank(caller);
        _refuse(
            abi.encodeCall(market.rule, (t.id, overturned)),
            abi.encodeWithSelector(IModelMarket.NotAllowed.selector, caller, this)
        );
    }

    function test_RefusesARulingInAnyOtherState() public {
        _choose(true, false);
        bytes memory call = abi.encodeCall(market.rule, (t.id, true));
        _refuseOutside(1 << uint8(State.Disputed), State.Disputed, address(this), call);
    }

    // ------------------------------------------------------------------------ silence

    function testFuzz_ResumesByACallOfAnyone(bool passed, address caller) public {
        _restart(passed ? State.Passed : State.Rejected);
        market.dispute(t.id);
        _lapse();
        vm.expectEmit(address(market));
        emit IModelMarket.DisputeEnded(t.id, false, _now());
        vm.prank(caller);
        market.resume(t.id);
        _assertStands(t.verdict, _now());
        assertFalse(_status().has(StatusLibrary.OVERTURNED));
    }

    function test_RefusesToResumeAtTheLastSecond() public {
        uint40 until = t.deadline + 1 hours;
        market.dispute(t.id);
        vm.warp(until);
        _refuse(
            abi.encodeCall(market.resume, (t.id)),
            abi.encodeWithSelector(IModelMarket.DeadlineNotReached.selector, until)
        );
    }

    function test_RefusesToResumeInAnyOtherState() public {
        _choose(true, false);
        bytes memory call = abi.encodeCall(market.resume, (t.id));
        _refuseOutside(1 << uint8(State.Disputed), State.Disputed, address(this), call);
    }

    // ------------------------------------------------------------------------ private

    /// @dev With another trade.
    function _restart(State state) private {
        _choose(true, false);
        _advance(state);
    }

    function _attest(AuditFinding memory audit) private view returns (bytes memory) {
        return abi.encodeCall(
            market.attestAudit,
            (t.id, dealOf(t), gateOf(t), committee, _amountsHash(t), _recordHash(t), audit)
        );
    }

    function _open(AttemptRecord memory record, Opening[] memory openings) private view returns (bytes memory) {
        return abi.encodeCall(
            market.openDecidingScores,
            (t.id, dealOf(t), gateOf(t), judges(), _amountsHash(t), record, openings)
        );
    }
}
