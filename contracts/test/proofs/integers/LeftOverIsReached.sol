// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title The bounds of LeftOver are the smallest that hold
/// @custom:targets assert
/// @custom:unroll 1
contract LeftOverIsReached {
    function refute_TwoPayees(uint128 total, uint32 a, uint32 b) external pure {
        uint256 sum = uint256(a) + b;
        require(sum > 0);
        uint256 left = total;
        left -= uint256(total) * a / sum;
        left -= uint256(total) * b / sum;
        assert(left < 1);
    }

    function refute_ThreePayees(uint128 total, uint32 a, uint32 b, uint32 c) external pure {
        uint256 sum = uint256(a) + b + c;
        require(sum > 0);
        uint256 left = total;
        left -= uint256(total) * a / sum;
        left -= uint256(total) * b / sum;
        left -= uint256(total) * c / sum;
        assert(left < 2);
    }
}
