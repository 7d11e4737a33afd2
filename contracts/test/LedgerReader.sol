// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IModelMarket} from "../src/interfaces/IModelMarket.sol";
import {Currency} from "../src/types/Currency.sol";
import {Status} from "../src/types/Status.sol";

/// @title Reads all that a test compares after a step, in one call
contract LedgerReader {
    /// @return statuses One for each trade.
    /// @return held What the market has of each currency.
    /// @return credits By currency, what each account may withdraw.
    function read(
        IModelMarket market,
        bytes32[] calldata trades,
        Currency[] calldata currencies,
        address[] calldata accounts
    )
        external
        view
        returns (Status[] memory statuses, uint256[] memory held, uint256[][] memory credits)
    {
        statuses = new Status[](trades.length);
        for (uint256 i = 0; i < trades.length; ++i) {
            statuses[i] = market.statusOf(trades[i]);
        }
        held = new uint256[](currencies.length);
        credits = new uint256[][](currencies.length);
        for (uint256 i = 0; i < currencies.length; ++i) {
            Currency currency = currencies[i];
            held[i] = currency.isNative()
                ? address(market).balance
                : IERC20(Currency.unwrap(currency)).balanceOf(address(market));
            credits[i] = new uint256[](accounts.length);
            for (uint256 j = 0; j < accounts.length; ++j) {
                credits[i][j] = market.creditOf(accounts[j], currency);
            }
        }
    }
}
