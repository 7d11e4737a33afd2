// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Currency} from "../../../src/types/Currency.sol";
import {State} from "../../../src/types/Trade.sol";
import {Calls} from "./Calls.sol";
import {Trade} from "./Terms.sol";

/// @title The trades under way: finds one that an action fits, and keeps what became of it
abstract contract Register is Calls {
    Currency internal constant NATIVE = Currency.wrap(address(0));

    mapping(string action => uint256) public done;

    // ------------------------------------------------------------------- inspection

    function tradeCount() external view returns (uint256) {
        return trades.length;
    }

    function trade(uint256 n) external view returns (Trade memory) {
        return trades[n];
    }

    function creditorCount() public view returns (uint256) {
        return everyone.length + SEATS + 1;
    }

    function creditor(uint256 i) public view returns (address) {
        if (i < everyone.length) return everyone[i];
        return i < everyone.length + SEATS ? members[i - everyone.length] : treasury;
    }

    // ----------------------------------------------------------------------- search

    function _underWay() internal view returns (uint256 count) {
        for (uint256 n = 0; n < trades.length; ++n) {
            if (trades[n].state < State.Settled) ++count;
        }
    }

    function _creditor(uint256 pick, bool native) internal view returns (address account, Currency currency) {
        currency = native ? NATIVE : Currency.wrap(token);
        uint256 count = creditorCount();
        for (uint256 i = 0; i < count; ++i) {
            account = creditor((pick % count + i) % count);
            if (credit[account][currency] != 0) return (account, currency);
        }
        vm.assume(false);
    }

    function _find(uint256 pick, State state) internal view returns (uint256, Trade memory) {
        return _search(pick, state, true, true);
    }

    function _findOpen(uint256 pick, State state) internal view returns (uint256, Trade memory) {
        return _search(pick, state, true, false);
    }

    function _findLapsed(uint256 pick, State state) internal view returns (uint256, Trade memory) {
        return _search(pick, state, false, true);
    }

    function _search(uint256 pick, State state, bool open, bool lapsed)
        internal
        view
        returns (uint256 n, Trade memory t)
    {
        uint256 count = trades.length;
        for (uint256 i = 0; i < count; ++i) {
            n = (pick % count + i) % count;
            if (trades[n].state != state) continue;
            if (block.timestamp > trades[n].deadline ? lapsed : open) return (n, trades[n]);
        }
        vm.assume(false);
    }

    function _keep(uint256 n, Trade memory t, string memory action) internal {
        assertLt(uint8(trades[n].state), uint8(State.Settled), "a final state changed");
        trades[n] = t;
        ++done[action];
    }

    function _end(uint256 n, Trade memory t, State state, string memory action) internal {
        assertEq(t.escrow, 0, "money stays in an escrow");
        t.state = state;
        t.deadline = _after(requestOf(t).windows.settlement);
        _keep(n, t, action);
    }

    function _after(uint256 window) internal view returns (uint40) {
        return uint40(block.timestamp + window);
    }

    /// @dev The rest of the review, if any.
    function _afterDispute(Trade memory t) internal view returns (uint40) {
        uint40 review = t.deadline - market.rules().rulingWindow();
        return review > _after(0) ? review : _after(0);
    }

    function _succeeds(bytes memory call) internal {
        (bool success, bytes memory reason) = address(market).call(call);
        assertTrue(success, vm.toString(reason));
    }

    function _refuses(bytes memory call) internal {
        (bool success,) = address(market).call(call);
        assertFalse(success, "went through and should not");
    }
}
