// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Fewer units are left over than there are payees, and no step overflows
/// @custom:targets assert underflow overflow divByZero
/// @custom:unroll 1
contract LeftOver {
    function prove_TwoPayees(uint128 total, uint32 a, uint32 b) external pure {
        uint256 sum = uint256(a) + b;
        require(sum > 0);
        uint256 left = total;
        left -= uint256(total) * a / sum;
        left -= uint256(total) * b / sum;
        assert(left < 2);
    }

    function prove_ThreePayees(uint128 total, uint32 a, uint32 b, uint32 c) external pure {
        uint256 sum = uint256(a) + b + c;
        require(sum > 0);
        uint256 left = total;
        left -= uint256(total) * a / sum;
        left -= uint256(total) * b / sum;
        left -= uint256(total) * c / sum;
        assert(left < 3);
    }

    function prove_FourPayees(uint128 total, uint32 a, uint32 b, uint32 c, uint32 d) external pure {
        uint256 sum = uint256(a) + b + c + d;
        require(sum > 0);
        uint256 left = total;
        left -= uint256(total) * a / sum;
        left -= uint256(total) * b / sum;
        left -= uint256(total) * c / sum;
        left -= uint256(total) * d / sum;
        assert(left < 4);
    }
}
