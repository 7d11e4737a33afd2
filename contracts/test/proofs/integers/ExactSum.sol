// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LargestRemainder} from "src/libraries/LargestRemainder.sol";

/// @title The amounts of a split add up to its total
/// @dev Loops are followed five times round, which is one more than four payees need: fewer units
///      are left over than there are payees, by LeftOver.
/// @custom:targets assert
/// @custom:unroll 5
contract ExactSum {
    function prove_OnePayee(uint128 total, address[] calldata payees, uint32[] calldata weights) external pure {
        require(payees.length == 1 && weights.length == 1);
        uint128[] memory amounts = LargestRemainder.split(total, payees, weights);
        assert(amounts[0] == total);
    }

    function prove_TwoPayees(uint128 total, address[] calldata payees, uint32[] calldata weights) external pure {
        require(payees.length == 2 && weights.length == 2);
        uint128[] memory amounts = LargestRemainder.split(total, payees, weights);
        assert(uint256(amounts[0]) + amounts[1] == total);
    }

    function prove_ThreePayees(uint128 total, address[] calldata payees, uint32[] calldata weights)
        external
        pure
    {
        require(payees.length == 3 && weights.length == 3);
        uint128[] memory amounts = LargestRemainder.split(total, payees, weights);
        assert(uint256(amounts[0]) + amounts[1] + amounts[2] == total);
    }

    function prove_FourPayees(uint128 total, address[] calldata payees, uint32[] calldata weights) external pure {
        require(payees.length == 4 && weights.length == 4);
        uint128[] memory amounts = LargestRemainder.split(total, payees, weights);
        assert(uint256(amounts[0]) + amounts[1] + amounts[2] + amounts[3] == total);
    }
}
