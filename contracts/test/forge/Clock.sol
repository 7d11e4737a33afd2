// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

/// @title The time now, for tests that move on
abstract contract Clock is Test {
    /// @dev Not `block.timestamp`, which the optimizer takes for one value throughout a call.
    function _now() internal view returns (uint40) {
        return uint40(vm.getBlockTimestamp());
    }
}
