// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Quorum} from "../../src/libraries/Quorum.sol";
import {Committee} from "../../src/types/Committee.sol";

/// @title Tests of a committee's quorum, by Quorum.tree
/// @dev Seats are not sorted by address here: the library trusts the committee's digest for that.
contract QuorumTest is Test {
    uint256 private constant SEATS = 16;
    address[] private _members;

    function setUp() public {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            _members.push(vm.addr(1 + seat));
        }
    }

    function testFuzz_ReturnsHowMany(uint16 signers, uint8 threshold, bytes32 digest) public view {
        vm.assume(signers != 0);
        threshold = uint8(bound(threshold, 1, _ones(signers)));
        assertEq(this.verify(_judges(threshold), signers, digest, _sign(signers, digest)), _ones(signers));
    }

    function testFuzz_RefusesFewerSignersThanTheThreshold(uint16 signers, uint8 threshold) public {
        threshold = uint8(bound(threshold, _ones(signers) + 1, type(uint8).max));
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumNotReached.selector, _ones(signers), threshold));
        this.verify(_judges(threshold), signers, "digest", _sign(signers, "digest"));
    }

    function test_RefusesNobodyEvenWhereTheThresholdIsZero() public {
        vm.expectRevert(abi.encodeWithSelector(Quorum.QuorumNotReached.selector, 0, 0));
        this.verify(_judges(0), 0, "digest", "");
    }

    function testFuzz_RefusesASeatThatTheCommitteeDoesNotHave(uint16 signers, uint8 seats) public {
        seats = uint8(bound(seats, 0, SEATS - 1));
        vm.assume(signers >> seats != 0);
        bytes memory signatures = _sign(signers, "digest");
        Committee memory judges = _judges(1);
        address[] memory members = judges.members;
        assembly ("memory-safe") {
            mstore(members, seats)
        }
        vm.expectRevert(abi.encodeWithSelector(Quorum.NoSuchSeat.selector, signers, seats));
        this.verify(judges, signers, "digest", signatures);
    }

    function testFuzz_RefusesSignaturesOfAnotherLength(uint16 signers, uint16 length) public {
        vm.assume(signers != 0 && length != 64 * _ones(signers));
        vm.expectRevert(
            abi.encodeWithSelector(Quorum.SignaturesLengthMismatch.selector, length, 64 * _ones(signers))
        );
        this.verify(_judges(1), signers, "digest", new bytes(length));
    }

    function testFuzz_RefusesASignatureOverAnotherDigest(uint16 signers, bytes32 digest, bytes32 other) public {
        vm.assume(signers != 0 && digest != other);
        vm.expectPartialRevert(Quorum.BadSeatSignature.selector);
        this.verify(_judges(1), signers, digest, _sign(signers, other));
    }

    function testFuzz_RefusesOneSignerInTwoSeats(uint8 one, uint8 two) public {
        one = uint8(bound(one, 0, SEATS - 2));
        two = uint8(bound(two, one + 1, SEATS - 1));
        bytes memory signature = _sign(uint16(1 << one), "digest");
        uint16 signers = uint16(1 << one | 1 << two);
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadSeatSignature.selector, two, _members[two]));
        this.verify(_judges(2), signers, "digest", bytes.concat(signature, signature));
    }

    function testFuzz_RefusesAStranger(uint8 seat, uint256 key) public {
        seat = uint8(bound(seat, 0, SEATS - 1));
        key = bound(key, SEATS + 1, type(uint128).max);
        (bytes32 r, bytes32 vs) = vm.signCompact(key, "digest");
        vm.expectRevert(abi.encodeWithSelector(Quorum.BadSeatSignature.selector, seat, _members[seat]));
        this.verify(_judges(1), uint16(1 << seat), "digest", abi.encodePacked(r, vs));
    }

    function testFuzz_CountsEachBitOnce(uint16 signers) public pure {
        assertEq(Quorum.signerCount(signers), _ones(signers));
    }

    function verify(Committee calldata judges, uint16 signers, bytes32 digest, bytes calldata signatures)
        external
        pure
        returns (uint256)
    {
        Quorum.verify(judges, signers, digest, signatures);
        return Quorum.requireQuorum(judges, signers, signatures);
    }

    function _judges(uint8 threshold) private view returns (Committee memory) {
        return Committee(1, threshold, _members);
    }

    function _sign(uint16 signers, bytes32 digest) private pure returns (bytes memory signatures) {
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (signers >> seat & 1 == 0) continue;
            (bytes32 r, bytes32 vs) = vm.signCompact(1 + seat, digest);
            signatures = bytes.concat(signatures, r, vs);
        }
    }

    function _ones(uint256 set) private pure returns (uint256 ones) {
        for (; set != 0; set >>= 1) {
            ones += set & 1;
        }
    }
}
