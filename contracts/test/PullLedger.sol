// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPullLedger} from "../src/interfaces/IPullLedger.sol";
import {Currency} from "../src/types/Currency.sol";

/// @title A ledger where anyone may pay for anyone
contract PullLedger is IPullLedger {
    mapping(address account => mapping(Currency currency => uint256)) public creditOf;

    function credit(address account, Currency currency, uint256 amount) external payable {
        creditOf[account][currency] += amount;
        currency.pull(msg.sender, amount);
    }

    function withdraw(Currency currency, address to) external returns (uint256 amount) {
        amount = creditOf[msg.sender][currency];
        delete creditOf[msg.sender][currency];
        currency.push(to, amount);
    }
}
