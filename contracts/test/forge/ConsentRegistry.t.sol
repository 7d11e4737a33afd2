// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ConsentRegistry} from "../../src/ConsentRegistry.sol";
import {IConsentRegistry, Standing, Training} from "../../src/interfaces/IConsentRegistry.sol";
import {Quorum} from "../../src/libraries/Quorum.sol";
import {TransferRule} from "../../src/types/Trade.sol";
import {SettledTrades} from "./market/SettledTrades.sol";
import {Trade} from "./market/Terms.sol";

/// @title Tests of consent and its end, with trades settled on the market itself, by ConsentRegistry.tree
/// @dev The first dataset of each trade was delivered, the last was not.
contract ConsentRegistryTest is SettledTrades {
    uint32 private constant WINDOW = 30 days;
    bytes32 private constant REPORT = keccak256("validated anew");

    ConsentRegistry private _registry;
    Trade private _trade;
    address private _provider;
    address private _broker;
    bytes32 private _dataset;

    function setUp() public {
        _openMarket();
        _registry = new ConsentRegistry(_market, WINDOW);
        assertEq(address(_registry.market()), address(_market));
        assertEq(_registry.revalidationWindow(), WINDOW);
        _settle();
    }

    // ------------------------------------------------------------ an end of consent

    function testFuzz_EndsThenAndNotBefore(uint32 later) public {
        _link();
        uint40 endsAt = _now() + uint40(bound(later, 1, type(uint32).max));
        vm.expectEmit(address(_registry));
        emit IConsentRegistry.ConsentEndSet(_provider, _dataset, endsAt);
        _setEnd(endsAt);
        assertEq(_registry.consentEndOf(_provider, _dataset), endsAt);
        vm.warp(endsAt - 1);
        _assertStanding(Standing.Clear, 0);
        vm.warp(endsAt);
        _assertStanding(Standing.Withdrawn, endsAt + WINDOW);
    }

    function test_MayBeSetAnewUntilItHasCome() public {
        uint40 now_ = _now();
        _setEnd(now_ + 10);
        _setEnd(now_ + 20);
        _setEnd(now_ + 5);
        assertEq(_registry.consentEndOf(_provider, _dataset), now_ + 5);
    }

    function testFuzz_LiesInTheFuture(uint40 endsAt) public {
        endsAt = uint40(bound(endsAt, 0, _now()));
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.EndInThePast.selector, endsAt));
        _setEnd(endsAt);
    }

    function test_IsFinalWhenItHasCome() public {
        uint40 endsAt = _now() + 10;
        _setEnd(endsAt);
        vm.warp(endsAt);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentHasEnded.selector, endsAt));
        _setEnd(endsAt + 10);
    }

    // ------------------------------------------------------------------ withdrawal

    function test_EndsAtOnceForEveryLinkedModel() public {
        _link();
        vm.expectEmit(address(_registry));
        emit IConsentRegistry.ConsentWithdrawn(_provider, _dataset);
        _withdraw();
        _assertStanding(Standing.Withdrawn, _now() + WINDOW);
    }

    function test_IsNotWithdrawnTwice() public {
        _withdraw();
        uint40 endedAt = _now();
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.ConsentHasEnded.selector, endedAt));
        _withdraw();
    }

    function testFuzz_SpeaksOfItsOwnDatasetOnly(address other, bytes32 dataset) public {
        vm.assume(other != _provider && dataset != _dataset);
        _link();
        vm.prank(other);
        _registry.withdrawConsent(_dataset);
        vm.prank(_provider);
        _registry.withdrawConsent(dataset);
        _assertStanding(Standing.Clear, 0);
        (Standing standing,) = _registry.standingOf(_trade.id, other, _dataset);
        assertEq(uint8(standing), uint8(Standing.Unlinked));
    }

    // --------------------------------------------------------------------- linking

    function test_StandsClear() public {
        _assertStanding(Standing.Unlinked, 0);
        vm.expectEmit(address(_registry));
        emit IConsentRegistry.DatasetLinked(_trade.id, _provider, _dataset, _broker);
        _link();
        _assertStanding(Standing.Clear, 0);
    }

    function testFuzz_LeavesTheMaintainerItsTimeWhereConsentEndedBefore(uint32 later) public {
        _withdraw();
        skip(later);
        _link();
        _assertStanding(Standing.Withdrawn, _now() + WINDOW);
    }

    function test_IsLinkedOnce() public {
        _link();
        Training memory training = _seller.trainingOf(_trade);
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.AlreadyLinked.selector, _trade.id, _dataset)
        );
        _registry.link(training, 0);
    }

    function test_IsOfATradeThatHasEnded() public {
        Trade memory t = _seller.request(TransferRule.Transferable);
        _refuseRunning(t);
        _seller.accept(t);
        _refuseRunning(t);
        t = _seller.report(t);
        _refuseRunning(t);
        _seller.settle(t);
        _registry.link(_seller.trainingOf(t), 0);
    }

    function test_IsOfATradeThatDividedItsPool() public {
        Training memory training = _seller.trainingOf(_trade);
        training.amounts = keccak256("");
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NothingDelivered.selector, _trade.id));
        _registry.link(training, 0);
    }

    function testFuzz_IsOfADatasetThatWasQuoted(uint256 index) public {
        Training memory training = _seller.trainingOf(_trade);
        uint256 count = training.quote.dataQuotes.length;
        index = bound(index, count, type(uint256).max);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NoSuchQuote.selector, index, count));
        _registry.link(training, index);
    }

    function test_IsOfADatasetThatWasDelivered() public {
        Training memory training = _seller.trainingOf(_trade);
        uint256 last = training.quote.dataQuotes.length - 1;
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotDelivered.selector, last));
        _registry.link(training, last);
    }

    function testFuzz_TakesWhatTheTradeDecided(uint8 which) public {
        Training memory training = _seller.trainingOf(_trade);
        if (which % 7 == 0) training.deal.broker = address(this);
        if (which % 7 == 1) ++training.dropped;
        if (which % 7 == 2) --training.report.weights[0];
        if (which % 7 == 3) training.report.experts[0] = address(1);
        if (which % 7 == 4) training.judges.threshold = 1;
        if (which % 7 == 5) training.amounts = 0;
        if (which % 7 == 6) training.record = 0;
        bytes32 given = _decided(training);
        bytes32 decided = _market.digestOf(_trade.id);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.RecordMismatch.selector, given, decided));
        _registry.link(training, 0);
    }

    function test_TakesAReportThatAQuorumSigned() public {
        Training memory training = _seller.trainingOf(_trade);
        training.report.accepted |= 1 << (training.quote.dataQuotes.length - 1);
        address first = training.judges.members[0];
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadSeatSignature.selector, 0, first));
        _registry.link(training, training.quote.dataQuotes.length - 1);
        training.signers = 0;
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumNotReached.selector, 0, 2));
        _registry.link(training, 0);
    }

    function testFuzz_TakesTheQuoteThatWasAccepted(uint8 which, bytes32 planted) public {
        vm.assume(planted != _dataset);
        Training memory training = _seller.trainingOf(_trade);
        bytes32 accepted = _seller.hashOf(training.quote);
        if (which % 5 == 0) training.quote.dataQuotes[0].dataset = planted;
        if (which % 5 == 1) training.quote.dataQuotes[0].provider = address(this);
        if (which % 5 == 2) ++training.quote.expertPool;
        if (which % 5 == 3) --training.quote.expiry;
        if (which % 5 == 4) training.quote.dataRequest = planted;
        bytes32 given = _seller.hashOf(training.quote);
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.QuoteMismatch.selector, given, accepted));
        _registry.link(training, 0);
    }

    function test_NeedsNothingOfTheBroker() public {
        vm.etch(_broker, hex"fe"); // a wallet that takes back whatever it signed
        _link();
        _assertStanding(Standing.Clear, 0);
    }

    // ------------------------------------------------------------------- reporting

    function test_CountsInTheLastSecond() public {
        _link();
        _withdraw();
        uint40 deadline = _now() + WINDOW;
        vm.warp(deadline);
        vm.expectEmit(address(_registry));
        emit IConsentRegistry.ModelRevalidated(_trade.id, _provider, _dataset, REPORT);
        _report();
        _assertStanding(Standing.Revalidated, deadline);
        assertEq(_registry.reportOf(_trade.id, _provider, _dataset), REPORT);
        vm.warp(deadline + 1);
        _assertStanding(Standing.Revalidated, deadline);
        _refuseReport(Standing.Revalidated);
    }

    function test_IsOverdueAfterTheLastSecond() public {
        _link();
        _withdraw();
        uint40 deadline = _now() + WINDOW;
        vm.warp(deadline + 1);
        _assertStanding(Standing.Overdue, deadline);
        _refuseReport(Standing.Overdue);
    }

    function test_SaysSomething() public {
        _link();
        _withdraw();
        vm.expectRevert(IConsentRegistry.ZeroReport.selector);
        vm.prank(_broker);
        _registry.revalidate(_trade.id, _provider, _dataset, 0);
    }

    function test_IsAskedOnlyWhenConsentHasEnded() public {
        _refuseReport(Standing.Unlinked);
        _link();
        _refuseReport(Standing.Clear);
    }

    function testFuzz_IsTheMaintainerItself(address other) public {
        vm.assume(other != _broker);
        _link();
        _withdraw();
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NotTheMaintainer.selector, other, _broker));
        vm.prank(other);
        _registry.revalidate(_trade.id, _provider, _dataset, REPORT);
    }

    // ---------------------------------------------------------------------- within

    function _settle() private {
        _trade = _seller.settled(TransferRule.Transferable);
        Training memory training = _seller.trainingOf(_trade);
        _provider = training.quote.dataQuotes[0].provider;
        _dataset = training.quote.dataQuotes[0].dataset;
        _broker = training.deal.broker;
    }

    function _setEnd(uint40 endsAt) private {
        vm.prank(_provider);
        _registry.setConsentEnd(_dataset, endsAt);
    }

    function _withdraw() private {
        vm.prank(_provider);
        _registry.withdrawConsent(_dataset);
    }

    function _link() private {
        _registry.link(_seller.trainingOf(_trade), 0);
    }

    function _report() private {
        vm.prank(_broker);
        _registry.revalidate(_trade.id, _provider, _dataset, REPORT);
    }

    function _refuseReport(Standing standing) private {
        vm.expectRevert(
            abi.encodeWithSelector(IConsentRegistry.WrongStanding.selector, standing, Standing.Withdrawn)
        );
        _report();
    }

    function _refuseRunning(Trade memory t) private {
        Training memory training;
        training.quote.tradeId = t.id;
        vm.expectRevert(abi.encodeWithSelector(IConsentRegistry.NothingDelivered.selector, t.id));
        _registry.link(training, 0);
    }

    function _assertStanding(Standing standing, uint40 deadline) private view {
        (Standing found, uint40 until) = _registry.standingOf(_trade.id, _provider, _dataset);
        assertEq(uint8(found), uint8(standing));
        assertEq(until, deadline);
    }

    /// @dev Written out once more, from the stages as `Digests` tells them.
    function _decided(Training memory t) private pure returns (bytes32) {
        bytes32 terms = keccak256(
            abi.encode(
                keccak256(abi.encode(t.deal)),
                t.dropped,
                keccak256(abi.encodePacked(t.report.experts)),
                keccak256(abi.encodePacked(t.report.weights))
            )
        );
        bytes32 judges = keccak256(abi.encode(t.judges));
        uint256 count = t.report.experts.length;
        bytes32 gated = keccak256(abi.encode(judges, t.deal.expertPool, count, terms, t.history));
        return keccak256(abi.encode(gated, t.amounts, t.record));
    }
}
