// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IChallenges} from "../../src/interfaces/IChallenges.sol";
import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {IPenalties} from "../../src/interfaces/IPenalties.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {Challenge} from "../../src/types/Challenge.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {AttemptRecord, Deal, Gate, Request, State} from "../../src/types/Trade.sol";
import {ReentrantToken} from "../ReentrantToken.sol";
import {JudgedTrade} from "./market/JudgedTrade.sol";

/// @title Tests of challenges that don't succeed, by Challenges.tree
/// @dev What is common to all rulings, and those that overturn, are in Rulings.t.sol.
contract ChallengesTest is JudgedTrade {
    function setUp() public {
        vm.warp(1_800_000_000);
        _deploy(NATIVE);
        _stakeAll();
    }

    function test_FreezesTheTradeForTheBond() public {
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        uint40 review = _deadline();
        uint40 deadline = uint40(vm.getBlockTimestamp()) + RULING_WINDOW;
        _announce(CHALLENGER);
        vm.expectEmit(address(challenges));
        emit IChallenges.Challenged(
            tradeId, CHALLENGER, "claim", SALT, NATIVE, BOND, deadline, 0, 0
        );
        vm.expectEmit(address(market));
        emit IModelMarket.TradeDisputed(tradeId, review + RULING_WINDOW);
        _sendChallenge(CHALLENGER, BOND);
        Challenge memory open = challenges.challengeOf(tradeId);
        assertEq(abi.encode(open), abi.encode(Challenge(CHALLENGER, deadline, BOND, 0, 0)));
        assertEq(address(challenges).balance, BOND);
        assertEq(CHALLENGER.balance, 0);
        assertEq(uint8(_state()), uint8(State.Disputed));
        assertEq(_deadline(), review + RULING_WINDOW);
        vm.expectRevert(
            abi.encodeWithSelector(IModelMarket.WrongState.selector, State.Disputed, State.Passed)
        );
        this.settle(record);
    }

    function test_TakesTheBondInTheCurrencyOfTheTrade() public {
        _fund(_requestOf(Currency.wrap(token)));
        _judge(7, 3);
        _giveTokens(CHALLENGER, address(challenges), BOND);
        _challenge();
        assertEq(DevToken(token).balanceOf(address(challenges)), BOND);
        assertEq(DevToken(token).balanceOf(CHALLENGER), 0);
        _uphold(7);
        uint256 reward = uint256(BOND) * 4_000 / 10_000;
        assertEq(challenges.creditOf(treasury, Currency.wrap(token)), BOND - reward);
        assertEq(_credits(), 0);
    }

    function test_AsksForNoMoreWhateverTheBudget() public {
        Request memory r = _requestOf(NATIVE);
        r.budget = type(uint128).max;
        _fund(r);
        _judge(7, 3);
        this.challengeFor(BOND);
        assertEq(challenges.challengeOf(tradeId).bond, BOND);
    }

    function testFuzz_AsksForItsPartOfWhatTheSettlementPaysOut(
        uint96[6] memory parts,
        bool passed,
        bool stands
    ) public {
        prices = Prices(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);
        Request memory r = _requestOf(NATIVE);
        (r.budget, r.auditor, r.maxAttempts) = (type(uint128).max, everyone[6], 1);
        _fund(r);
        AttemptRecord memory record = _judge(7, passed ? 3 : 4);
        _challenge();
        uint256 bond = challenges.challengeOf(tradeId).bond;
        if (stands) _uphold(3);
        else _overturn(record, 3);
        uint256 before = _marketCredits();
        _settle(record);
        uint256 paid = _marketCredits() - before;
        assertEq(bond, (paid * 1_000 + 9_999) / 10_000);
    }

    function testFuzz_RoundsTheBondUp(uint128 value) public view {
        uint256 bond = challenges.bondFor(value);
        assertGe(bond * 10_000, uint256(value) * 1_000);
        if (bond != 0) assertLt((bond - 1) * 10_000, uint256(value) * 1_000);
    }

    // --------------------------------------------------------------------- refusals

    function test_RefusesATradeWithoutAVerdict() public {
        request = _requestOf(NATIVE);
        tradeId = market.tradeIdOf(request);
        _expectWrongState(State.None);
        this.challengeFor(BOND);
        _fund();
        _expectWrongState(State.Gated);
        this.challengeFor(BOND);
        _judge(7, 4); // the first of three
        _expectWrongState(State.Gated);
        this.challengeFor(BOND);
        assertEq(challenges.challengeOf(tradeId).challenger, address(0));
    }

    function testFuzz_RefusesItAfterTheReview(uint32 late) public {
        _fund();
        _judge(7, 3);
        uint256 deadline = _deadline();
        vm.warp(deadline + 1 + late);
        vm.expectRevert(abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, deadline));
        this.challengeFor(BOND);
        vm.warp(deadline);
        _challenge();
    }

    function test_RefusesASecondOne() public {
        _fund();
        _judge(7, 3);
        _challenge();
        _expectWrongState(State.Disputed);
        this.challengeFor(BOND);
        _uphold(3);
        uint256 deadline = _deadline();
        vm.warp(deadline); // the last second of the review
        vm.expectRevert(IModelMarket.AlreadyChallenged.selector);
        this.challengeFor(BOND);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, deadline));
        this.challengeFor(BOND);
        assertEq(challenges.challengeOf(tradeId).challenger, address(0));
    }

    function testFuzz_RefusesAnotherValueThanTheBond(uint96 value) public {
        vm.assume(value != BOND);
        _fund();
        _judge(7, 3);
        vm.expectRevert(
            abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, BOND)
        );
        this.challengeFor(value);
    }

    function testFuzz_RefusesCoinsBesideAToken(uint96 value) public {
        vm.assume(value != 0);
        _fund(_requestOf(Currency.wrap(token)));
        _judge(7, 3);
        _giveTokens(CHALLENGER, address(challenges), BOND);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, 0));
        this.challengeFor(value);
    }

    function testFuzz_RefusesAnotherPanelOrCommitteeThanThoseOfTheRequest(
        uint32 version,
        uint8 threshold,
        bool panel
    ) public {
        vm.assume(version != 1 || threshold != 2);
        _fund();
        _judge(7, 3);
        Committee memory other = Committee(version, threshold, panel ? jurors : members);
        bytes32 given = keccak256(abi.encode(other));
        (Deal memory deal, Gate memory gate, bytes32 amounts) = (_deal(), _gate(), _amountsHash());
        (Committee memory judges_, Committee memory jury_) = (judges(), jury());
        if (panel) jury_ = other;
        else judges_ = other;
        bytes32 named = panel ? request.panel : request.committee;
        vm.expectRevert(abi.encodeWithSelector(IPenalties.CommitteeMismatch.selector, given, named));
        challenges.challenge(request, deal, gate, amounts, _deciding, judges_, jury_, "claim", SALT);
    }

    function test_RefusesToBeEnteredAgainWhileItTakesTheBond() public {
        ReentrantToken thief = new ReentrantToken(address(this), 100 ether);
        Currency currency = Currency.wrap(address(thief));
        for (uint256 i = 0; i < 2; ++i) {
            address payer = i == 0 ? everyone[3] : CHALLENGER;
            assertTrue(thief.transfer(payer, 50 ether));
            vm.prank(payer);
            thief.approve(i == 0 ? address(market) : address(challenges), 50 ether);
        }
        _fund(_requestOf(currency));
        _judge(7, 3);
        bytes[2] memory calls = [
            _challengeCall("again"),
            abi.encodeCall(challenges.withdrawCredit, (currency, address(this)))
        ];
        for (uint256 i = 0; i < 2; ++i) {
            thief.arm(address(challenges), calls[i]);
            vm.expectRevert(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
            this.challengeFor(0);
        }
    }

    // ----------------------------------------------------------- the verdict stands

    function test_PaysPanelAndTreasuryForAPass() public {
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        uint40 review = _deadline();
        uint256 bond = _challenge();
        uint256 reward = bond * 4_000 / 10_000;
        bytes memory signatures = _signRuling(_rulingDigest(tradeId, 1, 0, EVIDENCE), 5);
        vm.expectEmit(address(market));
        emit IModelMarket.DisputeEnded(tradeId, false, review);
        vm.expectEmit(address(challenges));
        emit IChallenges.VerdictUpheld(tradeId, EVIDENCE, 5, signatures);
        _expectAward(treasury, bond - reward);
        _expectAward(jurors[0], reward - reward / 2);
        _expectAward(jurors[2], reward / 2);
        _uphold(5);
        assertEq(_credit(treasury), bond - reward);
        assertEq(_credits(), bond);
        assertEq(_held(), bond);
        assertEq(_staked(0) + _staked(1) + _staked(2), 3 * STAKE);
        assertEq(uint8(_settle(record)), uint8(State.Settled));
    }

    function test_PaysPanelAndTreasuryForARejection() public {
        _fundForOneAttempt();
        AttemptRecord memory record = _judge(7, 4);
        uint256 bond = _challenge();
        uint256 reward = bond * 4_000 / 10_000;
        _expectAward(treasury, bond - reward);
        _uphold(7);
        assertEq(_credit(treasury), bond - reward);
        assertEq(_credits(), bond);
        assertEq(uint8(_settle(record)), uint8(State.Failed));
    }

    function testFuzz_DividesThePartOfThePanelToTheUnit(uint96 more, uint8 pick) public {
        prices.pool += more;
        Request memory r = _requestOf(NATIVE);
        r.budget = type(uint128).max;
        _fund(r);
        _judge(7, 3);
        uint256 bond = _challenge();
        uint16 signers = _quorum(pick);
        _uphold(signers);
        uint256 left = bond * 4_000 / 10_000;
        assertEq(_credit(treasury), bond - left);
        uint256 count = _ones(signers);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            bool signed = signers & (1 << seat) != 0;
            uint256 part = signed ? (left + count - 1) / count : 0; // ever the larger part of the rest
            assertEq(_credit(jurors[seat]), part);
            if (signed) (left, count) = (left - part, count - 1);
        }
        assertEq(left, 0);
        assertEq(_held(), bond);
    }

    // ---------------------------------------------------------------------- silence

    function testFuzz_RefusesToLapseBeforeTheDeadline(uint32 early) public {
        _fund();
        _judge(7, 3);
        _challenge();
        uint40 deadline = challenges.challengeOf(tradeId).deadline;
        vm.warp(deadline - early % RULING_WINDOW);
        vm.expectRevert(abi.encodeWithSelector(IChallenges.RulingPending.selector, deadline));
        challenges.lapse(request);
        _uphold(3);
    }

    function testFuzz_GivesTheBondBackAndLetsTheTradeGoOn(uint32 late, bool passed) public {
        _fundForOneAttempt();
        AttemptRecord memory record = _judge(7, passed ? 3 : 4);
        uint256 bond = _challenge();
        uint256 review = _deadline() - RULING_WINDOW;
        vm.warp(uint256(challenges.challengeOf(tradeId).deadline) + 1 + late);
        uint256 until = vm.getBlockTimestamp() < review ? review : vm.getBlockTimestamp();
        vm.expectEmit(address(market));
        emit IModelMarket.DisputeEnded(tradeId, false, uint40(until));
        vm.expectEmit(address(challenges));
        emit IChallenges.ChallengeLapsed(tradeId);
        _expectAward(CHALLENGER, bond);
        challenges.lapse(request);
        assertEq(_credit(CHALLENGER), bond);
        assertEq(_credits(), bond);
        assertEq(_staked(0) + _staked(1) + _staked(2), 3 * STAKE);
        assertEq(uint8(_settle(record)), uint8(passed ? State.Settled : State.Failed));
    }

    function testFuzz_GivesTheBondBackWhereTheTradeWentOnAlready(bool settled) public {
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        uint256 bond = _challenge();
        vm.warp(_deadline() + 1);
        market.resume(tradeId);
        if (settled) _settle(record);
        State before = _state();
        challenges.lapse(request);
        assertEq(uint8(_state()), uint8(before));
        assertEq(_credit(CHALLENGER), bond);
    }

    function test_RefusesToLapseWithoutAChallenge() public {
        _fund();
        _judge(7, 3);
        bytes memory refusal = abi.encodeWithSelector(IChallenges.NoChallenge.selector, tradeId);
        vm.expectRevert(refusal);
        challenges.lapse(request);
        _challenge();
        skip(RULING_WINDOW + 1);
        challenges.lapse(request);
        vm.expectRevert(refusal); // the bond comes back once
        challenges.lapse(request);
    }

    // --------------------------------------------------------- calls that may revert

    function settle(AttemptRecord memory record) external {
        _settle(record);
    }

    function challengeFor(uint256 value) external {
        _challenge(CHALLENGER, value);
    }

    /// @dev Of all whom a trade may pay, in native coin.
    function _marketCredits() private view returns (uint256 sum) {
        for (uint256 i = 0; i < everyone.length; ++i) {
            sum += market.creditOf(everyone[i], NATIVE);
        }
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            sum += market.creditOf(members[seat], NATIVE);
        }
        sum += market.creditOf(treasury, NATIVE);
    }

    function _expectAward(address account, uint256 amount) private {
        vm.expectEmit(address(challenges));
        emit IPenalties.Awarded(tradeId, account, NATIVE, amount);
    }

    function _expectWrongState(State state) private {
        vm.expectRevert(abi.encodeWithSelector(IModelMarket.WrongState.selector, state, State.Passed));
    }
}
