// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ICredits} from "./interfaces/ICredits.sol";
import {Currency} from "./types/Currency.sol";

/// @title The pull ledger of contracts that hold no trade's escrow
/// @dev Nobody is ever paid by push, so a payee that refuses money stands in nobody's way.
abstract contract Credits is ICredits, ReentrancyGuardTransient {
    /// @inheritdoc ICredits
    mapping(address account => mapping(Currency currency => uint256)) public creditOf;

    /// @inheritdoc ICredits
    function withdrawCredit(Currency currency, address to)
        external
        nonReentrant
        returns (uint256 amount)
    {
        _requireReceiver(to);
        amount = creditOf[msg.sender][currency];
        if (amount == 0) revert NothingToWithdraw(msg.sender, currency);
        delete creditOf[msg.sender][currency];
        emit CreditWithdrawn(msg.sender, currency, to, amount);
        _fetch(currency);
        currency.push(to, amount);
    }

    function _credit(address account, Currency currency, uint256 amount) internal {
        creditOf[account][currency] += amount;
    }

    /// @dev Brings in money that is owed to this contract elsewhere and credited here already.
    function _fetch(Currency currency) internal virtual {}

    function _requireReceiver(address to) internal view {
        if (to == address(0) || to == address(this)) revert InvalidReceiver(to);
    }
}
