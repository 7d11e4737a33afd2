// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Splits an amount by integer weights without losing a unit
/// @notice Hamilton's method: everyone gets the rounded-down share, and the units left over go one
///         each to the largest remainders; equal remainders go to the lower address first, so the
///         result does not depend on anyone's choice of order.
library LargestRemainder {
    /// @notice There is nothing to divide by.
    error NoWeights();

    /// @param payees Strictly ascending, so that a position orders as its address does.
    function split(uint128 total, address[] calldata payees, uint32[] calldata weights)
        internal
        pure
        returns (uint128[] memory amounts)
    {
        uint256 count = payees.length;
        uint256 sum;
        for (uint256 i = 0; i < count; ++i) {
            sum += weights[i];
        }
        if (sum == 0) revert NoWeights();

        amounts = new uint128[](count);
        uint256[] memory remainders = new uint256[](count);
        uint256 left = total;
        for (uint256 i = 0; i < count; ++i) {
            uint256 product = uint256(total) * weights[i];
            // casting to uint128 is safe: a share never exceeds the total
            amounts[i] = uint128(product / sum);
            remainders[i] = product % sum;
            left -= amounts[i];
        }
        // Fewer units are left than there are non-zero remainders, so nobody gets two.
        for (; left > 0; --left) {
            uint256 best;
            for (uint256 i = 1; i < count; ++i) {
                if (remainders[i] > remainders[best]) best = i;
            }
            ++amounts[best];
            remainders[best] = 0;
        }
    }
}
