// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token whose balances are shares of something that grows and shrinks
contract RebasingToken is ERC20("Rebasing", "REB") {
    uint256 private _worth = 100; // of a hundred shares

    constructor(address holder, uint256 amount) {
        _mint(holder, amount);
    }

    function rebase(uint256 worth) external {
        _worth = worth;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * _worth / 100;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount * 100 / _worth);
    }
}
