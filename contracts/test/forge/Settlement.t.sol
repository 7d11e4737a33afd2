// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ILedger} from "../../src/interfaces/ILedger.sol";
import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {Seals} from "../../src/libraries/Seals.sol";
import {Signatures} from "../../src/libraries/Signatures.sol";
import {
    AttemptFinding,
    AttemptRecord,
    AuditFinding,
    Deal,
    Gate,
    History,
    Opening,
    Payment,
    Purpose,
    State
} from "../../src/types/Trade.sol";
import {OneTrade} from "./market/OneTrade.sol";
import {Trade} from "./market/Terms.sol";

/// @title Tests of settlements, by Settlement.tree
contract SettlementTest is OneTrade {
    function setUp() public {
        _choose(true, false);
        _advance(State.Passed);
        _lapse();
    }

    // ------------------------------------------------------------------- it stands

    function test_PaysEveryoneAndGivesTheBuyerTheRest() public {
        Deal memory deal = dealOf(t);
        uint128[] memory amounts = attemptFindingOf(t, 1, true).amounts;
        Payment[] memory list = new Payment[](8);
        uint256 count;
        for (uint256 i = 0; i < amounts.length; ++i) {
            if (amounts[i] == 0) continue;
            list[count++] = Payment(accountsIn(experts)[i], amounts[i], Purpose.Expert);
        }
        list[count++] = Payment(deal.broker, deal.brokerFee, Purpose.Broker);
        list[count++] = Payment(deal.treasury, deal.protocolFee, Purpose.Protocol);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            uint128 share = uint128((deal.oracleFee + 2 - seat) / 3); // the first gets what is left over
            list[count++] = Payment(members[seat], share, Purpose.Oracle);
        }
        assembly ("memory-safe") {
            mstore(list, count)
        }
        vm.expectEmit(address(market));
        emit ILedger.Credited(t.id, NATIVE, list);
        vm.expectEmit(address(market));
        emit ILedger.Refunded(t.id, deal.buyer, NATIVE, uint256(gateOf(t).dropped) + deal.auditorFee);
        vm.expectEmit(address(market));
        emit IModelMarket.TradeEnded(t.id, State.Settled);
        assertEq(uint8(_settle()), uint8(State.Settled));
        _assertEnded(State.Settled);
    }

    function test_PaysInTokensLikewise() public {
        _choose(false, false);
        _advance(State.Settled);
        _assertEnded(State.Settled);
    }

    function testFuzz_PaysTheAuditorWhoseReportComesAlong(bool approved) public {
        address auditor = requestOf(t).auditor;
        vm.expectEmit(address(market));
        emit IModelMarket.AuditAttested(t.id, auditor, REPORT, approved);
        // whose refusal decides nothing here
        assertEq(uint8(_settle(ALL, _audit(approved))), uint8(State.Settled));
        _assertEnded(State.Settled);
        assertEq(market.creditOf(auditor, NATIVE), dealOf(t).auditorFee);
    }

    function test_RefundsAPassThatANeededApprovalIsRefused() public {
        _passWithApproval();
        assertEq(uint8(_settle(ALL, _audit(false))), uint8(State.Refunded));
        _assertEnded(State.Refunded);
        Deal memory deal = dealOf(t);
        assertEq(
            market.creditOf(deal.buyer, NATIVE),
            uint256(deal.expertPool) + deal.brokerFee + deal.protocolFee + gateOf(t).dropped
        );
    }

    function test_PaysForAPassThatHasTheNeededApproval() public {
        _passWithApproval();
        assertEq(uint8(_settle(ALL, _audit(true))), uint8(State.Settled));
        _assertEnded(State.Settled);
    }

    function test_PaysOnlyWhoWorkedWhereANeededApprovalDoesNotCome() public {
        _passWithApproval();
        AuditFinding memory none;
        assertEq(uint8(_settle(ALL, none)), uint8(State.Refunded));
        _assertEnded(State.Refunded);
        Deal memory deal = dealOf(t);
        uint256 rest = uint256(deal.brokerFee) + deal.protocolFee + deal.auditorFee;
        assertEq(market.creditOf(deal.buyer, NATIVE), rest + gateOf(t).dropped);
    }

    function testFuzz_PaysTheJudgesOfARejectionAndRefundsTheRest(bool audited, bool approved) public {
        _choose(true, false); // another
        _advance(State.Rejected);
        _lapse();
        AuditFinding memory audit;
        if (audited) audit = _audit(approved);
        assertEq(uint8(_settle(ALL, audit)), uint8(State.Failed));
        _assertEnded(State.Failed);
    }

    // ------------------------------------------------------------------------- it falls

    function testFuzz_RefundsAnOverturnedVerdictAndPaysNoJudge(bool passed, bool audited) public {
        _choose(true, false); // another
        _advance(passed ? State.Passed : State.Rejected);
        market.dispute(t.id);
        market.rule(t.id, true);
        t.overturned = true;
        _lapse();
        AuditFinding memory audit;
        if (audited) audit = _audit(true);
        assertEq(uint8(_settle(ALL, audit)), uint8(State.Refunded));
        _assertEnded(State.Refunded);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            assertEq(market.creditOf(members[seat], NATIVE), 0);
        }
    }

    /// @dev Two seats of three sealed scores that fail a model which they let pass.
    function test_RefundsAVerdictThatItsOwnScoresContradict() public {
        _choose(true, false); // another
        _advance(State.Gated);
        uint16 honest = 4;
        AttemptFinding memory f = attemptFindingOf(t, 1, true);
        bytes32[] memory seals = sealsOf(t, 1, ALL, honest);
        bytes memory signatures = _signAttempt(t, 1, f, ALL, ALL, seals, Flaw.None);
        History memory none;
        bytes32[3] memory path;
        (bytes32 terms, uint128 pool) = (_terms(t), dealOf(t).expertPool);
        market.reportAttempt(t.id, terms, pool, 3, none, path, f, judges(), ALL, ALL, seals, signatures);
        (t.attempts, t.signers, t.verdicts, t.verdict) = (1, ALL, ALL, State.Passed);
        AttemptRecord memory record = recordOf(t);
        record.seals = seals;
        t.digest = market.digestOf(t.id);
        Opening[] memory openings = openingsOf(t, 1, ALL, honest, ALL);
        AuditFinding memory audit;
        _lapse();
        market.settle(t.id, dealOf(t), gateOf(t), judges(), f.amounts, record, openings, audit);
        Trade memory m = t;
        m.overturned = true; // as if
        assertEq(uint8(_bookSettlement(m, ALL)), uint8(State.Refunded));
        t = m;
        _assertEnded(State.Refunded);
    }

    // ------------------------------------------------------------------------- closed

    function testFuzz_WaitsForThemToBeOpened(uint16 open, uint16 early) public {
        (open, early) = (open & ALL, early & ALL);
        uint16 closed = ALL & ~(open | early);
        vm.assume(closed != 0);
        if (early != 0) _openEarly(early);
        uint256 until = uint256(t.deadline) + requestOf(t).windows.settlement;
        AuditFinding memory none;
        bytes memory call = _settleCall(t, open, none);
        vm.warp(until);
        _refuse(call, abi.encodeWithSelector(IModelMarket.SealsClosed.selector, closed, until));
    }

    function testFuzz_ThenPaysAllButTheirSigners(uint16 open, uint16 early) public {
        (open, early) = (open & ALL, early & ALL);
        if (early != 0) _openEarly(early);
        vm.warp(uint256(t.deadline) + requestOf(t).windows.settlement + 1);
        AuditFinding memory none;
        assertEq(uint8(_settle(open, none)), uint8(State.Settled));
        _assertEnded(State.Settled);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            bool opened = (open | early) & (1 << seat) != 0;
            assertEq(market.creditOf(members[seat], NATIVE) != 0, opened);
        }
        assertEq(market.faultySeals(t.id), ALL & ~(open | early));
    }

    // ----------------------------------------------------------------------- refusals

    function test_RefusesBeforeTheReviewIsOver() public {
        AuditFinding memory none;
        bytes memory call = _settleCall(t, ALL, none);
        vm.warp(t.deadline);
        _refuse(call, abi.encodeWithSelector(IModelMarket.DeadlineNotReached.selector, t.deadline));
    }

    function test_RefusesADisputedTrade() public {
        vm.warp(t.deadline);
        market.dispute(t.id);
        _lapse(); // over, and not resumed
        AuditFinding memory none;
        _refuse(
            _settleCall(t, ALL, none),
            abi.encodeWithSelector(IModelMarket.WrongState.selector, State.Disputed, State.Passed)
        );
    }

    function testFuzz_RefusesOtherTermsThanWereAgreed(uint8 which, uint32 change) public {
        vm.assume(change != 0);
        Deal memory deal = dealOf(t);
        Gate memory gate = gateOf(t);
        uint128[] memory amounts = attemptFindingOf(t, 1, true).amounts;
        AttemptRecord memory record = recordOf(t);
        Opening[] memory openings = openingsOf(t, 1, ALL, ALL, ALL);
        AuditFinding memory none;
        which %= 6;
        if (which == 0) deal.buyer = address(uint160(deal.buyer) ^ change);
        if (which == 1) gate.dropped ^= change;
        if (which == 2) gate.weights[0] ^= change;
        if (which == 3) amounts[0] ^= change;
        if (which == 4) record.seals[0] ^= bytes32(uint256(change));
        if (which == 5) gate.history.models ^= change;
        vm.expectPartialRevert(IModelMarket.AgreementMismatch.selector);
        market.settle(t.id, deal, gate, judges(), amounts, record, openings, none);
    }

    function testFuzz_RefusesAnotherNumberOfOpeningsThanOfSeals(uint8 count) public {
        vm.assume(count != SEATS);
        uint128[] memory amounts = attemptFindingOf(t, 1, true).amounts;
        AuditFinding memory none;
        vm.expectRevert(abi.encodeWithSelector(Seals.OpeningsMismatch.selector, count, SEATS));
        market.settle(
            t.id, dealOf(t), gateOf(t), judges(), amounts, recordOf(t), new Opening[](count), none
        );
    }

    function testFuzz_RefusesAnAuditThatTheAuditorDidNotSign(bool approved) public {
        AuditFinding memory audit = _audit(approved);
        audit.report = keccak256("another report");
        _refuse(
            _settleCall(t, ALL, audit),
            abi.encodeWithSelector(Signatures.BadSignature.selector, requestOf(t).auditor)
        );
    }

    function test_RefusesASecondAudit() public {
        vm.prank(requestOf(t).auditor);
        market.attestAudit(
            t.id,
            dealOf(t),
            gateOf(t),
            committee,
            _amountsHash(t),
            _recordHash(t),
            AuditFinding(REPORT, true, "")
        );
        _refuse(
            _settleCall(t, ALL, _audit(true)),
            abi.encodeWithSelector(IModelMarket.AlreadyAttested.selector)
        );
    }

    function test_RefusesInAnyOtherState() public {
        AuditFinding memory none;
        _choose(true, false);
        bytes memory call = _settleCall(t, ALL, none);
        uint256 decided = 1 << uint8(State.Passed) | 1 << uint8(State.Rejected);
        _refuseOutside(decided | 1 << uint8(State.Disputed), State.Passed, address(this), call);
    }

    // ------------------------------------------------------------------------ private

    function _passWithApproval() private {
        _choose(true, true);
        _advance(State.Passed);
        _lapse();
    }

    function _openEarly(uint16 seats) private {
        Opening[] memory openings = openingsOf(t, 1, ALL, ALL, seats);
        market.openDecidingScores(
            t.id, dealOf(t), gateOf(t), judges(), _amountsHash(t), recordOf(t), openings
        );
        t.opened = seats;
    }
}
