// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../types/Currency.sol";
import {Payment} from "../types/Trade.sol";

/// @title The few verbs that move money, each keyed by its trade
/// @notice Money enters a trade's escrow once, leaves it as credits, and leaves the contract only
///         when the credited account withdraws.
interface ILedger {
    /// @notice `amount` came from `from` into the escrow of the trade.
    event Locked(bytes32 indexed tradeId, address indexed from, Currency indexed currency, uint256 amount);

    /// @notice The payments left the escrow of the trade and belong to their accounts.
    event Credited(bytes32 indexed tradeId, Currency indexed currency, Payment[] payments);

    /// @notice `amount` left the escrow of the trade and belongs to its buyer again.
    event Refunded(
        bytes32 indexed tradeId, address indexed buyer, Currency indexed currency, uint256 amount
    );

    /// @notice `account` took `amount` of its credit out, to `to`.
    event Withdrawn(address indexed account, Currency indexed currency, address to, uint256 amount);

    /// @notice The account has no credit in this currency.
    error NothingToWithdraw(address account, Currency currency);

    /// @notice Nobody can receive at the zero address, nor at the market itself.
    error InvalidReceiver(address receiver);

    /// @notice The signature under a withdrawal is not the account's.
    error NotAuthorized(address account);

    /// @notice The signature under a withdrawal is too old.
    error AuthorizationExpired(uint40 expiry);

    /// @notice Sends the caller's whole credit in `currency` to `to`.
    function withdraw(Currency currency, address to) external returns (uint256 amount);

    /// @notice Sends the account's whole credit to where its signature says; anyone may call.
    /// @param expiry Last second at which the signature counts.
    /// @param signature By `account` over an EIP-712 `Withdrawal` with its next nonce (ECDSA or
    ///        ERC-1271).
    function withdrawFor(
        address account,
        Currency currency,
        address to,
        uint40 expiry,
        bytes calldata signature
    ) external returns (uint256 amount);

    /// @notice Prepares accounts for their first credit in `currency`, so that no trade bears its cost;
    ///         anyone may call, any number of times. Nothing depends on it.
    function openAccounts(address[] calldata accounts, Currency currency) external;

    /// @notice What `account` may withdraw.
    function creditOf(address account, Currency currency) external view returns (uint256);
}
