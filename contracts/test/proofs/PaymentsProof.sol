// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Payments} from "../../src/libraries/Payments.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Deal, Gate, Payment, Supply} from "../../src/types/Trade.sol";

/// @title Lists of payments hold what was locked, for all amounts
contract PaymentsProof {
    uint256 private constant SEATS = 4;

    function check_oracles_get_the_whole_fee(uint128 fee, uint16 signers) external view {
        if (signers == 0 || signers >> SEATS != 0) return;
        assert(this.toOracles(fee, _judges(), signers, 0) == fee);
    }

    function check_closed_seals_only_take_away(uint128 fee, uint16 closed) external view {
        assert(this.toOracles(fee, _judges(), 7, closed) <= fee);
    }

    function check_prices_are_paid_or_dropped(uint128 a, uint128 b, uint128 c, uint256 accepted) external view {
        if (uint256(a) + b + c > type(uint128).max) return; // a part of a price that fits
        Supply[] memory supplies = new Supply[](3);
        (supplies[0].price, supplies[1].price, supplies[2].price) = (a, b, c);
        (uint256 paid, uint256 dropped, uint256 price) = this.supplied(supplies, accepted);
        assert(paid + dropped == price);
        assert(price == uint256(a) + b + c);
    }

    function check_sellers_get_pool_and_fees(Deal calldata deal, uint128 first, uint128 second) external view {
        if (uint256(first) + second != deal.expertPool) return; // as a passing report must have it
        Gate memory gate;
        gate.experts = new address[](2);
        uint128[] memory amounts = new uint128[](2);
        (amounts[0], amounts[1]) = (first, second);
        (uint256 paid, uint256 escrow) = this.toSellers(deal, gate, amounts);
        assert(paid + deal.auditorFee + deal.oracleFee == escrow);
    }

    function toOracles(uint128 fee, Committee calldata judges, uint16 signers, uint16 closed)
        external
        pure
        returns (uint256)
    {
        Payment[] memory payments = new Payment[](SEATS);
        return _sum(payments, Payments.toOracles(payments, 0, fee, judges, signers, closed));
    }

    function supplied(Supply[] calldata supplies, uint256 accepted)
        external
        pure
        returns (uint256 paid, uint256 dropped, uint256 price)
    {
        (Payment[] memory payments, uint256 count) = Payments.toProviders(supplies, accepted);
        (, dropped) = Payments.delivered(supplies, accepted);
        return (_sum(payments, count), dropped, Payments.priceOf(supplies));
    }

    function toSellers(Deal calldata deal, Gate calldata gate, uint128[] calldata amounts)
        external
        pure
        returns (uint256 paid, uint256 escrow)
    {
        Payment[] memory payments = new Payment[](amounts.length + 2);
        paid = _sum(payments, Payments.toSellers(payments, 0, deal, gate, amounts));
        escrow = Payments.escrowOf(deal);
    }

    function _judges() private pure returns (Committee memory judges) {
        judges.members = new address[](SEATS);
        for (uint256 i = 0; i < SEATS; ++i) {
            judges.members[i] = address(uint160(1 + i));
        }
    }

    function _sum(Payment[] memory payments, uint256 count) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < count; ++i) {
            sum += payments[i].amount;
        }
    }
}
