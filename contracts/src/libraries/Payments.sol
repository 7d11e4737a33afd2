// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Committee} from "../types/Committee.sol";
import {Deal, Gate, Payment, Purpose, Supply} from "../types/Trade.sol";
import {Quorum} from "./Quorum.sol";

/// @title Who is owed what out of a trade's escrow
/// @dev Lists are filled from the front; `count` says how far. What is zero is left out.
library Payments {
    /// @notice What a trade holds for everybody but the providers.
    function escrowOf(Deal calldata deal) internal pure returns (uint256) {
        unchecked {
            // five numbers of 128 bits
            return uint256(deal.expertPool) + deal.brokerFee + deal.auditorFee + deal.oracleFee
                + deal.protocolFee;
        }
    }

    /// @notice What a trade holds from the gate on, and pays out at its end: the providers are paid,
    ///         and the prices of what they did not deliver are left.
    function escrowOf(Deal calldata deal, Gate calldata gate) internal pure returns (uint256) {
        unchecked {
            // six numbers of 128 bits
            return escrowOf(deal) + gate.dropped;
        }
    }

    /// @notice What a trade holds for the providers before any of them is paid.
    function priceOf(Supply[] calldata supplies) internal pure returns (uint256 sum) {
        for (uint256 i = 0; i < supplies.length; ++i) {
            unchecked {
                sum += supplies[i].price; // it took the prices' sum to lock it
            }
        }
    }

    /// @param accepted Bit i is set when supply i was delivered as quoted.
    /// @return rows Of the supplies that were.
    /// @return dropped Price of those that were not.
    function delivered(Supply[] calldata supplies, uint256 accepted)
        internal
        pure
        returns (uint256 rows, uint128 dropped)
    {
        for (uint256 i = 0; i < supplies.length; ++i) {
            unchecked {
                // numbers of 32 bits; and a part of a price that fits
                if (accepted & (1 << i) != 0) rows += supplies[i].rows;
                else dropped += supplies[i].price;
            }
        }
    }

    /// @notice The providers of the supplies in `which`, each its price.
    function toProviders(Supply[] calldata supplies, uint256 which)
        internal
        pure
        returns (Payment[] memory payments, uint256 count)
    {
        payments = new Payment[](supplies.length);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (which & (1 << i) == 0) continue;
            count = add(payments, count, supplies[i].provider, supplies[i].price, Purpose.Data);
        }
    }

    /// @notice The experts, as the attempt that passed divides the pool.
    function toExperts(
        Payment[] memory payments,
        uint256 count,
        Gate calldata gate,
        uint128[] calldata amounts
    ) internal pure returns (uint256) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            count = add(payments, count, gate.experts[i], amounts[i], Purpose.Expert);
        }
        return count;
    }

    /// @notice The parties of a settled trade but oracles and auditor.
    function toSellers(
        Payment[] memory payments,
        uint256 count,
        Deal calldata deal,
        Gate calldata gate,
        uint128[] calldata amounts
    ) internal pure returns (uint256) {
        count = toExperts(payments, count, gate, amounts);
        count = add(payments, count, deal.broker, deal.brokerFee, Purpose.Broker);
        return add(payments, count, deal.treasury, deal.protocolFee, Purpose.Protocol);
    }

    /// @notice Splits the oracle fee evenly among those that signed a report, the units left over one
    ///         each to the first seats; the share of those whose seal was faulty is not paid.
    function toOracles(
        Payment[] memory payments,
        uint256 count,
        uint128 fee,
        Committee calldata judges,
        uint16 signers,
        uint16 faulty
    ) internal pure returns (uint256) {
        uint256 signed = Quorum.signerCount(signers);
        uint256 share = fee / signed;
        uint256 extra = fee % signed;
        for (uint256 seat = 0; seat < judges.members.length; ++seat) {
            if (signers & (1 << seat) == 0) continue;
            uint256 amount = share;
            if (extra > 0) {
                ++amount;
                --extra;
            }
            if (faulty & (1 << seat) != 0) continue;
            // casting to uint128 is safe: a part of a uint128
            count = add(payments, count, judges.members[seat], uint128(amount), Purpose.Oracle);
        }
        return count;
    }

    function add(
        Payment[] memory payments,
        uint256 count,
        address account,
        uint128 amount,
        Purpose purpose
    ) internal pure returns (uint256) {
        if (amount == 0) return count;
        payments[count] = Payment(account, amount, purpose);
        return count + 1;
    }
}
