// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";

/// @title Tests of the development token, by DevToken.tree
contract DevTokenTest is Test {
    function testFuzz_LetsAnyoneMint(address caller, address to, uint256 amount) public {
        vm.assume(to != address(0));
        DevToken token = new DevToken();
        vm.prank(caller);
        token.mint(to, amount);
        assertEq(token.balanceOf(to), amount);
        assertEq(token.totalSupply(), amount);
    }

    function testFuzz_RefusesToBeDeployed(uint64 chainId) public {
        vm.assume(chainId != 31337 && chainId != 0);
        vm.chainId(chainId);
        vm.expectRevert(abi.encodeWithSelector(DevToken.DevnetOnly.selector, chainId));
        this.deploy();
    }

    /// @dev From outside: a constructor that is linked at run time ends the function by its revert.
    function deploy() external {
        new DevToken();
    }
}
