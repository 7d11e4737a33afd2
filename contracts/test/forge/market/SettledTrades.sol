// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ModelMarket} from "../../../src/ModelMarket.sol";
import {CommitteeTerms} from "../../../src/types/Committee.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Authority} from "../../Authority.sol";
import {Clock} from "../Clock.sol";
import {Deployer} from "./Deployer.sol";
import {Seller} from "./Seller.sol";

/// @title A market with its committee in office, and a seller on it
abstract contract SettledTrades is Clock, Deployer {
    ModelMarket internal _market;
    Seller internal _seller;

    function _openMarket() internal {
        Currency native = Currency.wrap(address(0));
        Authority authority = new Authority(address(this));
        CommitteeTerms memory terms = CommitteeTerms(native, 0, 1, 365 days, address(this), address(0));
        _market = _deployMarket(address(authority), terms, address(this), 1 hours);
        _seller = new Seller(_market, address(0xdead));
        _market.rules().committee().scheduleRotation(_seller.judges().members, 2);
        _seatPanel(_market);
    }
}
