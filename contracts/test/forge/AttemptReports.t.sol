// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {Attempts} from "../../src/libraries/Attempts.sol";
import {Quorum} from "../../src/libraries/Quorum.sol";
import {StatusLibrary} from "../../src/types/Status.sol";
import {AttemptFinding, Gate, History, State} from "../../src/types/Trade.sol";
import {OneTrade} from "./market/OneTrade.sol";
import {Past} from "./market/Past.sol";
import {Trade} from "./market/Terms.sol";

/// @title Tests of the reports on attempts, by AttemptReports.tree
contract AttemptReportsTest is OneTrade {
    /// @dev What a test may change in a report of all three seats before it is sent.
    struct Draft {
        AttemptFinding finding;
        uint16 verdicts;
        bytes32[] seals;
        bytes32[3] path;
        bytes32 terms;
    }

    function setUp() public {
        _choose(true, false);
        _request();
        _accept();
        _report(1);
    }

    function testFuzz_KeepsTheDivisionAndOpensTheReview(uint8 pick, bool second) public {
        if (second) _attempt(ALL, 1);
        uint16 verdicts = [uint16(3), 5, 6, 7][pick % 4];
        _expectReport(verdicts);
        _attempt(ALL, verdicts);
        assertEq(uint8(t.verdict), uint8(State.Passed));
        _assertStands(State.Passed, _now() + requestOf(t).windows.review);
        _assertBooks(); // nobody is paid yet
    }

    function testFuzz_KeepsTheRecordAndOpensTheNextAttempt(uint8 pick) public {
        uint16 verdicts = [uint16(0), 1, 2, 4][pick % 4];
        _expectReport(verdicts);
        _attempt(ALL, verdicts);
        assertEq(uint8(t.verdict), 0);
        _assertStands(State.Gated, _now() + requestOf(t).windows.training + requestOf(t).windows.validation);
        _assertBooks();
    }

    function testFuzz_RejectsByTheLast(uint8 pick) public {
        _attempt(ALL, 0);
        uint16 signers = _quorum(pick);
        _attempt(signers, signers & 1);
        assertEq(uint8(t.verdict), uint8(State.Rejected));
        _assertStands(State.Rejected, _now() + requestOf(t).windows.review);
        _assertBooks();
    }

    // ------------------------------------------------------------------------ refusals

    function test_RefusesAfterTheDeadline() public {
        bytes memory call = _attemptCall(t, ALL, ALL, Flaw.None);
        vm.warp(uint256(t.deadline) + 1);
        _refuse(call, abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, t.deadline));
        vm.warp(t.deadline);
        _send(call);
    }

    function testFuzz_RefusesOtherTermsThanWereAgreed(bytes32 terms) public {
        vm.assume(terms != _terms(t));
        Draft memory d = _draft(ALL);
        d.terms = terms;
        bytes32 given = keccak256(
            abi.encode(committee, dealOf(t).expertPool, accountsIn(experts).length, terms, historyOf(t))
        );
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.AgreementMismatch.selector, given, t.digest));
    }

    function test_RefusesNoModel() public {
        Draft memory d = _draft(ALL);
        d.finding.model = 0;
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.NoModel.selector));
    }

    /// @dev By its lowest 32 bits.
    function testFuzz_RefusesAModelThatWasScoredBefore(uint224 highest) public {
        _attempt(ALL, 0);
        Draft memory d = _draft(ALL);
        uint256 lowest = uint32(uint256(_wordAt(t, "model", 1)));
        d.finding.model = bytes32(uint256(highest) << 32 | lowest);
        _refuseDraft(
            d, abi.encodeWithSelector(IModelMarket.ModelAlreadyScored.selector, d.finding.model)
        );
    }

    function testFuzz_RefusesVerdictsOfWhoDidNotSign(uint16 verdicts) public {
        vm.assume(verdicts > ALL);
        Draft memory d = _draft(ALL);
        d.verdicts = verdicts;
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.UnknownVerdicts.selector, verdicts, ALL));
    }

    function testFuzz_RefusesWhatNoQuorumSignedForIt(uint8 pick) public {
        Flaw flaw = Flaw(1 + pick % uint8(type(Flaw).max));
        bool one = flaw == Flaw.OneSigner;
        uint16 signers = one ? 4 : ALL;
        uint256 seat = flaw == Flaw.SeatTwice ? 1 : 0;
        _refuse(
            _attemptCall(t, signers, signers, flaw),
            one
                ? abi.encodeWithSelector(Quorum.QuorumNotReached.selector, 1, 2)
                : abi.encodeWithSelector(Quorum.BadSeatSignature.selector, seat, members[seat])
        );
    }

    function testFuzz_RefusesAnotherNumberOfSealsThanOfSigners(uint8 count) public {
        vm.assume(count != SEATS);
        Draft memory d = _draft(ALL);
        bytes memory signatures = _signDraft(d);
        d.seals = new bytes32[](count);
        _refuse(
            _callOf(d, signatures), abi.encodeWithSelector(IModelMarket.LengthMismatch.selector, count, SEATS)
        );
    }

    function testFuzz_RefusesAVerdictOrASealThatItsSignerDidNotSign(uint8 seat, bytes32 seal) public {
        seat %= uint8(SEATS);
        Draft memory d = _draft(ALL);
        vm.assume(seal != d.seals[seat]);
        bytes memory signatures = _signDraft(d);
        bytes memory reason =
            abi.encodeWithSelector(Quorum.BadSeatSignature.selector, seat, members[seat]);
        (d.seals[seat], seal) = (seal, d.seals[seat]);
        _refuse(_callOf(d, signatures), reason);
        d.seals[seat] = seal;
        d.verdicts ^= uint16(1 << seat);
        _refuse(_callOf(d, signatures), reason);
    }

    function test_RefusesAPassWithoutDelivery() public {
        Draft memory d = _draft(ALL);
        d.finding.delivery = 0;
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.InvalidDelivery.selector, true, 0));
    }

    function testFuzz_RefusesADeliveryWithoutAPass(bytes32 delivery) public {
        vm.assume(delivery != 0);
        Draft memory d = _draft(0);
        d.finding.delivery = delivery;
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.InvalidDelivery.selector, false, delivery));
    }

    function testFuzz_RefusesAnotherNumberOfAmountsThanOfExperts(uint8 count) public {
        Draft memory d = _draft(ALL);
        uint256 needed = d.finding.amounts.length;
        vm.assume(count != needed);
        d.finding.amounts = new uint128[](count);
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.LengthMismatch.selector, count, needed));
    }

    function testFuzz_RefusesAmountsWithoutAPass(uint8 count) public {
        vm.assume(count != 0);
        Draft memory d = _draft(0);
        d.finding.amounts = new uint128[](count);
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.LengthMismatch.selector, count, 0));
    }

    function testFuzz_RefusesADivisionOfAnotherSum(uint8 which, uint128 amount) public {
        Draft memory d = _draft(ALL);
        uint256 i = which % d.finding.amounts.length;
        vm.assume(amount != d.finding.amounts[i]);
        uint256 pool = dealOf(t).expertPool;
        uint256 sum = pool - d.finding.amounts[i] + amount;
        d.finding.amounts[i] = amount;
        _refuseDraft(d, abi.encodeWithSelector(IModelMarket.AllocationMismatch.selector, sum, pool));
    }

    /// @dev What decides needs no path.
    function testFuzz_RefusesAPathToAnotherLeaf(bytes32 beside, uint8 level) public {
        vm.assume(beside != 0);
        Draft memory d = _draft(0);
        d.path[level % 3] = beside;
        vm.expectPartialRevert(Attempts.WrongPath.selector);
        _send(_callOf(d, _signDraft(d)));
        Draft memory passes = _draft(ALL);
        passes.path[level % 3] = beside;
        _send(_callOf(passes, _signDraft(passes)));
    }

    function test_RefusesInAnyOtherState() public {
        _choose(true, false);
        t.experts = experts;
        bytes memory call = _attemptCall(t, ALL, ALL, Flaw.None);
        _refuseOutside(1 << uint8(State.Gated), State.Gated, address(this), call);
    }

    // ------------------------------------------------------------------------ silence

    function testFuzz_PaysExpertsOnRecordByWeight(uint8 delivered, bool second, address caller) public {
        if (second) _attempt(ALL, 0);
        delivered = 1 + delivered % 7;
        address[] memory chosen = accountsIn(experts);
        for (uint256 i = 0; i < chosen.length; ++i) {
            if (delivered & (1 << i) != 0) _deliver(chosen[i]);
        }
        _endUnjudged(caller);
        assertTrue(_status().has(StatusLibrary.UNJUDGED));
    }

    function test_PaysWhoJudgedSoFarAndRefundsTheRestWhereNobodyDeliveredAgain() public {
        _deliver(accountsIn(experts)[0]);
        _attempt(ALL, 0); // judged, so that delivery no longer counts
        t.recorded = 0;
        _endUnjudged(address(this));
        assertFalse(_status().has(StatusLibrary.UNJUDGED));
        (uint256 price,) = _price(t);
        uint256 fee = dealOf(t).oracleFee;
        assertEq(market.creditOf(requestOf(t).buyer, NATIVE), price - suppliesOf(t)[0].price - fee);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            assertEq(market.creditOf(members[seat], NATIVE), (fee + SEATS - 1 - seat) / SEATS);
        }
    }

    function testFuzz_TakesNobodysWordForADeliveryButAnExperts(address account) public {
        vm.assume(_bitOf(account) & experts == 0);
        vm.prank(account);
        market.recordDelivery(t.id, "an expert's work");
        _endUnjudged(address(this));
        assertGt(market.creditOf(members[0], NATIVE), 0);
    }

    function test_RefusesToEndItAtTheLastSecond() public {
        vm.warp(t.deadline);
        _refuse(
            _timeout(gateOf(t)),
            abi.encodeWithSelector(IModelMarket.DeadlineNotReached.selector, t.deadline)
        );
    }

    function testFuzz_RefusesToEndItOnOtherTerms(uint128 change) public {
        vm.assume(change != 0);
        Gate memory gate = gateOf(t);
        gate.dropped ^= change;
        _lapse();
        vm.expectPartialRevert(IModelMarket.AgreementMismatch.selector);
        _send(_timeout(gate));
    }

    function test_RefusesToEndItInAnyOtherState() public {
        _choose(true, false);
        bytes memory call = _timeout(gateOf(t));
        _refuseOutside(1 << uint8(State.Gated), State.Gated, address(this), call);
    }

    // ------------------------------------------------------------------------- private

    function _expectReport(uint16 verdicts) private {
        Draft memory d = _draft(verdicts);
        bytes memory signatures = _signDraft(d);
        vm.expectEmit(address(market));
        emit IModelMarket.AttemptReported(
            t.id, t.attempts + 1, d.finding, ALL, verdicts, d.seals, signatures
        );
    }

    function _draft(uint16 verdicts) private view returns (Draft memory d) {
        d.finding = attemptFindingOf(t, t.attempts + 1, 2 * _ones(verdicts) > SEATS);
        d.verdicts = verdicts;
        d.seals = sealsOf(t, t.attempts + 1, ALL, verdicts);
        d.path = Past.path(t.records, t.attempts);
        d.terms = _terms(t);
    }

    function _signDraft(Draft memory d) private view returns (bytes memory) {
        return _signAttempt(t, t.attempts + 1, d.finding, ALL, d.verdicts, d.seals, Flaw.None);
    }

    function _callOf(Draft memory d, bytes memory signatures) private view returns (bytes memory) {
        uint128 pool = dealOf(t).expertPool;
        uint256 count = accountsIn(t.experts).length;
        History memory history = historyOf(t);
        return abi.encodeCall(
            market.reportAttempt,
            (t.id, d.terms, pool, count, history, d.path, d.finding, judges(), ALL, d.verdicts, d.seals, signatures)
        );
    }

    /// @dev Signed by all, and wrong.
    function _refuseDraft(Draft memory d, bytes memory reason) private {
        _refuse(_callOf(d, _signDraft(d)), reason);
    }

    function _deliver(address expert) private {
        vm.prank(expert);
        market.recordDelivery(t.id, "an expert's work");
        t.recorded |= _bitOf(expert);
    }

    function _endUnjudged(address caller) private {
        _lapse();
        bytes memory call = _timeout(gateOf(t));
        vm.expectEmit(address(market));
        emit IModelMarket.TradeEnded(t.id, State.Refunded);
        vm.prank(caller);
        _send(call);
        Trade memory m = t;
        _bookSilence(m);
        t = m;
        _assertEnded(State.Refunded);
    }

    function _timeout(Gate memory gate) private view returns (bytes memory) {
        return abi.encodeCall(market.timeoutTraining, (t.id, dealOf(t), gate, judges()));
    }
}
