// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChallenges} from "../../src/interfaces/IChallenges.sol";
import {IParticipantRegistry} from "../../src/interfaces/IParticipantRegistry.sol";
import {AttemptRecord, Deal, Gate, Request, State} from "../../src/types/Trade.sol";
import {JudgedTrade} from "./market/JudgedTrade.sol";

/// @title Tests of rulings by jurors to whom the verdict matters, by InterestedJurors.tree
contract InterestedJurorsTest is JudgedTrade {
    function setUp() public {
        vm.warp(1_800_000_000);
        _deploy(NATIVE);
        _stakeAll();
    }

    function testFuzz_BarsWhomTheRequestNamesFromUpholding(uint8 seat, uint8 role, bool passed) public {
        (seat, role) = (seat % uint8(SEATS), role % 3);
        Request memory r = _requestOf(NATIVE);
        r.maxAttempts = 1;
        if (role == 0) r.buyer = jurors[seat];
        if (role == 1) r.broker = jurors[seat];
        if (role == 2) r.auditor = jurors[seat];
        _fund(r);
        _judge(7, passed ? 3 : 4);
        _challenge();
        // Of the three the buyer alone gains where a verdict falls.
        _assertBarred(uint16(1 << seat), role == 0 ? uint16(1 << seat) : 0);
    }

    function testFuzz_BarsWhoIsOfOneGroupWithOneOfThem(uint8 seat, uint8 role, bool passed) public {
        (seat, role) = (seat % uint8(SEATS), role % 4);
        Request memory r = _requestOf(NATIVE);
        (r.auditor, r.maxAttempts) = (everyone[6], 1);
        _tie([r.buyer, r.broker, r.auditor, treasury][role], jurors[seat]);
        _tie(address(0x99), jurors[(seat + 1) % SEATS]);
        _fund(r);
        _judge(7, passed ? 3 : 4);
        _challenge();
        _assertBarred(uint16(1 << seat), role == 0 && passed ? uint16(1 << seat) : 0);
    }

    /// @dev Who made the judges reject a good model would join the groups of those who could say so.
    function test_LetsABuyerBarNobodyFromOverturningARejection() public {
        _tie(jurors[0], everyone[3]);
        _fundForOneAttempt();
        AttemptRecord memory record = _judge(7, 4);
        _challenge();
        _assertBarred(1, 0);
        _refuse(record, true, 3, 1);
        this.ruleBy(record, false, 3);
    }

    function testFuzz_BarsWhoIsOfOneGroupWithAJudgeFromUpholding(uint8 seat, uint8 judge, bool passed) public {
        (seat, judge) = (seat % uint8(SEATS), judge % uint8(SEATS));
        _tie(members[judge], jurors[seat]);
        Request memory r = _requestOf(NATIVE);
        r.maxAttempts = 1;
        _fund(r);
        AttemptRecord memory record = _judge(7, passed ? 3 : 4);
        _challenge();
        _assertBarred(uint16(1 << seat), 0);
        uint16 others = uint16(7 ^ 1 << seat);
        _refuse(record, true, 7, uint16(1 << seat));
        this.ruleBy(record, passed == (seat == 0), passed == (seat == 0) ? others : 7);
    }

    function testFuzz_RefusesAJurorAndItsGroupAsChallengers(uint8 seat, bool affiliate) public {
        seat %= uint8(SEATS);
        _tie(CHALLENGER, jurors[seat]);
        _fund();
        _judge(7, 3);
        uint256 bond = _bond();
        hoax(affiliate ? CHALLENGER : jurors[seat], bond);
        (bool done, bytes memory refusal) =
            address(challenges).call{value: bond}(_challengeCall("claim"));
        assertFalse(done);
        assertEq(
            refusal, abi.encodeWithSelector(IChallenges.ConflictedJurors.selector, uint16(1 << seat))
        );
        _challenge(everyone[3], bond); // a party may
        _assertBarred(0, 0);
    }

    function testFuzz_BarsTheExpertsOfAPassFromUpholdingIt(uint8 seat, uint8 which) public {
        seat %= uint8(SEATS);
        _tie(_experts()[which % 2], jurors[seat]);
        _tie(everyone[3], jurors[(seat + 1) % SEATS]);
        _fund();
        _judge(7, 3);
        _challenge();
        uint16 buyers = uint16(1 << (seat + 1) % SEATS);
        _assertBarred(uint16(1 << seat) | buyers, buyers);
    }

    function test_BarsNoExpertOfARejection() public {
        _tie(_experts()[0], jurors[1]);
        _fundForOneAttempt();
        _judge(7, 4);
        _challenge();
        _assertBarred(0, 0);
    }

    function test_TakesTheGroupsOfThatSecond() public {
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        _tie(everyone[3], jurors[0]); // after the verdict, before the challenge
        _challenge();
        IParticipantRegistry registry = market.registry();
        vm.prank(jurors[0]);
        registry.leaveGroup();
        _tie(treasury, jurors[1]); // too late to matter
        _assertBarred(1, 1);
        _refuse(record, false, 3, 1);
        this.ruleBy(record, false, 6);
    }

    function testFuzz_RefusesOtherExpertsThanThoseOfTheDecision(uint8 pick, bytes32 change) public {
        vm.assume(change != 0);
        _fund();
        _judge(7, 3);
        (Deal memory deal, Gate memory gate) = (_deal(), _gate());
        (bytes32 amounts, bytes32 record) = (_amountsHash(), _deciding);
        pick %= 5;
        if (pick == 0) deal.threshold ^= uint32(1 + uint256(change) % type(uint32).max);
        if (pick == 1) gate.experts[0] = address(uint160(uint256(change)));
        if (pick == 2) gate.weights[1] ^= uint32(1 + uint256(change) % type(uint32).max);
        if (pick == 3) amounts ^= change;
        if (pick == 4) record ^= change;
        vm.assume(gate.experts[0] != _experts()[0] || pick != 1);
        uint256 bond = _bond();
        vm.deal(address(this), bond);
        _announce(address(this));
        vm.expectPartialRevert(IChallenges.UnknownDecision.selector);
        challenges.challenge{value: bond}(
            request, deal, gate, amounts, record, judges(), jury(), "claim", SALT
        );
    }

    // ---------------------------------------------------------------------- rulings

    function testFuzz_RefusesARulingInTheInterestOfWhoSignsIt(bool expert, bool upholds, uint8 pick) public {
        _tie(expert ? _experts()[1] : everyone[3], jurors[1]);
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        _challenge();
        bool interested = upholds || !expert;
        uint16 signers = _quorum(pick);
        if (interested && signers & 2 != 0) _refuse(record, upholds, signers, 2);
        this.ruleBy(record, upholds, interested ? 5 : signers);
        assertEq(challenges.challengeOf(tradeId).challenger, address(0));
    }

    function test_GivesTheBondBackWhereTooFewAreLeft() public {
        _tie(everyone[3], jurors[0]);
        _tie(everyone[5], jurors[2]);
        _fund();
        AttemptRecord memory record = _judge(7, 3);
        uint256 bond = _challenge();
        _assertBarred(5, 1);
        _refuse(record, true, 6, 4);
        _refuse(record, false, 3, 1);
        skip(RULING_WINDOW + 1);
        challenges.lapse(request);
        assertEq(_credit(CHALLENGER), bond);
        assertEq(uint8(_settle(record)), uint8(State.Settled));
    }

    // ---------------------------------------------------------------------- private

    function ruleBy(AttemptRecord memory record, bool upholds, uint16 signers) external {
        if (upholds) _uphold(signers);
        else _overturn(record, signers);
    }

    function _refuse(AttemptRecord memory record, bool upholds, uint16 signers, uint16 seats) private {
        vm.expectRevert(abi.encodeWithSelector(IChallenges.ConflictedJurors.selector, seats));
        this.ruleBy(record, upholds, signers);
    }

    function _assertBarred(uint16 fromUpholding, uint16 fromOverturning) private view {
        assertEq(challenges.challengeOf(tradeId).mayNotUphold, fromUpholding);
        assertEq(challenges.challengeOf(tradeId).mayNotOverturn, fromOverturning);
    }

    /// @dev One group of both, which counts at once.
    function _tie(address founder, address other) private {
        IParticipantRegistry registry = market.registry();
        vm.startPrank(founder);
        bytes32 group = registry.foundGroup("tied");
        registry.setInvitation(other, true);
        vm.stopPrank();
        vm.prank(other);
        registry.joinGroup(group);
    }
}
