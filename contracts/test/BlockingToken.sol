// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token whose issuer can block accounts
contract BlockingToken is ERC20("Blocking", "BLK") {
    mapping(address account => bool) public isBlocked;

    error Blocked(address account);

    constructor(address holder, uint256 amount) {
        _mint(holder, amount);
    }

    function blockAccount(address account) external {
        isBlocked[account] = true;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (isBlocked[to]) revert Blocked(to);
        super._update(from, to, amount);
    }
}
