// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ILedger} from "../../src/interfaces/ILedger.sol";
import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {Conflicts} from "../../src/libraries/Conflicts.sol";
import {Quorum} from "../../src/libraries/Quorum.sol";
import {Committee} from "../../src/types/Committee.sol";
import {StatusLibrary} from "../../src/types/Status.sol";
import {DataFinding, Deal, Payment, Purpose, State, Supply} from "../../src/types/Trade.sol";
import {OneTrade} from "./market/OneTrade.sol";
import {Trade} from "./market/Terms.sol";

/// @title Tests of deliveries and of the report on the data, by DataReports.tree
contract DataReportsTest is OneTrade {
    function setUp() public {
        _choose(true, false);
        _request();
        _accept();
        t.experts = experts;
        t.accepted = 1;
    }

    // --------------------------------------------------------------------- deliveries

    function testFuzz_KeepsTheStageInWhichItWas(address account, bytes32 work) public {
        _deliver(account, work, 1);
        _report(1);
        assertEq(market.deliveryOf(t.id, account), 1); // and of no use here
        _deliver(account, work, 2);
        _attempt(ALL, 0);
        _deliver(account, work, 3);
    }

    function test_RefusesItOnceTheClockOfTheJudgesRuns() public {
        bytes memory call = abi.encodeCall(market.recordDelivery, (t.id, "work"));
        uint256 due = t.deadline - requestOf(t).windows.judging;
        vm.warp(due + 1);
        _refuse(call, abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, due));
        vm.warp(due);
        _send(call);
        _report(1);
        due = t.deadline - requestOf(t).windows.validation;
        vm.warp(due + 1);
        _refuse(call, abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, due));
        vm.warp(due);
        _send(call);
    }

    function test_RefusesItInAnyOtherState() public {
        _choose(true, false);
        uint256 fit = 1 << uint8(State.Funded) | 1 << uint8(State.Gated);
        bytes memory call = abi.encodeCall(market.recordDelivery, (t.id, "work"));
        _refuseOutside(fit, State.Gated, address(this), call);
    }

    // --------------------------------------------------------------------- enough rows

    function testFuzz_PaysWhoDeliveredAndKeepsTheGate(uint256 accepted) public {
        Supply[] memory supplies = suppliesOf(t);
        accepted = 1 | accepted % (1 << supplies.length);
        t.accepted = accepted;
        DataFinding memory f = dataFindingOf(t);
        uint128 dropped = gateOf(t).dropped;
        vm.expectEmit(address(market));
        emit IModelMarket.DataReported(t.id, f, dropped, ALL, _signData(t, f, ALL, Flaw.None));
        Payment[] memory payments = new Payment[](_ones(accepted));
        uint256 next;
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (accepted & (1 << i) == 0) continue;
            payments[next++] = Payment(supplies[i].provider, supplies[i].price, Purpose.Data);
        }
        vm.expectEmit(address(market));
        emit ILedger.Credited(t.id, NATIVE, payments);
        _report(accepted);
        _assertStands(State.Gated, t.deadline);
        _assertBooks();
    }

    function test_RefusesAfterTheDeadline() public {
        bytes memory call = _dataCall(t, ALL, Flaw.None);
        vm.warp(uint256(t.deadline) + 1);
        _refuse(call, abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, t.deadline));
        vm.warp(t.deadline);
        _send(call);
    }

    function testFuzz_RefusesOtherTermsThanWereAgreed(uint256 which, uint128 change) public {
        vm.assume(change != 0);
        Deal memory deal = dealOf(t);
        Supply[] memory supplies = suppliesOf(t);
        Committee memory judges_ = judges();
        which %= 4;
        if (which == 0) deal.buyer = address(uint160(deal.buyer) ^ change);
        if (which == 1) deal.oracleFee ^= change;
        if (which == 2) supplies[1].price ^= change;
        if (which == 3) judges_.members[0] = address(uint160(judges_.members[0]) ^ change);
        bytes32 given = keccak256(
            abi.encode(keccak256(abi.encode(judges_)), keccak256(abi.encode(deal)), _hashOf(supplies))
        );
        DataFinding memory f = dataFindingOf(t);
        bytes memory signatures = _signData(t, f, ALL, Flaw.None);
        _refuse(
            abi.encodeCall(market.reportData, (t.id, deal, supplies, f, judges_, ALL, signatures)),
            abi.encodeWithSelector(IModelMarket.AgreementMismatch.selector, given, t.digest)
        );
    }

    function testFuzz_RefusesDeliveriesOfNobody(uint256 accepted) public {
        DataFinding memory f = dataFindingOf(t);
        f.accepted = bound(accepted, 1 << suppliesOf(t).length, type(uint256).max);
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.UnknownDelivery.selector, f.accepted));
    }

    function testFuzz_RefusesWhatNoQuorumSignedForIt(uint8 pick) public {
        Flaw flaw = Flaw(1 + pick % uint8(type(Flaw).max));
        if (flaw == Flaw.OtherAttempt) flaw = Flaw.OtherTrade;
        bool one = flaw == Flaw.OneSigner;
        uint256 seat = flaw == Flaw.SeatTwice ? 1 : 0;
        _refuse(
            _dataCall(t, one ? 4 : ALL, flaw),
            one
                ? abi.encodeWithSelector(Quorum.QuorumNotReached.selector, 1, 2)
                : abi.encodeWithSelector(Quorum.BadSeatSignature.selector, seat, members[seat])
        );
    }

    function testFuzz_RefusesMoreThan32Experts(uint8 count) public {
        count = uint8(bound(count, 33, 200));
        DataFinding memory f = dataFindingOf(t);
        f.experts = new address[](count);
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.TooMany.selector, count, 32));
    }

    function testFuzz_RefusesAnotherNumberOfWeightsThanOfExperts(uint8 count) public {
        DataFinding memory f = dataFindingOf(t);
        vm.assume(count != f.experts.length);
        f.weights = new uint32[](count);
        _refuseReport(
            f, abi.encodeWithSelector(IModelMarket.LengthMismatch.selector, count, f.experts.length)
        );
    }

    function test_RefusesExpertsOutOfOrderOrTwice() public {
        DataFinding memory f = dataFindingOf(t);
        (address low, address high) = (f.experts[0], f.experts[1]);
        f.experts[1] = low;
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.NotAscending.selector, low, low));
        f.experts[0] = high;
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.NotAscending.selector, high, low));
        f.experts[0] = address(0);
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.NotAscending.selector, 0, 0));
    }

    function testFuzz_RefusesWeightsOfZeroOrOfAnotherSum(uint256 which, uint32 weight) public {
        DataFinding memory f = dataFindingOf(t);
        uint256 i = which % f.weights.length;
        vm.assume(weight != 0 && weight != f.weights[i]);
        uint256 sum = PARTS - f.weights[i] + weight;
        f.weights[i] = weight;
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.WeightsMismatch.selector, sum));
        f.weights[i] = 0;
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.WeightsMismatch.selector, 0));
        f.experts = new address[](0);
        f.weights = new uint32[](0);
        _refuseReport(f, abi.encodeWithSelector(IModelMarket.WeightsMismatch.selector, 0));
    }

    function test_RefusesExpertsThatConflict() public {
        address expert = accountsIn(experts)[0];
        address auditor = requestOf(t).auditor;
        _tie(auditor, expert);
        _refuse(
            _dataCall(t, ALL, Flaw.None),
            abi.encodeWithSelector(Conflicts.ConflictOfRoles.selector, expert, auditor)
        );
    }

    function test_RefusesInAnyOtherState() public {
        _choose(true, false);
        bytes memory call = _dataCall(t, ALL, Flaw.None);
        _refuseOutside(1 << uint8(State.Funded), State.Funded, address(this), call);
    }

    // -------------------------------------------------------------------- too few rows

    function testFuzz_PaysTheJudgesAloneAndEndsTheTrade(uint8 pick) public {
        uint16 signers = _quorum(pick);
        (t.accepted, t.experts) = (0, 0);
        vm.expectEmit(address(market));
        emit IModelMarket.TradeEnded(t.id, State.Refunded);
        _send(_dataCall(t, signers, Flaw.None));
        Trade memory m = t;
        m.signed = signers;
        _bookTooFewRows(m);
        t = m;
        _assertEnded(State.Refunded);
        (uint256 price,) = _price(t);
        assertEq(market.creditOf(requestOf(t).buyer, NATIVE), price - dealOf(t).oracleFee);
    }

    function test_RefusesExperts() public {
        t.accepted = 0;
        _refuse(
            _dataCall(t, ALL, Flaw.None), abi.encodeWithSelector(IModelMarket.TooMany.selector, 3, 0)
        );
    }

    // -------------------------------------------------------------------- silent judges

    function testFuzz_PaysWhoPutItsDeliveryOnRecord(uint256 delivered, address caller) public {
        Supply[] memory supplies = suppliesOf(t);
        delivered = bound(delivered, 1, (1 << supplies.length) - 1);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (delivered & (1 << i) != 0) _deliver(supplies[i].provider, "data", 1);
        }
        _endUnjudged(delivered, caller);
        assertTrue(_status().has(StatusLibrary.UNJUDGED));
    }

    function testFuzz_RefundsEverythingWhereNobodyDid(address stranger) public {
        vm.assume(keyOf[stranger] == 0);
        _deliver(stranger, "no data of this trade", 1);
        (uint256 price,) = _price(t);
        vm.expectEmit(address(market));
        emit ILedger.Refunded(t.id, requestOf(t).buyer, NATIVE, price);
        _endUnjudged(0, stranger);
        assertEq(market.creditOf(requestOf(t).buyer, NATIVE), price);
        assertFalse(_status().has(StatusLibrary.UNJUDGED));
    }

    function test_RefusesToEndItAtTheLastSecond() public {
        vm.warp(t.deadline);
        _refuse(
            _timeout(dealOf(t)),
            abi.encodeWithSelector(IModelMarket.DeadlineNotReached.selector, t.deadline)
        );
    }

    function testFuzz_RefusesToEndItOnOtherTerms(uint128 change) public {
        vm.assume(change != 0);
        Deal memory deal = dealOf(t);
        deal.expertPool ^= change;
        bytes32 given =
            keccak256(abi.encode(committee, keccak256(abi.encode(deal)), _hashOf(suppliesOf(t))));
        _lapse();
        _refuse(
            _timeout(deal),
            abi.encodeWithSelector(IModelMarket.AgreementMismatch.selector, given, t.digest)
        );
    }

    function test_RefusesToEndItInAnyOtherState() public {
        _choose(true, false);
        bytes memory call = _timeout(dealOf(t));
        _refuseOutside(1 << uint8(State.Funded), State.Funded, address(this), call);
    }

    // ------------------------------------------------------------------------- private

    function _deliver(address account, bytes32 work, uint8 stage) private {
        vm.expectEmit(address(market));
        emit IModelMarket.WorkDelivered(t.id, account, t.attempts, work);
        vm.prank(account);
        market.recordDelivery(t.id, work);
        assertEq(market.deliveryOf(t.id, account), stage);
    }

    function _endUnjudged(uint256 delivered, address caller) private {
        _lapse();
        bytes memory call = _timeout(dealOf(t));
        vm.prank(caller);
        _send(call);
        Trade memory m = t;
        _bookData(m, delivered);
        _bookRest(m);
        t = m;
        _assertEnded(State.Refunded);
    }

    function _timeout(Deal memory deal) private view returns (bytes memory) {
        return abi.encodeCall(market.timeoutDelivery, (t.id, deal, suppliesOf(t), committee));
    }

    /// @dev Signed by all, and wrong.
    function _refuseReport(DataFinding memory f, bytes memory reason) private {
        bytes memory signatures = _signData(t, f, ALL, Flaw.None);
        _refuse(
            abi.encodeCall(
                market.reportData, (t.id, dealOf(t), suppliesOf(t), f, judges(), ALL, signatures)
            ),
            reason
        );
    }

    function _hashOf(Supply[] memory supplies) private pure returns (bytes32) {
        bytes memory all;
        for (uint256 i = 0; i < supplies.length; ++i) {
            all = bytes.concat(all, abi.encode(supplies[i]));
        }
        return keccak256(all);
    }
}
