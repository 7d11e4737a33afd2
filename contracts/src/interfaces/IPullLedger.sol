// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../types/Currency.sol";

/// @title A ledger whose credited accounts withdraw for themselves
interface IPullLedger {
    /// @notice Sends the caller's whole credit in `currency` to `to`.
    function withdraw(Currency currency, address to) external returns (uint256 amount);
}
