// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {LargestRemainder} from "../src/libraries/LargestRemainder.sol";

/// @title Lets a test call the library without a trade around it
contract Splitter {
    function split(uint128 total, address[] calldata payees, uint32[] calldata weights)
        external
        pure
        returns (uint128[] memory)
    {
        return LargestRemainder.split(total, payees, weights);
    }
}
