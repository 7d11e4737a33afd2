// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Payments} from "../../src/libraries/Payments.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Deal, Gate, Payment, Purpose, Supply} from "../../src/types/Trade.sol";

/// @title Tests of who is owed what, by Payments.tree
contract PaymentsTest is Test {
    uint256 private constant MOST = 32;
    uint256 private constant MOST_SEATS = 16;

    function testFuzz_HoldsThePoolAndEveryFee(Deal calldata deal) public view {
        uint256 held = this.escrowOf(deal);
        held -= deal.expertPool;
        held -= deal.brokerFee;
        held -= deal.auditorFee;
        held -= deal.oracleFee;
        assertEq(held, deal.protocolFee);
    }

    function testFuzz_HoldsWhatWasDroppedBesides(Deal calldata deal, Gate calldata gate) public view {
        assertEq(this.escrowOf(deal, gate) - gate.dropped, this.escrowOf(deal));
    }

    function testFuzz_HoldsEveryPrice(uint96[] calldata prices) public view {
        Supply[] memory supplies = _supplies(prices);
        assertEq(this.priceOf(supplies), _sumOf(supplies, type(uint256).max));
    }

    function testFuzz_CountsTheRowsOfThoseThatWereAccepted(uint96[] calldata prices, uint256 accepted)
        public
        view
    {
        Supply[] memory supplies = _supplies(prices);
        (uint256 rows,) = this.delivered(supplies, accepted);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (accepted >> i & 1 == 1) rows -= supplies[i].rows;
        }
        assertEq(rows, 0);
    }

    function testFuzz_PaysOrDropsEachPriceAndNothingElse(uint96[] calldata prices, uint256 accepted)
        public
        view
    {
        Supply[] memory supplies = _supplies(prices);
        (, uint128 dropped) = this.delivered(supplies, accepted);
        Payment[] memory payments = this.toProviders(supplies, accepted);
        assertEq(_sum(payments) + dropped, this.priceOf(supplies));
        assertEq(_sum(payments), _sumOf(supplies, accepted));
        uint256 next;
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (accepted >> i & 1 == 0 || supplies[i].price == 0) continue;
            assertEq(payments[next].account, supplies[i].provider);
            assertEq(payments[next].amount, supplies[i].price);
            assertEq(uint8(payments[next++].purpose), uint8(Purpose.Data));
        }
        assertEq(next, payments.length);
    }

    function testFuzz_PaysPoolAndFeesToTheUnit(Deal memory deal, uint96[] memory parts) public view {
        uint128[] memory amounts = new uint128[](parts.length > MOST ? MOST : parts.length);
        Gate memory gate;
        gate.experts = new address[](amounts.length);
        deal.expertPool = 0;
        for (uint256 i = 0; i < amounts.length; ++i) {
            (amounts[i], gate.experts[i]) = (parts[i], address(uint160(1 + i)));
            deal.expertPool += parts[i];
        }
        Payment[] memory payments = this.toSellers(deal, gate, amounts);
        uint256 kept = uint256(deal.auditorFee) + deal.oracleFee;
        assertEq(_sum(payments) + kept, this.escrowOf(deal));
        for (uint256 i = 0; i < payments.length; ++i) {
            assertGt(payments[i].amount, 0);
        }
    }

    function testFuzz_PaysTheFeeToTheUnit(uint128 fee, uint8 seats, uint16 signers) public view {
        (Committee memory judges, uint16 some) = _signed(seats, signers);
        assertEq(_sum(this.toOracles(fee, judges, some, 0)), fee);
    }

    function testFuzz_GivesTheFirstSeatsAUnitMoreAtMost(uint128 fee, uint8 seats, uint16 signers)
        public
        view
    {
        (Committee memory judges, uint16 some) = _signed(seats, signers);
        uint256[] memory shares = _bySeat(this.toOracles(fee, judges, some, 0), judges);
        uint256 before = type(uint256).max;
        uint256 least = fee / _ones(some);
        for (uint256 seat = 0; seat < shares.length; ++seat) {
            if (some >> seat & 1 == 0) continue;
            assertLe(shares[seat], before);
            assertGe(shares[seat], least);
            assertLe(shares[seat], least + 1);
            before = shares[seat];
        }
    }

    function testFuzz_KeepsTheSharesOfThoseWhoKeptTheirSealsClosed(
        uint128 fee,
        uint8 seats,
        uint16 signers,
        uint16 closed
    ) public view {
        (Committee memory judges, uint16 some) = _signed(seats, signers);
        uint256[] memory all = _bySeat(this.toOracles(fee, judges, some, 0), judges);
        uint256[] memory left = _bySeat(this.toOracles(fee, judges, some, closed), judges);
        for (uint256 seat = 0; seat < all.length; ++seat) {
            assertEq(left[seat], closed >> seat & 1 == 1 ? 0 : all[seat]);
        }
    }

    function testFuzz_PaysNobodyWhoDidNotSign(uint128 fee, uint8 seats, uint16 signers) public view {
        (Committee memory judges, uint16 some) = _signed(seats, signers);
        uint256[] memory shares = _bySeat(this.toOracles(fee, judges, some, 0), judges);
        for (uint256 seat = 0; seat < shares.length; ++seat) {
            if (some >> seat & 1 == 0) assertEq(shares[seat], 0);
        }
    }

    function testFuzz_LeavesOutWhatIsZero(uint8 fee, uint8 seats, uint16 signers) public view {
        (Committee memory judges, uint16 some) = _signed(seats, signers);
        Payment[] memory payments = this.toOracles(fee, judges, some, 0);
        assertEq(payments.length, fee < _ones(some) ? fee : _ones(some));
    }

    // ------------------------------------------------------- calldata for the library

    function escrowOf(Deal calldata deal) external pure returns (uint256) {
        return Payments.escrowOf(deal);
    }

    function escrowOf(Deal calldata deal, Gate calldata gate) external pure returns (uint256) {
        return Payments.escrowOf(deal, gate);
    }

    function priceOf(Supply[] calldata supplies) external pure returns (uint256) {
        return Payments.priceOf(supplies);
    }

    function delivered(Supply[] calldata supplies, uint256 accepted) external pure returns (uint256, uint128) {
        return Payments.delivered(supplies, accepted);
    }

    function toProviders(Supply[] calldata supplies, uint256 which) external pure returns (Payment[] memory) {
        (Payment[] memory payments, uint256 count) = Payments.toProviders(supplies, which);
        return _first(payments, count);
    }

    function toSellers(Deal calldata deal, Gate calldata gate, uint128[] calldata amounts)
        external
        pure
        returns (Payment[] memory payments)
    {
        payments = new Payment[](amounts.length + 2);
        return _first(payments, Payments.toSellers(payments, 0, deal, gate, amounts));
    }

    function toOracles(uint128 fee, Committee calldata judges, uint16 signers, uint16 closed)
        external
        pure
        returns (Payment[] memory payments)
    {
        payments = new Payment[](MOST_SEATS);
        return _first(payments, Payments.toOracles(payments, 0, fee, judges, signers, closed));
    }

    // ------------------------------------------------------------------------ within

    function _supplies(uint96[] calldata prices) private pure returns (Supply[] memory supplies) {
        supplies = new Supply[](prices.length > MOST ? MOST : prices.length);
        for (uint256 i = 0; i < supplies.length; ++i) {
            supplies[i] = Supply(address(uint160(1 + i)), uint32(prices[i] >> 7), prices[i]);
        }
    }

    function _signed(uint8 seats, uint16 signers) private pure returns (Committee memory judges, uint16 some) {
        judges.members = new address[](bound(seats, 1, MOST_SEATS));
        for (uint256 i = 0; i < judges.members.length; ++i) {
            judges.members[i] = address(uint160(0x100 + i));
        }
        some = uint16(signers & ((1 << judges.members.length) - 1));
        if (some == 0) some = 1;
    }

    function _bySeat(Payment[] memory payments, Committee memory judges)
        private
        pure
        returns (uint256[] memory shares)
    {
        shares = new uint256[](judges.members.length);
        for (uint256 i = 0; i < payments.length; ++i) {
            shares[uint160(payments[i].account) - 0x100] += payments[i].amount;
        }
    }

    function _sumOf(Supply[] memory supplies, uint256 which) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (which >> i & 1 == 1) sum += supplies[i].price;
        }
    }

    function _sum(Payment[] memory payments) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < payments.length; ++i) {
            sum += payments[i].amount;
        }
    }

    function _first(Payment[] memory payments, uint256 count) private pure returns (Payment[] memory first) {
        first = new Payment[](count);
        for (uint256 i = 0; i < count; ++i) {
            first[i] = payments[i];
        }
    }

    function _ones(uint256 set) private pure returns (uint256 ones) {
        for (; set != 0; set >>= 1) {
            ones += set & 1;
        }
    }
}
