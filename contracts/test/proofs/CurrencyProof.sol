// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DevToken} from "../../src/tokens/DevToken.sol";
import {Currency} from "../../src/types/Currency.sol";
import {Holder} from "../Holder.sol";

/// @title Moving a token through the currency type conserves it, for all amounts and accounts
contract CurrencyProof {
    Holder private _holder;
    DevToken private _token;
    Currency private _currency;

    function setUp() public {
        _holder = new Holder();
        _token = new DevToken();
        _currency = Currency.wrap(address(_token));
        _token.approve(address(_holder), type(uint256).max);
    }

    function check_pull_takes_exactly_the_amount(uint256 held, uint256 before, uint256 amount) external {
        if (held > type(uint256).max - before) return;
        _token.mint(address(this), held);
        _token.mint(address(_holder), before);
        try _holder.pull(_currency, address(this), amount) {
            assert(amount <= held);
            assert(_token.balanceOf(address(this)) == held - amount);
            assert(_token.balanceOf(address(_holder)) == before + amount);
        } catch {
            assert(amount > held);
            assert(_token.balanceOf(address(this)) == held);
            assert(_token.balanceOf(address(_holder)) == before);
        }
    }

    function check_push_sends_exactly_the_amount(address to, uint256 held, uint256 amount) external {
        if (to == address(0) || to == address(_holder)) return;
        _token.mint(address(_holder), held);
        try _holder.push(_currency, to, amount) {
            assert(amount <= held);
            assert(_token.balanceOf(address(_holder)) == held - amount);
            assert(_token.balanceOf(to) == amount);
        } catch {
            assert(amount > held);
            assert(_token.balanceOf(address(_holder)) == held);
            assert(_token.balanceOf(to) == 0);
        }
    }
}
