// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../types/Currency.sol";

/// @title What a contract owes, to be pulled by whom it is owed
interface ICredits {
    /// @notice The account took its whole credit out, to `to`.
    event CreditWithdrawn(
        address indexed account, Currency indexed currency, address to, uint256 amount
    );

    /// @notice The account has no credit in this currency.
    error NothingToWithdraw(address account, Currency currency);

    /// @notice Nobody can receive at the zero address, nor at this contract itself.
    error InvalidReceiver(address receiver);

    /// @notice Sends the caller's whole credit in `currency` to `to`.
    function withdrawCredit(Currency currency, address to) external returns (uint256 amount);

    /// @notice What `account` may withdraw.
    function creditOf(address account, Currency currency) external view returns (uint256);
}
