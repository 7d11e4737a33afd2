// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../src/types/Currency.sol";

/// @title Lets a test move money through the currency type without a market around it
contract Holder {
    function pull(Currency currency, address from, uint256 amount) external payable {
        currency.pull(from, amount);
    }

    function push(Currency currency, address to, uint256 amount) external {
        currency.push(to, amount);
    }
}
