// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {LargestRemainder} from "../../src/libraries/LargestRemainder.sol";
import {Splitter} from "../Splitter.sol";

/// @title Tests of the split, by LargestRemainder.tree
contract LargestRemainderTest is Test {
    uint256 private constant MOST = 32;
    Splitter private _splitter;

    function setUp() public {
        _splitter = new Splitter();
    }

    function test_RefusesAnEmptyList() public {
        vm.expectRevert(LargestRemainder.NoWeights.selector);
        _splitter.split(5, new address[](0), new uint32[](0));
    }

    function testFuzz_RefusesWeightsThatAreAllZero(uint128 total, uint8 count) public {
        count = uint8(bound(count, 1, MOST));
        vm.expectRevert(LargestRemainder.NoWeights.selector);
        _splitter.split(total, _payees(count), new uint32[](count));
    }

    function test_PanicsWhereAPayeeHasNoWeight() public {
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x32));
        _splitter.split(5, _payees(2), new uint32[](1));
    }

    function testFuzz_PaysOutTheTotalToTheUnit(uint128 total, uint32[] memory weights) public view {
        weights = _useful(weights);
        assertEq(_sum(_split(total, weights)), total);
    }

    function testFuzz_GivesTheShareRoundedDownOrOneUnitMore(uint128 total, uint32[] memory weights) public view {
        weights = _useful(weights);
        uint256 sum = _sum(weights);
        uint128[] memory amounts = _split(total, weights);
        for (uint256 i = 0; i < weights.length; ++i) {
            uint256 share = uint256(total) * weights[i] / sum;
            assertGe(amounts[i], share);
            assertLe(amounts[i], share + 1);
        }
    }

    function testFuzz_GivesNothingForAWeightOfZero(uint128 total, uint32[] memory weights, uint256 which)
        public
        view
    {
        weights = _useful(weights);
        which = bound(which, 0, weights.length - 1);
        weights[which] = 0;
        vm.assume(_sum(weights) > 0);
        assertEq(_split(total, weights)[which], 0);
    }

    function testFuzz_GivesTheUnitsLeftOverToTheLargestRemainders(uint128 total, uint32[] memory weights)
        public
        view
    {
        weights = _useful(weights);
        uint256 sum = _sum(weights);
        uint128[] memory amounts = _split(total, weights);
        for (uint256 i = 0; i < weights.length; ++i) {
            bool favoured = amounts[i] > uint256(total) * weights[i] / sum;
            for (uint256 j = 0; j < weights.length; ++j) {
                if (!favoured || amounts[j] > uint256(total) * weights[j] / sum) continue;
                assertGe(_remainder(total, weights[i], sum), _remainder(total, weights[j], sum));
            }
        }
    }

    function test_GivesAUnitToTheLowerAddressWhereRemaindersAreEqual() public view {
        uint32[] memory weights = new uint32[](3);
        (weights[0], weights[1], weights[2]) = (7, 7, 7);
        uint128[] memory amounts = _split(11, weights);
        assertEq(amounts[0], 4);
        assertEq(amounts[1], 4);
        assertEq(amounts[2], 3);
    }

    function testFuzz_NeverGivesLessForMoreWeight(uint128 total, uint32[] memory weights) public view {
        weights = _useful(weights);
        uint128[] memory amounts = _split(total, weights);
        for (uint256 i = 0; i < weights.length; ++i) {
            for (uint256 j = 0; j < weights.length; ++j) {
                if (weights[i] > weights[j]) assertGe(amounts[i], amounts[j]);
            }
        }
    }

    function testFuzz_DependsOnTheProportionsOnly(uint128 total, uint16[] memory small, uint16 factor) public view {
        factor = uint16(bound(factor, 1, type(uint16).max));
        uint32[] memory weights = new uint32[](small.length);
        for (uint256 i = 0; i < small.length; ++i) {
            weights[i] = small[i];
        }
        weights = _useful(weights);
        vm.assume(weights[0] <= type(uint16).max);
        uint32[] memory scaled = new uint32[](weights.length);
        for (uint256 i = 0; i < weights.length; ++i) {
            scaled[i] = weights[i] * factor;
        }
        assertEq(abi.encode(_split(total, scaled)), abi.encode(_split(total, weights)));
    }

    function testFuzz_GivesEverythingToASinglePayee(uint128 total, uint32 weight) public view {
        uint32[] memory weights = new uint32[](1);
        weights[0] = uint32(bound(weight, 1, type(uint32).max));
        assertEq(_split(total, weights)[0], total);
    }

    function test_SplitsTheLargestAmountByTheLargestWeights() public view {
        uint32[] memory weights = new uint32[](MOST);
        for (uint256 i = 0; i < MOST; ++i) {
            weights[i] = type(uint32).max;
        }
        assertEq(_sum(_split(type(uint128).max, weights)), type(uint128).max);
    }

    /// @dev Fuzzed weights, cut to the market's size and with one that is not zero.
    function _useful(uint32[] memory weights) private pure returns (uint32[] memory) {
        if (weights.length == 0) weights = new uint32[](1);
        if (weights.length > MOST) {
            assembly ("memory-safe") {
                mstore(weights, MOST)
            }
        }
        if (_sum(weights) == 0) weights[0] = 1;
        return weights;
    }

    function _split(uint128 total, uint32[] memory weights) private view returns (uint128[] memory) {
        return _splitter.split(total, _payees(weights.length), weights);
    }

    function _payees(uint256 count) private pure returns (address[] memory payees) {
        payees = new address[](count);
        for (uint160 i = 0; i < count; ++i) {
            payees[i] = address(0x1000 + i);
        }
    }

    function _remainder(uint128 total, uint32 weight, uint256 sum) private pure returns (uint256) {
        return uint256(total) * weight % sum;
    }

    function _sum(uint128[] memory amounts) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            sum += amounts[i];
        }
    }

    function _sum(uint32[] memory weights) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < weights.length; ++i) {
            sum += weights[i];
        }
    }
}
