// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Challenges} from "../../src/Challenges.sol";
import {IPenalties} from "../../src/interfaces/IPenalties.sol";
import {ChallengeTerms} from "../../src/types/Challenge.sol";
import {Committee, CommitteeTerms} from "../../src/types/Committee.sol";
import {Request, State} from "../../src/types/Trade.sol";
import {Authority} from "../Authority.sol";
import {JudgedTrade} from "./market/JudgedTrade.sol";

/// @title Tests of what is at stake, and of the penalty for silence, by Penalties.tree
/// @dev The penalty for closed seals is tested in EarlierAttempts.t.sol.
contract PenaltiesTest is JudgedTrade {
    function setUp() public {
        vm.warp(1_800_000_000);
        _deploy(NATIVE);
    }

    // ------------------------------------------------------------------------ terms

    function test_KeepsItsTerms() public view {
        assertEq(abi.encode(challenges.terms()), abi.encode(_terms()));
        assertEq(address(challenges.market()), address(market));
        assertEq(address(challenges.committee()), address(office));
    }

    function testFuzz_RefusesABondOfNothingOrOfMoreThanTheValue(uint16 bondBps) public {
        ChallengeTerms memory terms = _terms();
        bondBps = uint16(bound(bondBps, 10_000, type(uint16).max));
        terms.bondBps = bondBps == 10_000 ? 0 : bondBps;
        _refuse(terms);
        terms.bondBps = 10_000;
        new Challenges(market, office, terms);
    }

    function testFuzz_RefusesAnotherTimeForThePanelThanTheRules(uint32 rulingWindow) public {
        ChallengeTerms memory terms = _terms();
        vm.assume(rulingWindow != terms.rulingWindow);
        terms.rulingWindow = rulingWindow;
        _refuse(terms);
    }

    function test_RefusesAPanelWithoutTime() public {
        Authority authority = new Authority(address(this));
        CommitteeTerms memory offices = CommitteeTerms(NATIVE, 0, 1, 1, address(this), address(0));
        market = _deployMarket(address(authority), offices, address(this), 0);
        ChallengeTerms memory terms = _terms();
        terms.rulingWindow = 0;
        _refuse(terms);
    }

    function testFuzz_RefusesAnnouncementsOfNoDelayOrOfMoreThanTenMinutes(uint16 delay) public {
        ChallengeTerms memory terms = _terms();
        delay = uint16(bound(delay, 600, type(uint16).max));
        terms.announcementDelay = delay == 600 ? 0 : delay;
        _refuse(terms);
        terms.announcementDelay = 600;
        new Challenges(market, office, terms);
    }

    function testFuzz_RefusesSharesOfMoreThanTheWhole(uint16 share, uint8 which) public {
        ChallengeTerms memory terms = _terms();
        share = uint16(bound(share, 10_001, type(uint16).max));
        if (which % 3 == 0) terms.panelBps = share;
        if (which % 3 == 1) terms.challengerBps = share;
        if (which % 3 == 2) terms.reporterBps = share;
        _refuse(terms);
        (terms.panelBps, terms.challengerBps, terms.reporterBps) = (10_000, 10_000, 10_000);
        new Challenges(market, office, terms);
    }

    function testFuzz_RefusesItFromAnyoneButTheCommittee(address from, uint96 amount) public {
        assumeNotForgeAddress(from);
        vm.assume(from != address(office));
        hoax(from, amount);
        (bool sent, bytes memory reason) = address(challenges).call{value: amount}("");
        assertFalse(sent);
        assertEq(reason, abi.encodeWithSelector(IPenalties.UnexpectedCoins.selector, from));
        hoax(address(office), amount);
        (sent,) = address(challenges).call{value: amount}("");
        assertTrue(sent);
    }

    // ---------------------------------------------------------------------- silence

    function testFuzz_CostsEachMemberAndPaysTheTreasury(bool both) public {
        _stakeAll();
        _fund();
        _leaveUnjudged(both ? 2 : 1);
        assertEq(uint8(_state()), uint8(State.Refunded));
        _expectPenalty(3 * SILENCE);
        challenges.penaliseSilence(request, judges());
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            assertEq(_staked(seat), STAKE - SILENCE);
        }
        assertEq(_credit(treasury), 3 * SILENCE);
        assertEq(_credits(), 3 * SILENCE); // the buyer gains nothing
        assertEq(_held(), 3 * SILENCE);
        vm.prank(treasury);
        assertEq(challenges.withdrawCredit(NATIVE, address(0xdead)), 3 * SILENCE);
        assertEq(address(0xdead).balance, 3 * SILENCE);
    }

    function testFuzz_TakesNoMoreThanThereIs(uint64[3] memory stakes) public {
        uint256 slashed;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (stakes[seat] != 0) _stake(seat, stakes[seat]);
            slashed += stakes[seat] < SILENCE ? stakes[seat] : SILENCE;
        }
        _fund();
        _leaveUnjudged(1);
        challenges.penaliseSilence(request, judges());
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            assertEq(_staked(seat), stakes[seat] < SILENCE ? 0 : stakes[seat] - SILENCE);
        }
        assertEq(_credit(treasury), slashed);
        assertEq(_held(), slashed);
    }

    function test_CostsOnce() public {
        _stakeAll();
        _fund();
        _leaveUnjudged(1);
        challenges.penaliseSilence(request, judges());
        vm.expectRevert(abi.encodeWithSelector(IPenalties.AlreadyPenalised.selector, tradeId));
        challenges.penaliseSilence(request, judges());
        assertEq(_credits(), 3 * SILENCE);
    }

    function test_RefusesWhereNothingWasDelivered() public {
        _fund();
        bytes memory refusal = abi.encodeWithSelector(IPenalties.NotSilent.selector, tradeId);
        vm.expectRevert(refusal); // it may yet speak
        challenges.penaliseSilence(request, judges());
        _leaveUnjudged(0);
        vm.expectRevert(refusal);
        challenges.penaliseSilence(request, judges());
    }

    function testFuzz_RefusesAnotherCommitteeThanThatOfTheRequest(uint32 version, uint8 threshold) public {
        vm.assume(version != 1 || threshold != 2);
        _fund();
        _leaveUnjudged(1);
        Committee memory other = Committee(version, threshold, members);
        bytes32 given = keccak256(abi.encode(other));
        vm.expectRevert(
            abi.encodeWithSelector(IPenalties.CommitteeMismatch.selector, given, request.committee)
        );
        challenges.penaliseSilence(request, other);
    }

    function testFuzz_ExcusesJudgesWithTooLittleTime(uint24 judging, uint24 validation) public {
        _stakeAll();
        Request memory r = _requestOf(NATIVE);
        r.windows.judging = uint24(bound(judging, 1, 2 * LEAST_WINDOW));
        r.windows.validation = uint24(bound(validation, 1, 2 * LEAST_WINDOW));
        _fund(r);
        _leaveUnjudged(1);
        uint24 first = r.windows.judging < LEAST_WINDOW ? r.windows.judging : r.windows.validation;
        if (first < LEAST_WINDOW) {
            vm.expectRevert(
                abi.encodeWithSelector(IPenalties.WindowTooShort.selector, first, LEAST_WINDOW)
            );
        } else {
            _expectPenalty(3 * SILENCE);
        }
        challenges.penaliseSilence(request, judges());
    }

    // ---------------------------------------------------------------------- private

    function _refuse(ChallengeTerms memory terms) private {
        vm.expectRevert(IPenalties.InvalidTerms.selector);
        this.deploy(terms);
    }

    /// @dev From outside: a constructor that is linked at run time ends the function by its revert.
    function deploy(ChallengeTerms memory terms) external {
        new Challenges(market, office, terms);
    }

    function _expectPenalty(uint256 slashed) private {
        vm.expectEmit(address(challenges));
        emit IPenalties.SilencePenalised(tradeId, slashed);
        vm.expectEmit(address(challenges));
        emit IPenalties.Awarded(tradeId, treasury, NATIVE, slashed);
    }
}
