// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that moves nothing and says so by returning false instead of reverting
/// @dev It moves what it is told to once `honest` is set.
contract FalseToken is ERC20("Returns false", "FALSE") {
    bool public honest;

    constructor(address holder, uint256 amount) {
        _mint(holder, amount);
    }

    function setHonest(bool honest_) external {
        honest = honest_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return honest && super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return honest && super.transferFrom(from, to, amount);
    }
}
