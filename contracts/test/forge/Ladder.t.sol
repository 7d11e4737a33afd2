// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ILadder} from "../../src/interfaces/ILadder.sol";
import {Ladder} from "../../src/Ladder.sol";
import {Quorum} from "../../src/libraries/Quorum.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Development, Standing} from "../../src/types/Development.sol";
import {Office} from "./office/Office.sol";

/// @title Tests of the scores of development rounds, by Ladder.tree
contract LadderTest is Office {
    uint32 private constant PARTS = 1_000_000;
    address private constant SPONSOR = address(0x5b0);
    bytes32 private constant RELEASE = keccak256(
        "Release(bytes32 developmentId,uint32 committeeVersion,uint16 round,bytes32 model,"
        "uint32 released,bytes32 evidence)"
    );

    Ladder private _ladder;
    Development private _development;

    function setUp() public {
        _openOffice();
        _ladder = new Ladder(_committee);
        _development = Development(SPONSOR, _inOffice(), "rows", 100_000, 3, "salt");
    }

    // ------------------------------------------------------------------- opening

    function test_StartsWithoutARound() public {
        vm.expectEmit(address(_ladder));
        emit ILadder.DevelopmentOpened(_id(), SPONSOR, _development);
        vm.prank(SPONSOR);
        assertEq(_ladder.open(_development), _id());
        assertEq(_ladder.developmentIdOf(_development), _id());
        _assertStanding(0, 0);
    }

    function testFuzz_TakesItsSponsor(address other) public {
        vm.assume(other != SPONSOR);
        vm.expectRevert(abi.encodeWithSelector(ILadder.NotSponsor.selector, other, SPONSOR));
        vm.prank(other);
        _ladder.open(_development);
    }

    function test_IsOpenedOnce() public {
        _open();
        vm.expectRevert(abi.encodeWithSelector(ILadder.DevelopmentExists.selector, _id()));
        _open();
    }

    function testFuzz_NeedsAStepThatDividesTheWhole(uint32 step) public {
        step = uint32(bound(step, 0, PARTS + 2));
        _development.step = step;
        if (step == 0 || step * (PARTS / step) != PARTS) {
            vm.expectRevert(abi.encodeWithSelector(ILadder.InvalidStep.selector, step));
        }
        _open();
    }

    function test_NeedsRounds() public {
        _development.maxRounds = 0;
        vm.expectRevert(abi.encodeWithSelector(ILadder.InvalidDevelopment.selector, "maxRounds"));
        _open();
    }

    function test_NeedsRows() public {
        _development.validationRoot = 0;
        vm.expectRevert(abi.encodeWithSelector(ILadder.InvalidDevelopment.selector, "validationRoot"));
        _open();
    }

    function testFuzz_NamesTheCommitteeInOffice(bytes32 other) public {
        vm.assume(other != _inOffice());
        _development.committee = other;
        vm.expectRevert(abi.encodeWithSelector(ILadder.CommitteeMismatch.selector, other, _inOffice()));
        _open();
    }

    function test_NeedsACommitteeInOffice() public {
        _ladder = new Ladder(_newCommittee());
        _development.committee = 0;
        vm.expectRevert(abi.encodeWithSelector(ILadder.CommitteeMismatch.selector, 0, 0));
        _open();
    }

    // ----------------------------------------------------------------- releasing

    function test_IsCountedAndLogged() public {
        _open();
        bytes memory signatures = _signAll(QUORUM, _digestOf(1, "model", 500_000));
        vm.expectEmit(address(_ladder));
        emit ILadder.ScoreReleased(_id(), 1, "model", 500_000, "evidence", QUORUM, signatures);
        _release(1, "model", 500_000);
        _assertStanding(1, 500_000);
        assertTrue(_ladder.wasReleased(_id(), "model"));
        assertFalse(_ladder.wasReleased(_id(), "another"));
    }

    function testFuzz_IsSignedAsEIP712Says(uint16 round, bytes32 model, uint32 released) public view {
        bytes32 digest = _ladder.releaseDigest(_id(), 1, round, model, released, "evidence");
        assertEq(digest, _digestOf(round, model, released));
    }

    function testFuzz_StartsOnAnyStep(uint32 released) public {
        _open();
        released = _nearAStep(released);
        if (released % 100_000 != 0 || released > PARTS) _expectOff(released, 0);
        _release(1, "model", released);
    }

    function testFuzz_StaysOrClimbsByWholeSteps(uint32 best, uint32 released) public {
        _open();
        best = 100_000 * uint32(bound(best, 0, 10));
        released = _nearAStep(released);
        _release(1, "model", best);
        bool climbs = released > best && released % 100_000 == 0 && released <= PARTS;
        if (released != best && !climbs) _expectOff(released, best);
        _release(2, "another", released);
        if (released == best || climbs) _assertStanding(2, released);
    }

    function test_NeedsASeries() public {
        vm.expectRevert(abi.encodeWithSelector(ILadder.UnknownDevelopment.selector, _id()));
        _release(1, "model", 0);
    }

    function test_TakesTheSeriesOwnCommittee() public {
        _open();
        Committee memory other = _judges();
        other.threshold = 1;
        bytes memory signature = _signAll(1, _digestOf(1, "model", 0));
        vm.expectRevert(
            abi.encodeWithSelector(ILadder.CommitteeMismatch.selector, keccak256(abi.encode(other)), _inOffice())
        );
        _ladder.release(_development, other, "model", 0, "evidence", 1, signature);
    }

    function test_EndsWithTheRounds() public {
        _open();
        for (uint16 round = 1; round <= 3; ++round) {
            _release(round, bytes32(uint256(round)), 0);
        }
        vm.expectRevert(abi.encodeWithSelector(ILadder.OutOfRounds.selector, 3));
        _release(4, "model", 0);
    }

    function test_AnswersForAModelOnce() public {
        _open();
        _release(1, "model", 0);
        vm.expectRevert(abi.encodeWithSelector(ILadder.AlreadyReleased.selector, bytes32("model")));
        _release(2, "model", 100_000);
    }

    function test_NeedsAQuorum() public {
        _open();
        bytes memory signature = _signAll(2, _digestOf(1, "model", 0));
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumNotReached.selector, 1, 2));
        _ladder.release(_development, _judges(), "model", 0, "evidence", 2, signature);
    }

    function testFuzz_NeedsSignaturesOverThisVeryRelease(uint16 round, uint32 released) public {
        vm.assume(round != 1 || released != 500_000);
        _open();
        bytes memory signatures = _signAll(QUORUM, _digestOf(round, "model", released));
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadSeatSignature.selector, 0, _members[0]));
        _ladder.release(_development, _judges(), "model", 500_000, "evidence", QUORUM, signatures);
    }

    // -------------------------------------------------------------------- within

    function _open() private {
        vm.prank(SPONSOR);
        _ladder.open(_development);
    }

    function _release(uint16 round, bytes32 model, uint32 released) private {
        bytes memory signatures = _signAll(QUORUM, _digestOf(round, model, released));
        _ladder.release(_development, _judges(), model, released, "evidence", QUORUM, signatures);
    }

    function _expectOff(uint32 released, uint32 best) private {
        vm.expectRevert(abi.encodeWithSelector(ILadder.NotOnTheLadder.selector, released, best, 100_000));
    }

    /// @dev Up to two steps above the whole; half of the draws lie on a step.
    function _nearAStep(uint32 draw) private pure returns (uint32) {
        draw %= 1_200_001;
        return draw % 2 == 0 ? draw : draw - draw % 100_000;
    }

    function _assertStanding(uint16 rounds, uint32 best) private view {
        Standing memory standing = _ladder.standingOf(_id());
        assertTrue(standing.opened);
        assertEq(standing.rounds, rounds);
        assertEq(standing.best, best);
    }

    function _id() private view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(_ladder), _development));
    }

    function _digestOf(uint16 round, bytes32 model, uint32 released) private view returns (bytes32) {
        bytes32 message =
            keccak256(abi.encode(RELEASE, _id(), uint32(1), round, model, released, bytes32("evidence")));
        return _digest("Ladder", address(_ladder), message);
    }
}
