// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ILedger} from "../src/interfaces/ILedger.sol";
import {Currency} from "../src/types/Currency.sol";

/// @title A receiver that asks to be paid again while it is being paid
contract ReentrantPayee {
    ILedger private immutable _ledger;

    constructor(ILedger ledger) {
        _ledger = ledger;
    }

    receive() external payable {
        _ledger.withdraw(Currency.wrap(address(0)), address(this));
    }
}
