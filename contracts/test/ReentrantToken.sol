// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title A token that makes a call of the attacker's choice whenever it is moved
/// @dev A refused call makes the transfer revert with the refusal.
contract ReentrantToken is ERC20("Reentrant", "RE") {
    address private _target;
    bytes private _data;

    constructor(address holder, uint256 amount) {
        _mint(holder, amount);
    }

    function arm(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_target == address(0)) return;
        (bool done, bytes memory answer) = _target.call(_data);
        if (done) return;
        assembly ("memory-safe") {
            revert(add(answer, 0x20), mload(answer))
        }
    }
}
