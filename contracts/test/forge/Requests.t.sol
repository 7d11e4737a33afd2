// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMarketRules} from "../../src/interfaces/IMarketRules.sol";
import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {Request, State} from "../../src/types/Trade.sol";
import {OneTrade} from "./market/OneTrade.sol";

/// @title Tests of requests, and of their ends before any money moved, by Requests.tree
contract RequestsTest is OneTrade {
    function setUp() public {
        _choose(true, false);
    }

    function test_KeepsTheRequestByItsHash() public {
        Request memory r = requestOf(t);
        assertEq(market.tradeIdOf(r), t.id);
        vm.expectEmit(address(market));
        emit IModelMarket.ModelRequested(t.id, r.buyer, r.broker, r);
        _request();
        _assertStands(State.Requested, _now() + r.windows.quote);
        assertEq(_status().maxAttempts(), r.maxAttempts);
        assertEq(abi.encode(market.windowsOf(t.id)), abi.encode(r.windows));
    }

    function testFuzz_RefusesEveryoneButTheBuyer(address caller) public {
        Request memory r = requestOf(t);
        vm.assume(caller != r.buyer);
        vm.prank(caller);
        _refuse(
            abi.encodeCall(market.requestModel, (r)),
            abi.encodeWithSelector(IModelMarket.NotAllowed.selector, caller, r.buyer)
        );
    }

    function test_RefusesWhatTheRulesRefuse() public {
        market.rules().pauseRequests(true);
        Request memory r = requestOf(t);
        vm.prank(r.buyer);
        _refuse(
            abi.encodeCall(market.requestModel, (r)),
            abi.encodeWithSelector(IMarketRules.RequestsArePaused.selector)
        );
    }

    function test_RefusesTheSameRequestAtAnyLaterTime() public {
        Request memory r = requestOf(t);
        bytes memory again = abi.encodeCall(market.requestModel, (r));
        uint256 snapshot = vm.snapshotState();
        for (uint256 state = 1; state <= uint256(type(State).max); ++state) {
            _advance(State(state));
            vm.prank(r.buyer);
            _refuse(again, abi.encodeWithSelector(IModelMarket.TradeExists.selector, t.id));
            vm.revertToState(snapshot);
        }
    }

    // ---------------------------------------------------------------------- declining

    function testFuzz_EndsTheTradeAndNamesTheQuote(bytes32 quote) public {
        _request();
        Request memory r = requestOf(t);
        vm.expectEmit(address(market));
        emit IModelMarket.QuoteDeclined(t.id, quote);
        vm.expectEmit(address(market));
        emit IModelMarket.TradeEnded(t.id, State.Declined);
        vm.prank(r.buyer);
        market.declineQuote(r, quote);
        _assertEnded(State.Declined);
    }

    function testFuzz_LetsTheBuyerAloneDecline(address caller) public {
        _request();
        Request memory r = requestOf(t);
        vm.assume(caller != r.buyer);
        vm.prank(caller);
        _refuse(
            abi.encodeCall(market.declineQuote, (r, "quote")),
            abi.encodeWithSelector(IModelMarket.NotAllowed.selector, caller, r.buyer)
        );
    }

    function test_RefusesToDeclineInAnyOtherState() public {
        Request memory r = requestOf(t);
        bytes memory call = abi.encodeCall(market.declineQuote, (r, "quote"));
        _refuseOutside(1 << uint8(State.Requested), State.Requested, r.buyer, call);
    }

    // ------------------------------------------------------------------------ expiry

    function testFuzz_ExpiresByACallOfAnyone(address caller, uint32 late) public {
        _request();
        vm.warp(uint256(t.deadline) + 1 + late);
        vm.expectEmit(address(market));
        emit IModelMarket.TradeEnded(t.id, State.Expired);
        vm.prank(caller);
        market.expire(t.id);
        _assertEnded(State.Expired);
    }

    function test_RefusesToExpireAtTheLastSecond() public {
        _request();
        vm.warp(t.deadline);
        _refuse(
            abi.encodeCall(market.expire, (t.id)),
            abi.encodeWithSelector(IModelMarket.DeadlineNotReached.selector, t.deadline)
        );
    }

    function test_RefusesToExpireInAnyOtherState() public {
        bytes memory call = abi.encodeCall(market.expire, (t.id));
        _refuseOutside(1 << uint8(State.Requested), State.Requested, address(this), call);
    }
}
