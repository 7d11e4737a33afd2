// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPullLedger} from "../src/interfaces/IPullLedger.sol";
import {IPayouts} from "../src/interfaces/IPayouts.sol";
import {Currency} from "../src/types/Currency.sol";

/// @title A ledger that claims to have paid and has not, or deposits what it should pay out
contract LyingLedger is IPullLedger {
    bool private immutable _deposits;

    constructor(bool deposits) payable {
        _deposits = deposits;
    }

    function withdraw(Currency currency, address to) external returns (uint256) {
        uint128 all = uint128(address(this).balance);
        if (_deposits) IPayouts(to).deposit{value: all}(currency, all);
        return 1_000 ether;
    }
}
