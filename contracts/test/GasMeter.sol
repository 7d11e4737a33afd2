// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Weighs what a view costs a contract that calls it, first touch included
contract GasMeter {
    error CallFailed(bytes answer);

    function gasOf(address target, bytes calldata call) external view returns (uint256 gas) {
        uint256 before = gasleft();
        (bool done, bytes memory answer) = target.staticcall(call);
        gas = before - gasleft();
        if (!done) revert CallFailed(answer);
    }
}
