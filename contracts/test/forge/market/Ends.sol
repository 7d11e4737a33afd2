// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AuditFinding, State, Supply} from "../../../src/types/Trade.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Register} from "./Register.sol";
import {Trade} from "./Terms.sol";

/// @title How trades end: by settlement, or by a time-out that anyone may call
abstract contract Ends is Register {
    bytes32 internal constant REPORT = keccak256("audit report");

    function settle(uint256 pick, uint256 chance) external {
        State state = pick % 2 == 0 ? State.Passed : State.Rejected;
        (uint256 n, Trade memory t) = _findLapsed(pick, state);
        uint16 open = chance % 2 == 0 ? t.signers : t.signers & uint16(chance >> 8);
        address auditor = requestOf(t).auditor;
        AuditFinding memory audit;
        if (!t.audited && auditor != address(0) && chance % 3 == 0) {
            (t.audited, t.approved) = (true, chance % 2 == 0);
            audit = AuditFinding(REPORT, t.approved, _signAudit(t, _recordHash(t), REPORT, t.approved));
        }
        _settle(n, t, open, audit);
    }

    // -------------------------------------------------------------------- time-outs

    function expire(uint256 pick, uint256) external {
        (uint256 n, Trade memory t) = _findLapsed(pick, State.Requested);
        market.expire(t.id);
        _end(n, t, State.Expired, "expire");
    }

    function timeoutDelivery(uint256 pick, uint256) external {
        (uint256 n, Trade memory t) = _findLapsed(pick, State.Funded);
        market.timeoutDelivery(t.id, dealOf(t), suppliesOf(t), committee);
        Supply[] memory supplies = suppliesOf(t);
        uint256 delivered;
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (_isIn(supplies[i].provider, t.recorded)) delivered |= 1 << i;
        }
        _bookData(t, delivered);
        _bookRest(t);
        _end(n, t, State.Refunded, "timeoutDelivery");
    }

    function timeoutTraining(uint256 pick, uint256) external {
        (uint256 n, Trade memory t) = _findLapsed(pick, State.Gated);
        market.timeoutTraining(t.id, dealOf(t), gateOf(t), judges());
        _bookSilence(t);
        _end(n, t, State.Refunded, "timeoutTraining");
    }

    function resume(uint256 pick, uint256) external {
        (uint256 n, Trade memory t) = _findLapsed(pick, State.Disputed);
        market.resume(t.id);
        (t.state, t.deadline) = (t.verdict, _afterDispute(t));
        _keep(n, t, "resume");
    }

    // -------------------------------------------------------------- everybody silent

    /// @notice Ends every trade with all parties silent, and pays out whatever is owed.
    function endAll() external {
        for (uint256 n = 0; n < trades.length; ++n) {
            _endSilently(n);
        }
        for (uint256 n = 0; n < trades.length; ++n) {
            assertGe(uint8(market.statusOf(trades[n].id).state()), uint8(State.Settled), "no end");
        }
        for (uint256 i = 0; i < creditorCount(); ++i) {
            _withdrawAll(creditor(i), NATIVE);
            _withdrawAll(creditor(i), Currency.wrap(token));
        }
    }

    function _endSilently(uint256 n) private {
        Trade memory t = trades[n];
        if (t.state >= State.Settled || t.state == State.None) return;
        skip(10 * 120 + 1); // longer than any stage
        if (t.state == State.Requested) {
            this.expire(n, 0);
        } else if (t.state == State.Funded) {
            this.timeoutDelivery(n, 0);
        } else if (t.state == State.Gated) {
            this.timeoutTraining(n, 0);
        } else {
            if (t.state == State.Disputed) this.resume(n, 0);
            t = trades[n];
            skip(10 * 120 + 1);
            AuditFinding memory none;
            _settle(n, t, 0, none);
        }
    }

    function _settle(uint256 n, Trade memory t, uint16 open, AuditFinding memory audit) private {
        uint16 all = open | t.opened;
        bytes memory call = _settleCall(t, open, audit);
        if (all != t.signers && block.timestamp <= uint256(t.deadline) + requestOf(t).windows.settlement) {
            _refuses(call);
            ++done["refuse closed seals"];
            return;
        }
        _succeeds(call);
        State end = _bookSettlement(t, all);
        t.opened = all;
        ++done[all == t.signers ? "settle with open seals" : "settle with closed seals"];
        string[3] memory names = ["settle", "fail", "refund a verdict"];
        _end(n, t, end, names[end == State.Settled ? 0 : end == State.Failed ? 1 : 2]);
        _refuses(call);
    }

    function _withdrawAll(address account, Currency currency) private {
        if (credit[account][currency] == 0) return;
        vm.prank(account);
        _bookWithdrawal(account, currency, market.withdraw(currency, account));
    }
}
