// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @notice An ERC-20 token by its address, or the chain's native coin as the zero address.
type Currency is address;

using CurrencyLibrary for Currency global;

/// @title Moves native coin and ERC-20 tokens through one type
library CurrencyLibrary {
    using SafeERC20 for IERC20;

    /// @notice The value sent along is not exactly what the call needs.
    error WrongValue(uint256 sent, uint256 needed);

    /// @notice A token credited the contract with another amount than was asked for.
    error InexactTransfer(Currency currency, uint256 received, uint256 expected);

    /// @notice The receiver refused the native coin.
    error NativeTransferFailed(address to, uint256 amount);

    function isNative(Currency currency) internal pure returns (bool) {
        return Currency.unwrap(currency) == address(0);
    }

    /// @notice What this contract holds.
    function held(Currency currency) internal view returns (uint256) {
        if (currency.isNative()) return address(this).balance;
        return IERC20(Currency.unwrap(currency)).balanceOf(address(this));
    }

    /// @notice Takes exactly `amount` from `from` into this contract, or reverts.
    /// @dev Measured by balance delta, so that a fee on transfer can't leave the escrow short.
    function pull(Currency currency, address from, uint256 amount) internal {
        if (currency.isNative()) {
            if (msg.value != amount) revert WrongValue(msg.value, amount);
            return;
        }
        if (msg.value != 0) revert WrongValue(msg.value, 0);
        uint256 before = currency.held();
        IERC20(Currency.unwrap(currency)).safeTransferFrom(from, address(this), amount);
        uint256 received = currency.held() - before;
        if (received != amount) revert InexactTransfer(currency, received, amount);
    }

    /// @notice Sends `amount` from this contract to `to`.
    function push(Currency currency, address to, uint256 amount) internal {
        if (currency.isNative()) {
            (bool sent,) = to.call{value: amount}("");
            if (!sent) revert NativeTransferFailed(to, amount);
        } else {
            IERC20(Currency.unwrap(currency)).safeTransfer(to, amount);
        }
    }
}
