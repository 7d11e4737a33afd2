// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IChallenges} from "../../src/interfaces/IChallenges.sol";
import {State} from "../../src/types/Trade.sol";
import {JudgedTrade} from "./market/JudgedTrade.sol";

/// @title Tests of how a challenge is announced, by Announcements.tree
contract AnnouncementsTest is JudgedTrade {
    function setUp() public {
        vm.warp(1_800_000_000);
        _deploy(NATIVE);
    }

    // ----------------------------------------------------------------- announcement

    function testFuzz_SaysWhenItWasAnnounced(address by, bytes32 seal) public {
        assertEq(challenges.announcedAt(seal), 0);
        vm.expectEmit(address(challenges));
        emit IChallenges.ChallengeAnnounced(seal);
        vm.prank(by);
        challenges.announce(seal);
        assertEq(challenges.announcedAt(seal), vm.getBlockTimestamp());
    }

    function testFuzz_RefusesTheSameSealAgain(bytes32 seal, uint32 later) public {
        uint256 first = vm.getBlockTimestamp();
        challenges.announce(seal);
        skip(later);
        vm.expectRevert(abi.encodeWithSelector(IChallenges.AlreadyAnnounced.selector, seal));
        challenges.announce(seal);
        assertEq(challenges.announcedAt(seal), first);
    }

    // -------------------------------------------------------------------- challenge

    function testFuzz_IsTakenFromTheEndOfTheDelayOn(uint24 later) public {
        _decide();
        challenges.announce(_sealOf(CHALLENGER));
        vm.warp(bound(later, vm.getBlockTimestamp() + ANNOUNCEMENT_DELAY, _deadline()));
        _sendChallenge(CHALLENGER, BOND);
        assertEq(challenges.challengeOf(tradeId).challenger, CHALLENGER);
    }

    function testFuzz_IsRefusedBefore(uint16 early) public {
        _decide();
        _refuse(CHALLENGER, 0);
        uint256 from = vm.getBlockTimestamp() + ANNOUNCEMENT_DELAY;
        challenges.announce(_sealOf(CHALLENGER));
        vm.warp(from - 1 - early % ANNOUNCEMENT_DELAY);
        _refuse(CHALLENGER, from);
        vm.warp(from);
        _sendChallenge(CHALLENGER, BOND);
    }

    function test_UsesTheAnnouncementUp() public {
        _decide();
        _announce(CHALLENGER);
        _sendChallenge(CHALLENGER, BOND);
        assertEq(challenges.announcedAt(_sealOf(CHALLENGER)), 0);
        _refuse(CHALLENGER, 0);
    }

    function test_NeedsNoVerdictAtTheAnnouncement() public {
        _fund();
        _announce(CHALLENGER);
        _judge(7, 3);
        _sendChallenge(CHALLENGER, BOND);
        assertEq(uint8(_state()), uint8(State.Disputed));
    }

    // ---------------------------------------------------------------- another's seal

    function testFuzz_RefusesWhoCopiesAChallengeThatWaits(address copycat) public {
        assumeNotForgeAddress(copycat);
        vm.assume(copycat != CHALLENGER && copycat != address(0));
        _decide();
        _announce(CHALLENGER);
        _refuse(copycat, 0); // with claim and salt of the one that it saw
        challenges.announce(_sealOf(copycat));
        _refuse(copycat, vm.getBlockTimestamp() + ANNOUNCEMENT_DELAY);
        _sendChallenge(CHALLENGER, BOND);
    }

    function testFuzz_RefusesAnotherTradeOrClaimOrSalt(uint256 pick, bytes32 change) public {
        vm.assume(change != 0);
        _decide();
        (bytes32 id, bytes32 claim, bytes32 salt) = (tradeId, "claim", SALT);
        if (pick % 3 == 0) id ^= change;
        if (pick % 3 == 1) claim ^= change;
        if (pick % 3 == 2) salt ^= change;
        challenges.announce(challenges.sealOf(id, CHALLENGER, claim, salt));
        skip(ANNOUNCEMENT_DELAY);
        _refuse(CHALLENGER, 0);
    }

    function testFuzz_BindsTheSealToChainAndContract(uint64 chain, bytes32 id, address by, bytes32 salt) public {
        vm.assume(chain != 0);
        vm.chainId(chain);
        bytes32 seal = keccak256(abi.encode(chain, address(challenges), id, by, bytes32("claim"), salt));
        assertEq(challenges.sealOf(id, by, "claim", salt), seal);
    }

    // ---------------------------------------------------------------------- private

    function _decide() private {
        _fund();
        _judge(7, 3);
    }

    function _refuse(address by, uint256 from) private {
        vm.expectRevert(abi.encodeWithSelector(IChallenges.NotAnnounced.selector, _sealOf(by), from));
        this.challengeBy(by);
    }

    function challengeBy(address by) external {
        _sendChallenge(by, BOND);
    }
}
