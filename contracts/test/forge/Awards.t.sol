// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ICredits} from "../../src/interfaces/ICredits.sol";
import {ISealedBids} from "../../src/interfaces/ISealedBids.sol";
import {SealedBids} from "../../src/SealedBids.sol";
import {Currency} from "../../src/types/Currency.sol";
import {PricingRule, Standing} from "../../src/types/Tender.sol";
import {Tendering} from "./tenders/Tendering.sol";

/// @title Tests of who wins a tender, and of where the bonds go, by Awards.tree
contract AwardsTest is Tendering {
    uint256[5] private _numbers;

    // -------------------------------------------------------------------- awards

    function testFuzz_IsWonByTheLowestPriceAtTheSecondLowest(uint8[5] memory draws, uint256 order) public {
        (address winner, uint128 lowest, uint128 second) = _run(draws, order);
        (address found, uint128 price) = _bids.awardOf(_id());
        assertEq(found, winner);
        assertEq(price, winner == address(0) ? 0 : second);
        Standing memory standing = _bids.standingOf(_id());
        assertEq(standing.lowest, lowest);
        assertEq(standing.second, second);
    }

    function testFuzz_IsWonByTheLowestPriceAtItsOwnUnderFirstPrice(uint8[5] memory draws, uint256 order) public {
        _tender.rule = PricingRule.FirstPrice;
        (address winner, uint128 lowest,) = _run(draws, order);
        (address found, uint128 price) = _bids.awardOf(_id());
        assertEq(found, winner);
        assertEq(price, winner == address(0) ? 0 : lowest);
    }

    function test_IsWonByNobodyWithoutAPrice() public {
        _sealOne(7);
        vm.warp(_tender.revealEnd + 1);
        (address winner, uint128 price) = _bids.awardOf(_id());
        assertEq(winner, address(0));
        assertEq(price, 0);
    }

    function test_HasNoAwardBefore() public {
        _sealOne(7);
        vm.warp(_tender.revealEnd);
        _reveal(_anne, 7);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.DeadlineNotReached.selector, _tender.revealEnd));
        _bids.awardOf(_id());
    }

    function testFuzz_HasNoAwardWithoutATender(bytes32 unknown) public {
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.UnknownTender.selector, unknown));
        _bids.awardOf(unknown);
    }

    // ------------------------------------------------------------------- seizing

    function testFuzz_GivesTheirBondsToTheTreasury(uint8 count) public {
        _seize(uint8(bound(count, 1, BIDDERS)), TREASURY);
    }

    function test_GivesTheirBondsToTheRequesterWithoutATreasury() public {
        _bids = new SealedBids(address(0));
        _seize(2, REQUESTER);
    }

    function test_GivesThemOnce() public {
        _seize(1, TREASURY);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.NothingToSeize.selector, _id()));
        _bids.seize(_tender);
    }

    function test_GivesNothingBeforeTheWindowHasPassed() public {
        _sealOne(7);
        vm.warp(_tender.revealEnd);
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.DeadlineNotReached.selector, _tender.revealEnd));
        _bids.seize(_tender);
    }

    function test_RefusesToSeizeForTermsThatWereNotOpened() public {
        vm.expectRevert(abi.encodeWithSelector(ISealedBids.UnknownTender.selector, _id()));
        _bids.seize(_tender);
    }

    // --------------------------------------------------------------- withdrawing

    function test_SendsNativeCoinToTheReceiver() public {
        _free(NATIVE);
        _withdraw(NATIVE);
        assertEq(HOME.balance, BOND);
        assertEq(address(_bids).balance, 0);
    }

    function test_SendsTokensToTheReceiver() public {
        _free(_tokens());
        _withdraw(_tokens());
        assertEq(_token.balanceOf(HOME), BOND);
        assertEq(_token.balanceOf(address(_bids)), 0);
    }

    function test_IsSentOnce() public {
        _free(NATIVE);
        _withdraw(NATIVE);
        vm.expectRevert(abi.encodeWithSelector(ICredits.NothingToWithdraw.selector, _anne, NATIVE));
        vm.prank(_anne);
        _bids.withdrawCredit(NATIVE, HOME);
    }

    function test_DoesNotGoToTheZeroAddress() public {
        _free(NATIVE);
        vm.expectRevert(abi.encodeWithSelector(ICredits.InvalidReceiver.selector, address(0)));
        vm.prank(_anne);
        _bids.withdrawCredit(NATIVE, address(0));
    }

    function test_DoesNotGoToTheContract() public {
        _free(NATIVE);
        vm.expectRevert(abi.encodeWithSelector(ICredits.InvalidReceiver.selector, address(_bids)));
        vm.prank(_anne);
        _bids.withdrawCredit(NATIVE, address(_bids));
    }

    // -------------------------------------------------------------------- within

    /// @dev Of eight draws six are prices, 0 to 5 above the floor, one is above the reserve, and one
    ///      stays silent. Who is ahead of how many is counted for each by itself.
    function _run(uint8[5] memory draws, uint256 order)
        private
        returns (address winner, uint128 lowest, uint128 second)
    {
        _open();
        for (uint256 i = 0; i < BIDDERS; ++i) {
            _commit(_bidder(i), _price(draws[i]));
        }
        vm.warp(_tender.revealEnd);
        for (uint256 left = BIDDERS; left > 0; --left) {
            uint256 which = _drawOne(order, left);
            if (draws[which] % 8 != 7) _reveal(_bidder(which), _price(draws[which]));
            order /= left;
        }
        vm.warp(_tender.revealEnd + 1);
        (lowest, second) = (RESERVE, RESERVE);
        for (uint256 i = 0; i < BIDDERS; ++i) {
            if (draws[i] % 8 > 5) continue;
            uint256 ahead;
            for (uint256 j = 0; j < BIDDERS; ++j) {
                (uint8 mine, uint8 other) = (draws[i] % 8, draws[j] % 8);
                if (other < mine || (other == mine && j < i)) ++ahead;
            }
            if (ahead == 0) (winner, lowest) = (_bidder(i), _price(draws[i]));
            if (ahead == 1) second = _price(draws[i]);
        }
    }

    /// @dev Takes one of the numbers that are left, and puts the last in its place.
    function _drawOne(uint256 order, uint256 left) private returns (uint256 which) {
        if (left == BIDDERS) _numbers = [uint256(0), 1, 2, 3, 4];
        uint256 place = order % left;
        which = _numbers[place];
        _numbers[place] = _numbers[left - 1];
    }

    function _price(uint8 draw) private pure returns (uint128) {
        return draw % 8 > 5 ? RESERVE + 1 : RESERVE - 5 + draw % 8;
    }

    function _seize(uint8 count, address to) private {
        _open();
        for (uint256 i = 0; i < count; ++i) {
            _commit(_bidder(i), 7);
        }
        vm.warp(_tender.revealEnd + 1);
        vm.expectEmit(address(_bids));
        emit ISealedBids.BondsSeized(_id(), to, count, uint256(count) * BOND);
        assertEq(_bids.seize(_tender), uint256(count) * BOND);
        assertEq(_bids.creditOf(to, NATIVE), uint256(count) * BOND);
        assertEq(_bids.standingOf(_id()).unrevealed, 0);
    }

    /// @dev Anne's bond is free again.
    function _free(Currency currency) private {
        _tender.currency = currency;
        _sealOne(7);
        vm.warp(_tender.revealEnd);
        _reveal(_anne, 7);
    }

    function _withdraw(Currency currency) private {
        vm.expectEmit(address(_bids));
        emit ICredits.CreditWithdrawn(_anne, currency, HOME, BOND);
        vm.prank(_anne);
        assertEq(_bids.withdrawCredit(currency, HOME), BOND);
        assertEq(_bids.creditOf(_anne, currency), 0);
    }
}
