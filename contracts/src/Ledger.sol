// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {Currency} from "./types/Currency.sol";
import {Purpose, Trade} from "./types/Trade.sol";

/// @title The pull ledger under the trades
/// @dev The only file that moves money. For every currency:
///      balance of this contract >= open escrows + unclaimed credits.
abstract contract Ledger is ILedger, ReentrancyGuardTransient {
    mapping(address account => mapping(Currency currency => uint256)) private _credit;

    /// @inheritdoc ILedger
    function withdraw(Currency currency, address to) external nonReentrant returns (uint256 amount) {
        if (to == address(0)) revert ZeroReceiver();
        amount = _credit[msg.sender][currency];
        if (amount == 0) revert NothingToWithdraw(msg.sender, currency);
        delete _credit[msg.sender][currency];
        emit Withdrawn(msg.sender, currency, to, amount);
        currency.push(to, amount);
    }

    /// @inheritdoc ILedger
    function creditOf(address account, Currency currency) external view returns (uint256) {
        return _credit[account][currency];
    }

    /// @dev Takes `amount` from `from` into the trade's escrow.
    function _lock(bytes32 tradeId, Trade storage trade, address from, uint128 amount) internal {
        Currency currency = trade.currency;
        trade.escrow = amount;
        emit Locked(tradeId, from, currency, amount);
        currency.pull(from, amount);
    }

    /// @dev Moves `amount` from the trade's escrow to the account's credit.
    function _credited(
        bytes32 tradeId,
        Trade storage trade,
        address account,
        uint128 amount,
        Purpose purpose
    ) internal {
        if (amount == 0) return;
        Currency currency = trade.currency;
        trade.escrow -= amount;
        _credit[account][currency] += amount;
        emit Credited(tradeId, account, currency, amount, purpose);
    }

    /// @dev Moves all that is left in the trade's escrow to its buyer's credit.
    function _refund(bytes32 tradeId, Trade storage trade) internal {
        uint128 amount = trade.escrow;
        if (amount == 0) return;
        Currency currency = trade.currency;
        address buyer = trade.buyer;
        trade.escrow = 0;
        _credit[buyer][currency] += amount;
        emit Refunded(tradeId, buyer, currency, amount);
    }
}
