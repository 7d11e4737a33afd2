// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that keeps a hundredth of what is moved between accounts
contract FeeOnTransferToken is ERC20("Fee on transfer", "FEE") {
    constructor(address holder, uint256 amount) {
        _mint(holder, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0), amount / 100);
    }
}
