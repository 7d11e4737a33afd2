// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChallenges} from "../../src/interfaces/IChallenges.sol";
import {ICredits} from "../../src/interfaces/ICredits.sol";
import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {IPenalties} from "../../src/interfaces/IPenalties.sol";
import {Quorum} from "../../src/libraries/Quorum.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Currency} from "../../src/types/Currency.sol";
import {StatusLibrary} from "../../src/types/Status.sol";
import {AttemptRecord, State} from "../../src/types/Trade.sol";
import {BlockingToken} from "../BlockingToken.sol";
import {JudgedTrade} from "./market/JudgedTrade.sol";

/// @title Tests of verdicts that fall, and of what makes a ruling, by Rulings.tree
contract RulingsTest is JudgedTrade {
    function setUp() public {
        vm.warp(1_800_000_000);
        _deploy(NATIVE);
    }

    function test_TakesTheStakesOfThoseWhoSaidPass() public {
        _stakeAll();
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        uint256 bond = _challenge();
        uint256 slashed = 2 * WRONG_VERDICT;
        uint256 reward = slashed / 2;
        uint256 rest = slashed - reward;
        bytes memory signatures = _signRuling(_rulingDigest(tradeId, 1, record.model, EVIDENCE), 3);
        vm.expectEmit(address(market));
        emit IModelMarket.DisputeEnded(tradeId, true, _deadline() - RULING_WINDOW);
        vm.expectEmit(address(challenges));
        emit IChallenges.VerdictOverturned(tradeId, record.model, EVIDENCE, slashed, 3, signatures);
        _expectAward(CHALLENGER, bond);
        _expectAward(CHALLENGER, reward);
        _expectAward(jurors[0], rest - rest / 2);
        _expectAward(jurors[1], rest / 2);
        _overturn(record, 3);
        assertEq(_staked(0), STAKE - WRONG_VERDICT);
        assertEq(_staked(1), STAKE - WRONG_VERDICT);
        assertEq(_staked(2), STAKE); // who put on record that it found otherwise
        assertEq(_credit(CHALLENGER), bond + reward);
        assertEq(_credits(), bond + slashed);
        assertEq(_held(), bond + slashed);
        assertTrue(market.statusOf(tradeId).has(StatusLibrary.OVERTURNED));
        assertEq(uint8(_settle(record)), uint8(State.Refunded));
        assertEq(market.creditOf(everyone[3], NATIVE), _escrow()); // the rest was delivered
    }

    function test_TakesTheStakesOfThoseWhoSaidFail() public {
        _stakeAll();
        _fundForOneAttempt();
        AttemptRecord memory record = _judge(7, 2);
        uint256 bond = _challenge();
        _overturn(record, 7);
        assertEq(_staked(0), STAKE - WRONG_VERDICT);
        assertEq(_staked(1), STAKE);
        assertEq(_staked(2), STAKE - WRONG_VERDICT);
        assertEq(_credits(), bond + 2 * WRONG_VERDICT);
        assertEq(uint8(_settle(record)), uint8(State.Refunded));
    }

    function testFuzz_TakesWhatThereIsAndAwardsItToTheUnit(
        uint72[3] memory stakes,
        uint8 signers,
        uint8 verdicts,
        uint8 pick
    ) public {
        signers = uint8(_quorum(signers));
        verdicts &= signers;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (stakes[seat] != 0) _stake(seat, stakes[seat]);
        }
        _fundForOneAttempt();
        AttemptRecord memory record = _judge(signers, verdicts);
        uint256 bond = _challenge();
        uint16 jurors_ = _quorum(pick);
        _overturn(record, jurors_);

        uint16 wrong = record.delivery != 0 ? verdicts : signers & ~verdicts;
        uint256 slashed;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            uint256 taken = stakes[seat] < WRONG_VERDICT ? stakes[seat] : WRONG_VERDICT;
            if (wrong & (1 << seat) == 0) taken = 0;
            assertEq(_staked(seat), stakes[seat] - taken);
            slashed += taken;
        }
        assertEq(_credit(CHALLENGER), bond + slashed / 2);
        uint256 left = slashed - slashed / 2;
        uint256 count = _ones(jurors_);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (jurors_ & (1 << seat) == 0) continue;
            uint256 part = (left + count - 1) / count;
            assertEq(_credit(jurors[seat]), part);
            (left, count) = (left - part, count - 1);
        }
        assertEq(_credits(), bond + slashed);
        assertEq(_held(), bond + slashed);
    }

    function test_PaysTheBondBackInTheCurrencyOfTheTrade() public {
        _stakeAll();
        _fund(_requestOf(Currency.wrap(token)));
        AttemptRecord memory record = _judge(7, 3);
        uint128 bond = _bond();
        _giveTokens(CHALLENGER, address(challenges), bond);
        _challenge();
        _overturn(record, 3);
        assertEq(challenges.creditOf(CHALLENGER, Currency.wrap(token)), bond);
        assertEq(_credit(CHALLENGER), WRONG_VERDICT);
    }

    // ----------------------------------------------------------------------- paying

    function test_FetchesItFromTheCommitteeOnce() public {
        _stakeAll();
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        uint256 bond = _challenge();
        _overturn(record, 3);
        assertEq(address(challenges).balance, bond);
        assertEq(office.creditOf(address(challenges), NATIVE), 2 * WRONG_VERDICT);
        vm.expectEmit(address(office));
        emit ICredits.CreditWithdrawn(address(challenges), NATIVE, address(challenges), 2 * WRONG_VERDICT);
        vm.prank(jurors[0]);
        uint256 first = challenges.withdrawCredit(NATIVE, jurors[0]);
        assertEq(office.creditOf(address(challenges), NATIVE), 0);
        assertEq(address(challenges).balance, bond + 2 * WRONG_VERDICT - first);
        address[2] memory rest = [jurors[1], CHALLENGER];
        for (uint256 i = 0; i < 2; ++i) {
            uint256 credit = _credit(rest[i]);
            vm.prank(rest[i]);
            assertEq(challenges.withdrawCredit(NATIVE, rest[i]), credit);
            assertEq(rest[i].balance, credit);
        }
        assertEq(address(challenges).balance, 0);
        assertEq(address(office).balance, 3 * STAKE - 2 * WRONG_VERDICT);
    }

    function test_NeedsNothingOfATokenThatBlocksTheArbiter() public {
        BlockingToken stakes = new BlockingToken(address(this), 3 * STAKE);
        _deploy(Currency.wrap(address(stakes)));
        stakes.approve(address(office), 3 * STAKE);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            office.stake(members[seat], STAKE);
        }
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        uint256 bond = _challenge();
        stakes.blockAccount(address(challenges));
        _overturn(record, 3);
        assertEq(office.creditOf(address(challenges), Currency.wrap(address(stakes))), 2 * WRONG_VERDICT);
        vm.prank(CHALLENGER); // the bond is of another currency
        assertEq(challenges.withdrawCredit(NATIVE, CHALLENGER), bond);
        vm.expectRevert(abi.encodeWithSelector(BlockingToken.Blocked.selector, address(challenges)));
        vm.prank(CHALLENGER);
        challenges.withdrawCredit(Currency.wrap(address(stakes)), CHALLENGER);
        assertEq(challenges.creditOf(CHALLENGER, Currency.wrap(address(stakes))), WRONG_VERDICT);
    }

    // --------------------------------------------------------------------- refusals

    function testFuzz_RefusesFewerJurorsThanAQuorum(uint8 seat, bool upholds) public {
        AttemptRecord memory record = _challenged();
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumNotReached.selector, 1, 2));
        this.ruleBy(record, upholds, uint16(1 << seat % SEATS));
    }

    function testFuzz_RefusesWhatWasSignedForSomethingElse(uint8 pick, bytes32 other, bool upholds) public {
        AttemptRecord memory record = _challenged();
        bytes32 model = upholds ? bytes32(0) : record.model;
        vm.assume(other != tradeId && other != model && other != EVIDENCE);
        bytes32 digest = [
            _rulingDigest(other, 1, model, EVIDENCE),
            _rulingDigest(tradeId, uint32(2 + uint256(other) % 1e6), model, EVIDENCE),
            _rulingDigest(tradeId, 1, other, EVIDENCE),
            _rulingDigest(tradeId, 1, upholds ? record.model : bytes32(0), EVIDENCE),
            _rulingDigest(tradeId, 1, model, other),
            other
        ][pick % 6];
        bytes memory signatures = _signRuling(digest, 3);
        vm.expectPartialRevert(Quorum.BadSeatSignature.selector);
        this.rule(record, upholds, 3, signatures);
        this.ruleBy(record, upholds, 3);
    }

    function testFuzz_RefusesItAfterTheDeadline(uint32 late, bool upholds) public {
        AttemptRecord memory record = _challenged();
        uint40 deadline = challenges.challengeOf(tradeId).deadline;
        vm.warp(uint256(deadline) + 1 + late);
        vm.expectRevert(abi.encodeWithSelector(IChallenges.RulingTooLate.selector, deadline));
        this.ruleBy(record, upholds, 3);
        vm.warp(deadline);
        this.ruleBy(record, upholds, 3);
    }

    function test_RefusesAnotherCommitteeOrPanelThanThoseOfTheRequest() public {
        AttemptRecord memory record = _challenged();
        Committee memory other = Committee(2, 2, jurors);
        bytes32 given = keccak256(abi.encode(other));
        bytes memory wrongPanel =
            abi.encodeWithSelector(IPenalties.CommitteeMismatch.selector, given, request.panel);
        vm.expectRevert(wrongPanel);
        challenges.uphold(request, other, EVIDENCE, 3, "");
        vm.expectRevert(wrongPanel);
        challenges.overturn(request, judges(), other, record, _proof(record), EVIDENCE, 3, "");
        vm.expectRevert(
            abi.encodeWithSelector(IPenalties.CommitteeMismatch.selector, given, request.committee)
        );
        challenges.overturn(request, other, jury(), record, _proof(record), EVIDENCE, 3, "");
    }

    function testFuzz_RefusesItWithoutAChallengeAndASecondOne(bool first, bool second) public {
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        bytes memory refusal = abi.encodeWithSelector(IChallenges.NoChallenge.selector, tradeId);
        vm.expectRevert(refusal);
        this.ruleBy(record, first, 3);
        _challenge();
        this.ruleBy(record, first, 3);
        vm.expectRevert(refusal);
        this.ruleBy(record, second, 3);
    }

    function test_RefusesToOverturnNoModel() public {
        AttemptRecord memory record = _challenged();
        record.model = 0;
        vm.expectRevert(abi.encodeWithSelector(IPenalties.UnknownAttempt.selector, 0));
        this.ruleBy(record, false, 3);
    }

    function testFuzz_RefusesAnAttemptThatNeverWas(uint8 pick, uint16 change) public {
        AttemptRecord memory record = _challenged();
        vm.assume(change != 0);
        pick %= 6;
        if (pick == 0) record.attempt ^= uint8(1 + change % 255);
        if (pick == 1) record.model ^= bytes32(uint256(change));
        if (pick == 2) record.delivery ^= bytes32(uint256(change));
        if (pick == 3) record.signers ^= change;
        if (pick == 4) record.verdicts ^= change;
        if (pick == 5) record.seals[change % 3] ^= bytes32(uint256(change));
        vm.expectRevert(abi.encodeWithSelector(IPenalties.UnknownAttempt.selector, record.model));
        this.ruleBy(record, false, 3);
        assertEq(uint8(_state()), uint8(State.Disputed));
    }

    // ---------------------------------------------------------- calls that may revert

    function ruleBy(AttemptRecord memory record, bool upholds, uint16 signers) external {
        if (upholds) _uphold(signers);
        else _overturn(record, signers);
    }

    function rule(AttemptRecord memory record, bool upholds, uint16 signers, bytes memory signatures) external {
        if (upholds) challenges.uphold(request, jury(), EVIDENCE, signers, signatures);
        else _overturn(record, signers, signatures);
    }

    function _challenged() private returns (AttemptRecord memory record) {
        _fund();
        record = _judge(7, 3);
        _challenge();
    }

    function _expectAward(address account, uint256 amount) private {
        vm.expectEmit(address(challenges));
        emit IPenalties.Awarded(tradeId, account, NATIVE, amount);
    }
}
