// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title A token whose transfers return nothing, as some of the oldest do
contract SilentToken {
    mapping(address account => uint256) public balanceOf;

    constructor(address holder, uint256 amount) {
        balanceOf[holder] = amount;
    }

    function transfer(address to, uint256 amount) external {
        _move(msg.sender, to, amount);
    }

    /// @dev Everyone may move everything: allowances are not what is tested with it.
    function approve(address, uint256) external {}

    function transferFrom(address from, address to, uint256 amount) external {
        _move(from, to, amount);
    }

    function _move(address from, address to, uint256 amount) private {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}
