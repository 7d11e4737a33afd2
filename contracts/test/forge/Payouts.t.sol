// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IPayouts} from "../../src/interfaces/IPayouts.sol";
import {IPullLedger} from "../../src/interfaces/IPullLedger.sol";
import {Quorum} from "../../src/libraries/Quorum.sol";
import {Payouts} from "../../src/Payouts.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {Distribution, Earning} from "../../src/types/Distribution.sol";
import {LyingLedger} from "../LyingLedger.sol";
import {Paying} from "./payouts/Paying.sol";
import {Trees} from "./payouts/Trees.sol";

/// @title Tests of money in, and of what puts a distribution into force, by Payouts.tree
contract PayoutsTest is Paying {
    // --------------------------------------------------------------------- funds

    function testFuzz_CountsNativeCoinToTheUnit(uint64 one, uint64 two) public {
        _depositTwice(NATIVE, one, two);
    }

    function testFuzz_CountsTokensToTheUnit(uint64 one, uint64 two) public {
        _depositTwice(_tokens, one, two);
    }

    function test_RefusesAnEmptyDeposit() public {
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingArrived.selector, NATIVE));
        _deposit(NATIVE, 0);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingArrived.selector, _tokens));
        _deposit(_tokens, 0);
    }

    function testFuzz_RefusesAnotherValueThanTheAmount(uint96 value, uint128 amount) public {
        vm.assume(value != amount);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, amount));
        vm.prank(PAYER);
        _payouts.deposit{value: value}(NATIVE, amount);
    }

    function test_CollectsNativeCoinThatAnotherContractOwesIt() public {
        _collect(NATIVE);
    }

    function test_CollectsTokensThatAnotherContractOwesIt() public {
        _collect(_tokens);
    }

    function test_RefusesALedgerThatBringsNothing() public {
        LyingLedger liar = new LyingLedger(false);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingArrived.selector, NATIVE));
        _payouts.collect(liar, NATIVE);
    }

    function test_RefusesALedgerThatDepositsWhatItOwes() public {
        vm.deal(address(this), 5);
        LyingLedger liar = new LyingLedger{value: 5}(true);
        vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
        _payouts.collect(liar, NATIVE);
    }

    function testFuzz_RefusesCoinsThatComeByHand(uint96 amount) public {
        vm.prank(PAYER);
        (bool sent, bytes memory answer) = address(_payouts).call{value: amount}("");
        assertFalse(sent);
        assertEq(answer, abi.encodeWithSelector(IPayouts.UnexpectedCoin.selector, PAYER));
    }

    // ----------------------------------------------------------------- proposing

    function test_WaitsForItsDelay() public {
        _deposit(NATIVE, 100);
        Distribution memory d = _simple(1, 100);
        bytes memory signatures = _signAll(QUORUM, _digestOf(d));
        uint40 activeAt = _now() + DELAY;
        assertEq(_payouts.digestOf(d), _digestOf(d));
        vm.expectEmit(address(_payouts));
        emit IPayouts.DistributionProposed(
            NATIVE, 1, 100, d.roots, "payees", _inOffice(), activeAt, QUORUM, signatures
        );
        _propose(d);
        _assertPending(100, activeAt, d.roots);
        _assertFunds(NATIVE, 100, 0, 0);
    }

    function test_MayBeOfASumBeforeTheLastDeposit() public {
        _deposit(NATIVE, 100);
        _deposit(NATIVE, 1);
        _propose(_simple(1, 100));
    }

    function test_IsAlone() public {
        _deposit(NATIVE, 100);
        _propose(_simple(1, 100));
        vm.expectRevert(abi.encodeWithSelector(IPayouts.ProposalPending.selector, 1));
        _propose(_simple(2, 100));
    }

    function testFuzz_IsOfTheNextEpoch(uint64 epoch) public {
        vm.assume(epoch != 1);
        _deposit(NATIVE, 100);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.WrongEpoch.selector, epoch, 1));
        _propose(_simple(epoch, 100));
    }

    function testFuzz_HasAPowerOfTwoOfTrees(uint256 count) public {
        count = bound(count, 0, 520);
        _deposit(NATIVE, 100);
        bool right = count == 1 || count == 2 || count == 4 || count == 8 || count == 16 || count == 32
            || count == 64 || count == 128 || count == 256;
        Distribution memory d = _distribution(NATIVE, 1, 100, new bytes32[](count));
        if (!right) vm.expectRevert(abi.encodeWithSelector(IPayouts.WrongNumberOfTrees.selector, count));
        _propose(d);
    }

    function testFuzz_HasMoreToGiveThanTheOneInForce(uint128 total) public {
        total = uint128(bound(total, 0, 100));
        _distribute(NATIVE, _earnings(60, 40), 1, 100);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingNew.selector, total, 100));
        _propose(_simple(2, total));
    }

    function testFuzz_GivesASumThatArrived(uint128 total) public {
        vm.assume(total != 0 && total != 70 && total != 100);
        _deposit(NATIVE, 70);
        _deposit(NATIVE, 30);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.TotalNotFunded.selector, NATIVE, total));
        _propose(_simple(1, total));
    }

    function testFuzz_NamesTheCommitteeInOffice(bytes32 other) public {
        vm.assume(other != _inOffice());
        _deposit(NATIVE, 100);
        Distribution memory d = _simple(1, 100);
        d.committee = other;
        vm.expectRevert(abi.encodeWithSelector(IPayouts.WrongCommittee.selector, other, _inOffice()));
        _propose(d);
    }

    function test_ComesWithTheMembersInOffice() public {
        _deposit(NATIVE, 100);
        Distribution memory d = _simple(1, 100);
        Committee memory other = _judges();
        other.threshold = 1;
        bytes memory signature = _signAll(1, _digestOf(d));
        vm.expectRevert(
            abi.encodeWithSelector(IPayouts.WrongCommittee.selector, keccak256(abi.encode(other)), _inOffice())
        );
        _payouts.propose(d, other, 1, signature);
    }

    function test_NeedsAQuorum() public {
        _deposit(NATIVE, 100);
        Distribution memory d = _simple(1, 100);
        bytes memory signature = _signAll(4, _digestOf(d));
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumNotReached.selector, 1, 2));
        _payouts.propose(d, _judges(), 4, signature);
    }

    function testFuzz_NeedsSignaturesOverItself(uint8 member) public {
        _deposit(NATIVE, 100);
        _deposit(_tokens, 100);
        Distribution memory d = _simple(1, 100);
        bytes memory signatures = _signAll(QUORUM, _digestOf(d));
        if (member % 4 == 0) d.currency = _tokens;
        if (member % 4 == 1) d.document = "others";
        if (member % 4 == 2) d.roots[0] = "another";
        if (member % 4 == 3) d.roots = new bytes32[](2);
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadSeatSignature.selector, 0, _members[0]));
        _payouts.propose(d, _judges(), QUORUM, signatures);
    }

    // ---------------------------------------------------------------------- veto

    function testFuzz_IsStruckOutAndItsEpochWithIt(uint32 later) public {
        _deposit(NATIVE, 100);
        _propose(_simple(1, 100));
        skip(later); // before its delay is over, or after
        vm.expectEmit(address(_payouts));
        emit IPayouts.DistributionVetoed(NATIVE, 1);
        vm.prank(GUARDIAN);
        _payouts.veto(NATIVE);
        _assertPending(0, 0, new bytes32[](0));
        vm.expectRevert(abi.encodeWithSelector(IPayouts.WrongEpoch.selector, 1, 2));
        _propose(_simple(1, 100));
        _propose(_simple(2, 100));
    }

    function testFuzz_TakesAGuardian(address other) public {
        vm.assume(other != GUARDIAN);
        _deposit(NATIVE, 100);
        _propose(_simple(1, 100));
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, other));
        vm.prank(other);
        _payouts.veto(NATIVE);
    }

    function test_NeedsAProposalToVeto() public {
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingProposed.selector, NATIVE));
        vm.prank(GUARDIAN);
        _payouts.veto(NATIVE);
    }

    // ---------------------------------------------------------------- activation

    function test_IsInForce() public {
        (uint64 epoch, bytes32[] memory roots) = _payouts.rootsOf(NATIVE);
        assertEq(epoch, 0);
        assertEq(roots.length, 0);
        _deposit(NATIVE, 100);
        _propose(_simple(1, 100));
        skip(DELAY);
        vm.expectEmit(address(_payouts));
        emit IPayouts.DistributionActivated(NATIVE, 1, 100);
        _payouts.activate(NATIVE);
        _assertPending(0, 0, new bytes32[](0));
        _assertFunds(NATIVE, 100, 100, 100);
    }

    function testFuzz_GivesOneRootsAfterTheOther(bytes32 seed) public {
        for (uint64 epoch = 1; epoch <= 4; ++epoch) {
            bytes32[] memory roots = new bytes32[](1 << (uint256(seed) % 9 + 3 * epoch) % 9);
            for (uint256 i = 0; i < roots.length; ++i) {
                roots[i] = keccak256(abi.encode(seed, epoch, i));
            }
            _deposit(_tokens, 10);
            _propose(_distribution(_tokens, epoch, 10 * epoch, roots));
            skip(DELAY);
            _payouts.activate(_tokens);
            (uint64 found, bytes32[] memory active) = _payouts.rootsOf(_tokens);
            assertEq(found, epoch);
            assertEq(keccak256(abi.encode(active)), keccak256(abi.encode(roots)));
            _assertFunds(_tokens, uint128(10 * epoch), uint128(10 * epoch), uint128(10 * epoch));
        }
    }

    function test_IsTooEarlyBeforeTheDelayIsOver() public {
        _deposit(NATIVE, 100);
        _propose(_simple(1, 100));
        uint256 activeAt = _now() + DELAY;
        vm.warp(activeAt - 1);
        vm.expectRevert(abi.encodeWithSelector(IPayouts.DeadlineNotReached.selector, activeAt));
        _payouts.activate(NATIVE);
    }

    function test_NeedsAProposalToActivate() public {
        vm.expectRevert(abi.encodeWithSelector(IPayouts.NothingProposed.selector, NATIVE));
        _payouts.activate(NATIVE);
    }

    // -------------------------------------------------------------------- within

    function _depositTwice(Currency currency, uint64 one, uint64 two) private {
        (one, two) = (uint64(bound(one, 1, type(uint64).max)), uint64(bound(two, 1, type(uint64).max)));
        uint128 sum = uint128(one) + two;
        assertFalse(_payouts.wasFunded(currency, one));
        _deposit(currency, one);
        vm.expectEmit(address(_payouts));
        emit IPayouts.Funded(currency, PAYER, two, sum);
        _deposit(currency, two);
        assertTrue(_payouts.wasFunded(currency, one));
        assertTrue(_payouts.wasFunded(currency, sum));
        _assertFunds(currency, sum, 0, 0);
        assertEq(_held(currency, address(_payouts)), sum);
    }

    /// @dev The one that owes is the tested contract itself: what it pays out to another of its kind.
    function _collect(Currency currency) private {
        Payouts other = new Payouts(address(_authority), _committee, DELAY);
        _anne = address(other);
        Earning[] memory earnings = _earnings(60, 40);
        _pay(currency, earnings, 1);
        _payouts.claim(currency, Trees.proofOf(earnings, 1, 0), earnings[0]);
        vm.expectEmit(address(other));
        emit IPayouts.Funded(currency, address(_payouts), 60, 60);
        assertEq(other.collect(IPullLedger(address(_payouts)), currency), 60);
        assertEq(_held(currency, address(other)), 60);
        assertEq(_held(currency, address(_payouts)), 40);
        assertTrue(other.wasFunded(currency, 60));
    }

    function _assertPending(uint128 total, uint40 activeAt, bytes32[] memory roots) private view {
        (uint128 total_, uint40 activeAt_, bytes32[] memory roots_) = _payouts.pendingOf(NATIVE);
        assertEq(total_, total);
        assertEq(activeAt_, activeAt);
        assertEq(keccak256(abi.encode(roots_)), keccak256(abi.encode(roots)));
    }
}
