// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ILedger} from "./interfaces/ILedger.sol";
import {TypedData} from "./libraries/TypedData.sol";
import {Currency} from "./types/Currency.sol";
import {Payment, Permit} from "./types/Trade.sol";

/// @title The pull ledger under the trades
/// @dev The only file that moves money. For every currency:
///      balance of this contract >= open escrows + unclaimed credits.
abstract contract Ledger is ILedger, EIP712, Nonces, ReentrancyGuardTransient {
    /// @dev One more than the credit; zero until it is opened. It never returns to zero: writing a slot
    ///      for the first time costs 17,100 gas more than any later time.
    mapping(address account => mapping(Currency currency => uint256)) private _slots;

    /// @inheritdoc ILedger
    function openAccounts(address[] calldata accounts, Currency currency) external {
        for (uint256 i = 0; i < accounts.length; ++i) {
            _credit(accounts[i], currency, 0);
        }
    }

    /// @inheritdoc ILedger
    function withdraw(Currency currency, address to) external returns (uint256 amount) {
        return _withdraw(msg.sender, currency, to);
    }

    /// @inheritdoc ILedger
    function withdrawFor(
        address account,
        Currency currency,
        address to,
        uint40 expiry,
        bytes calldata signature
    ) external returns (uint256 amount) {
        if (block.timestamp > expiry) revert AuthorizationExpired(expiry);
        bytes32 digest = _hashTypedDataV4(
            TypedData.withdrawal(account, currency, to, _useNonce(account), expiry)
        );
        if (!SignatureChecker.isValidSignatureNowCalldata(account, digest, signature)) {
            revert NotAuthorized(account);
        }
        return _withdraw(account, currency, to);
    }

    /// @inheritdoc ILedger
    function creditOf(address account, Currency currency) public view returns (uint256) {
        uint256 slot = _slots[account][currency];
        return slot == 0 ? 0 : slot - 1;
    }

    /// @dev Takes `amount` from `from` into the trade's escrow.
    function _lock(
        bytes32 tradeId,
        Currency currency,
        address from,
        uint128 amount,
        Permit calldata permit
    ) internal {
        if (permit.deadline != 0) {
            // Who saw it may have used it already: then there is an allowance, or the pull fails.
            try IERC20Permit(Currency.unwrap(currency)).permit(
                from, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s
            ) {} catch {}
        }
        emit Locked(tradeId, from, currency, amount);
        currency.pull(from, amount);
    }

    /// @dev Moves the first `count` payments of the list from the trade's escrow to their accounts'
    ///      credit.
    function _credited(
        bytes32 tradeId,
        Currency currency,
        Payment[] memory payments,
        uint256 count
    ) internal returns (uint256 paid) {
        if (count == 0) return 0;
        assembly ("memory-safe") {
            mstore(payments, count) // never more than were allocated
        }
        for (uint256 i = 0; i < count; ++i) {
            Payment memory payment = payments[i];
            _credit(payment.account, currency, payment.amount);
            paid += payment.amount;
        }
        emit Credited(tradeId, currency, payments);
    }

    /// @dev Moves `amount` from the trade's escrow back to its buyer's credit.
    function _refunded(bytes32 tradeId, Currency currency, address buyer, uint256 amount) internal {
        if (amount == 0) return;
        _credit(buyer, currency, amount);
        emit Refunded(tradeId, buyer, currency, amount);
    }

    function _credit(address account, Currency currency, uint256 amount) private {
        uint256 slot = _slots[account][currency];
        _slots[account][currency] = (slot == 0 ? 1 : slot) + amount;
    }

    function _withdraw(address account, Currency currency, address to)
        private
        nonReentrant
        returns (uint256 amount)
    {
        if (to == address(0) || to == address(this)) revert InvalidReceiver(to);
        amount = creditOf(account, currency);
        if (amount == 0) revert NothingToWithdraw(account, currency);
        _slots[account][currency] = 1;
        emit Withdrawn(account, currency, to, amount);
        currency.push(to, amount);
    }
}
