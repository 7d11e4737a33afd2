// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Seals} from "../../src/libraries/Seals.sol";
import {Committee} from "../../src/types/Committee.sol";
import {AttemptRecord, Opening} from "../../src/types/Trade.sol";

/// @title Tests of the sealed scores, by Seals.tree
contract SealsTest is Test {
    using Seals for Seals.Opened;

    uint256 private constant SEATS = 16;
    bytes32 private constant TRADE = "trade";
    uint32 private constant THRESHOLD = 700_000;

    function testFuzz_TellsWhoReachedTheThreshold(uint16 signers, uint32[16] calldata scores) public view {
        Opening[] memory openings = _openings(signers, scores, signers);
        (Seals.Opened memory opened, uint32[] memory read,) = _open(signers, scores, openings);
        assertEq(opened.seats, signers);
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            bool signed = signers >> seat & 1 == 1;
            assertEq(opened.passing >> seat & 1 == 1, signed && _score(scores[seat]) >= THRESHOLD);
            if (signed) assertEq(read[position++], _score(scores[seat]));
        }
    }

    function testFuzz_LeavesClosedWhatHasNoSalt(uint16 signers, uint16 open, uint32[16] calldata scores)
        public
        view
    {
        Opening[] memory openings = _openings(signers, scores, open);
        (Seals.Opened memory opened, uint32[] memory read, bytes32[] memory salts) =
            _open(signers, scores, openings);
        assertEq(opened.seats, signers & open);
        assertEq(opened.passing & ~opened.seats, 0);
        for (uint256 i = 0; i < read.length; ++i) {
            assertEq(read[i], openings[i].salt == 0 ? 0 : openings[i].score);
            assertEq(salts[i], openings[i].salt);
        }
    }

    function testFuzz_RefusesAnotherScore(uint16 signers, uint32[16] calldata scores, uint256 which, uint32 other)
        public
    {
        vm.assume(signers != 0);
        Opening[] memory openings = _openings(signers, scores, signers);
        which = bound(which, 0, openings.length - 1);
        vm.assume(openings[which].score != other);
        openings[which].score = other;
        vm.expectRevert(abi.encodeWithSelector(Seals.SealMismatch.selector, which));
        this.openSeals(TRADE, THRESHOLD, _judges(), _record(signers, scores), openings);
    }

    function testFuzz_RefusesAnotherNumberOfOpeningsThanOfSeals(uint16 signers, uint32[16] calldata scores, uint8 count)
        public
    {
        AttemptRecord memory record = _record(signers, scores);
        vm.assume(count != record.seals.length);
        vm.expectRevert(abi.encodeWithSelector(Seals.OpeningsMismatch.selector, count, record.seals.length));
        this.openSeals(TRADE, THRESHOLD, _judges(), record, new Opening[](count));
    }

    function testFuzz_RefusesASealOfAnotherTradeOrAttemptOrSigner(
        uint16 signers,
        uint32[16] calldata scores,
        uint256 which
    ) public {
        vm.assume(signers != 0);
        Opening[] memory openings = _openings(signers, scores, signers);
        AttemptRecord memory record = _record(signers, scores);
        Committee memory judges = _judges();
        if (which % 3 == 0) ++record.attempt;
        if (which % 3 == 1) {
            for (uint256 seat = 0; seat < SEATS; ++seat) {
                judges.members[seat] = address(uint160(0x900 + seat));
            }
        }
        vm.expectRevert(abi.encodeWithSelector(Seals.SealMismatch.selector, 0));
        this.openSeals(which % 3 == 2 ? bytes32("other") : TRADE, THRESHOLD, judges, record, openings);
    }

    function testFuzz_GoesByTheMedianOfTheSortedScores(
        uint16 signers,
        uint16 verdicts,
        uint32[16] calldata scores
    ) public view {
        vm.assume(signers != 0);
        uint32[] memory sorted = _sorted(signers, scores);
        (Seals.Opened memory opened,,) = _open(signers, scores, _openings(signers, scores, signers));
        verdicts &= signers;
        bool passed = 2 * _ones(verdicts) > _ones(signers);
        // Of two middle scores both must speak against the verdict.
        bool reached = sorted[(sorted.length - (passed ? 0 : 1)) / 2] >= THRESHOLD;
        assertEq(this.contradicts(opened, _voted(signers, verdicts)), reached != passed);
    }

    function testFuzz_CountsAClosedSealByItsSignersVerdict(
        uint16 signers,
        uint16 open,
        uint16 passing,
        uint16 verdicts
    ) public view {
        (open, verdicts) = (open & signers, verdicts & signers);
        passing &= open;
        uint256 votes;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            uint16 said = open >> seat & 1 == 1 ? passing : verdicts;
            votes += said >> seat & 1;
        }
        bool passed = 2 * _ones(verdicts) > _ones(signers);
        uint256 against = passed ? _ones(signers) - votes : votes;
        bool falls = 2 * against > _ones(signers);
        assertEq(this.contradicts(Seals.Opened(open, passing), _voted(signers, verdicts)), falls);
    }

    function testFuzz_FaultsWhoIsClosedOrSealedAgainstItsOwnVerdict(
        uint16 signers,
        uint16 open,
        uint16 passing,
        uint16 verdicts
    ) public view {
        (open, verdicts) = (open & signers, verdicts & signers);
        passing &= open;
        uint16 faulty = this.faulty(Seals.Opened(open, passing), _voted(signers, verdicts));
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            bool closed = open >> seat & 1 == 0;
            bool against = passing >> seat & 1 != verdicts >> seat & 1;
            bool signed = signers >> seat & 1 == 1;
            assertEq(faulty >> seat & 1 == 1, signed && (closed || against));
        }
    }

    function testFuzz_HoldsWhatEitherOfThemOpened(uint16 signers, uint16 one, uint16 two, uint32[16] calldata scores)
        public
        view
    {
        (Seals.Opened memory first,,) = _open(signers, scores, _openings(signers, scores, one));
        (Seals.Opened memory second,,) = _open(signers, scores, _openings(signers, scores, two));
        (Seals.Opened memory both,,) = _open(signers, scores, _openings(signers, scores, one | two));
        assertEq(abi.encode(first.merge(second)), abi.encode(both));
    }

    function openSeals(
        bytes32 tradeId,
        uint32 threshold,
        Committee calldata judges,
        AttemptRecord calldata record,
        Opening[] calldata openings
    ) external pure returns (Seals.Opened memory, uint32[] memory, bytes32[] memory) {
        return Seals.open(tradeId, threshold, judges, record, openings);
    }

    function contradicts(Seals.Opened calldata opened, AttemptRecord calldata record) external pure returns (bool) {
        return Seals.contradicts(opened, record);
    }

    function faulty(Seals.Opened calldata opened, AttemptRecord calldata record) external pure returns (uint16) {
        return Seals.faulty(opened, record);
    }

    function _voted(uint16 signers, uint16 verdicts) private pure returns (AttemptRecord memory record) {
        (record.signers, record.verdicts) = (signers, verdicts);
    }

    function _open(uint16 signers, uint32[16] calldata scores, Opening[] memory openings)
        private
        view
        returns (Seals.Opened memory, uint32[] memory, bytes32[] memory)
    {
        return this.openSeals(TRADE, THRESHOLD, _judges(), _record(signers, scores), openings);
    }

    function _record(uint16 signers, uint32[16] calldata scores) private pure returns (AttemptRecord memory r) {
        Opening[] memory openings = _openings(signers, scores, signers);
        r.attempt = 3;
        r.signers = signers;
        r.seals = new bytes32[](openings.length);
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers >> seat & 1 == 0) continue;
            Opening memory o = openings[position];
            address member = address(uint160(0x100 + seat));
            r.seals[position++] = keccak256(abi.encode(TRADE, uint8(3), member, o.score, o.salt));
        }
    }

    function _openings(uint16 signers, uint32[16] calldata scores, uint16 open_)
        private
        pure
        returns (Opening[] memory openings)
    {
        openings = new Opening[](_ones(signers));
        uint256 position;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers >> seat & 1 == 0) continue;
            bytes32 salt = open_ >> seat & 1 == 1 ? keccak256(abi.encode("salt", seat)) : bytes32(0);
            openings[position++] = Opening(_score(scores[seat]), salt);
        }
    }

    /// @dev Half of the scores lie close to the threshold.
    function _score(uint32 drawn) private pure returns (uint32) {
        return drawn % 2 == 0 ? drawn % 1_000_001 : THRESHOLD - 2 + drawn % 5;
    }

    function _sorted(uint16 seats, uint32[16] calldata scores) private pure returns (uint32[] memory sorted) {
        sorted = new uint32[](_ones(seats));
        uint256 count;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (seats >> seat & 1 == 0) continue;
            uint32 score = _score(scores[seat]);
            uint256 i = count++;
            for (; i > 0 && sorted[i - 1] > score; --i) {
                sorted[i] = sorted[i - 1];
            }
            sorted[i] = score;
        }
    }

    function _judges() private pure returns (Committee memory judges) {
        judges.members = new address[](SEATS);
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            judges.members[seat] = address(uint160(0x100 + seat));
        }
    }

    function _ones(uint256 set) private pure returns (uint256 ones) {
        for (; set != 0; set >>= 1) {
            ones += set & 1;
        }
    }
}
