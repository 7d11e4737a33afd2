// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IParticipantRegistry} from "../../../src/interfaces/IParticipantRegistry.sol";
import {IModelMarket} from "../../../src/interfaces/IModelMarket.sol";
import {ModelMarket} from "../../../src/ModelMarket.sol";
import {DevToken} from "../../../src/tokens/DevToken.sol";
import {CommitteeTerms} from "../../../src/types/Committee.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {Status} from "../../../src/types/Status.sol";
import {AuditFinding, ModelQuote, Permit, Request, State, Supply} from "../../../src/types/Trade.sol";
import {Authority} from "../../Authority.sol";
import {Clock} from "../Clock.sol";
import {Calls} from "./Calls.sol";
import {Deployer} from "./Deployer.sol";
import {Terms, Trade} from "./Terms.sol";

/// @title One trade of the campaign's kind, taken from step to step beside the books
/// @dev Its roles don't conflict, it has an auditor and two datasets at least, no amount is zero, two
///      attempts are allowed, and whoever signs seals what it says. The test itself is the arbiter.
abstract contract OneTrade is Calls, Clock, Deployer {
    Currency internal constant NATIVE = Currency.wrap(address(0));
    uint16 internal constant ALL = 7; // seats
    bytes32 internal constant REPORT = keccak256("audit report");

    Trade internal t;

    constructor() Terms(address(new DevToken())) Calls(_newMarket()) {
        market.rules().committee().scheduleRotation(members, 2);
        _seatPanel(market);
    }

    function _newMarket() private returns (ModelMarket) {
        Authority authority = new Authority(address(this));
        CommitteeTerms memory terms = CommitteeTerms(NATIVE, 0, 1, 365 days, address(this), address(0));
        return _deployMarket(address(authority), terms, address(this), 1 hours);
    }

    // ------------------------------------------------------------------------ steps

    function _choose(bool native, bool approval) internal {
        if (t.seed == 0) vm.warp(1_800_000_000);
        Trade memory m;
        (m.feeBps, m.seed) = (FEE_BPS, t.seed);
        do ++m.seed; while (!_fits(m, native, approval));
        m.id = keccak256(abi.encode(block.chainid, address(market), requestOf(m)));
        t = m;
    }

    function _request() internal {
        Trade memory m = t;
        Request memory r = requestOf(m);
        vm.prank(r.buyer);
        market.requestModel(r);
        (m.state, m.deadline) = (State.Requested, _now() + r.windows.quote);
        t = m;
    }

    function _accept() internal {
        Trade memory m = t;
        Request memory r = requestOf(m);
        ModelQuote memory q = quoteOf(m);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        Permit memory none;
        (uint256 price, uint256 value) = _provide(m);
        vm.prank(r.buyer);
        market.acceptQuote{value: value}(r, judges(), q, uint128(price), signatures, none);
        _bookAcceptance(m);
        (m.state, m.deadline) = (State.Funded, _now() + r.windows.delivery + r.windows.judging);
        m.digest = _agreed(m);
        t = m;
    }

    /// @param accepted Supplies that were delivered; the first is enough.
    function _report(uint256 accepted) internal {
        Trade memory m = t;
        (m.accepted, m.experts) = (accepted, experts);
        _send(_dataCall(m, ALL, Flaw.None));
        _bookData(m, accepted);
        Request memory r = requestOf(m);
        (m.state, m.deadline) = (State.Gated, _now() + r.windows.training + r.windows.validation);
        (m.signed, m.digest) = (ALL, _gated(m));
        t = m;
    }

    function _attempt(uint16 signers, uint16 verdicts) internal {
        Trade memory m = t;
        _send(_attemptCall(m, signers, verdicts, Flaw.None));
        Request memory r = requestOf(m);
        ++m.attempts;
        (m.signers, m.verdicts) = (signers, verdicts);
        bool passed = 2 * _ones(verdicts) > _ones(signers);
        if (passed || m.attempts == r.maxAttempts) {
            m.state = m.verdict = passed ? State.Passed : State.Rejected;
            m.deadline = _now() + r.windows.review;
            m.digest = keccak256(abi.encode(_gated(m), _amountsHash(m), _recordHash(m)));
        } else {
            m.deadline = _now() + r.windows.training + r.windows.validation;
            m.records[m.attempts - 1] = _recordHash(m);
            m.digest = _gated(m);
        }
        t = m;
    }

    /// @param open Seats whose scores are opened by it.
    function _settle(uint16 open, AuditFinding memory audit) internal returns (State end) {
        Trade memory m = t;
        if (audit.signature.length != 0) (m.audited, m.approved) = (true, audit.approved);
        _send(_settleCall(m, open, audit));
        m.opened |= open;
        end = _bookSettlement(m, m.opened);
        t = m;
    }

    function _settle() internal returns (State) {
        AuditFinding memory none;
        return _settle(ALL, none);
    }

    function _audit(bool approved) internal view returns (AuditFinding memory) {
        return AuditFinding(REPORT, approved, _signAudit(t, _recordHash(t), REPORT, approved));
    }

    /// @dev Past the deadline that the market itself has.
    function _lapse() internal {
        vm.warp(uint256(_status().deadline()) + 1);
    }

    /// @dev From nothing to a state.
    function _advance(State to) internal {
        if (to == State.None) return;
        _request();
        bytes32 nothing;
        if (to == State.Declined) {
            vm.prank(requestOf(t).buyer);
            market.declineQuote(requestOf(t), nothing);
        } else if (to == State.Expired) {
            _lapse();
            market.expire(t.id);
        }
        if (to == State.Requested || to == State.Declined || to == State.Expired) return;
        _accept();
        if (to == State.Funded) return;
        if (to == State.Refunded) {
            _lapse();
            market.timeoutDelivery(t.id, dealOf(t), suppliesOf(t), committee);
            return;
        }
        _report(1);
        if (to == State.Gated) return;
        bool fails = to == State.Rejected || to == State.Failed;
        if (fails) _attempt(ALL, 0);
        _attempt(ALL, fails ? 0 : ALL);
        if (to == State.Disputed) market.dispute(t.id);
        if (to < State.Settled) return;
        _lapse();
        _settle();
    }

    // ------------------------------------------------------------------------ calls

    /// @dev One that a test expects to be refused counts as a success.
    function _send(bytes memory call) internal {
        (bool success, bytes memory reason) = address(market).call(call);
        assertTrue(success, vm.toString(reason));
    }

    function _refuse(bytes memory call, bytes memory reason) internal {
        vm.expectRevert(reason);
        _send(call);
    }

    /// @dev In every state but those of the set (bit i is state i), before all else.
    function _refuseOutside(uint256 states, State needed, address caller, bytes memory call) internal {
        uint256 snapshot = vm.snapshotState();
        for (uint256 i = 0; i <= uint256(type(State).max); ++i) {
            if (states & (1 << i) != 0) continue;
            _advance(State(i));
            assertEq(uint8(_status().state()), i);
            vm.prank(caller);
            _refuse(call, abi.encodeWithSelector(IModelMarket.WrongState.selector, State(i), needed));
            vm.revertToState(snapshot);
        }
    }

    /// @dev Founds a group of two.
    function _tie(address founder, address other) internal {
        IParticipantRegistry registry = market.registry();
        vm.startPrank(founder);
        bytes32 group = registry.foundGroup("tied");
        registry.setInvitation(other, true);
        vm.stopPrank();
        vm.prank(other);
        registry.joinGroup(group);
    }

    // ------------------------------------------------------------------------- what is

    function _status() internal view returns (Status) {
        return market.statusOf(t.id);
    }

    /// @dev The market's own figures are those of the books, to the unit.
    function _assertBooks() internal view {
        Currency currency = currencyOf(t);
        for (uint256 i = 0; i < everyone.length; ++i) {
            assertEq(market.creditOf(everyone[i], currency), credit[everyone[i]][currency]);
        }
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            assertEq(market.creditOf(members[seat], currency), credit[members[seat]][currency]);
        }
        assertEq(market.creditOf(treasury, currency), credit[treasury][currency]);
        uint256 held =
            currency.isNative() ? address(market).balance : DevToken(token).balanceOf(address(market));
        assertEq(held, escrows[currency] + credits[currency]);
    }

    function _assertStands(State state, uint256 deadline) internal view {
        assertEq(uint8(_status().state()), uint8(state));
        assertEq(_status().deadline(), deadline);
        assertEq(_status().attempts(), t.attempts);
        assertEq(_status().signers(), t.signed);
        assertEq(market.digestOf(t.id), t.digest);
    }

    function _assertEnded(State state) internal view {
        _assertStands(state, _now() + requestOf(t).windows.settlement);
        assertEq(t.escrow, 0);
        _assertBooks();
    }

    // ---------------------------------------------------------------------- private

    /// @dev Gives the buyer the price, in tokens with the allowance.
    function _provide(Trade memory m) private returns (uint256 price, uint256 value) {
        (price,) = _price(m);
        address buyer = requestOf(m).buyer;
        if (currencyOf(m).isNative()) {
            value = price;
            vm.deal(buyer, price);
        } else {
            DevToken(token).mint(buyer, price);
            vm.prank(buyer);
            DevToken(token).approve(address(market), price);
        }
    }

    function _fits(Trade memory m, bool native, bool approval) private view returns (bool) {
        if (_draw(m, "muddled", 5) == 0 || _draw(m, "audited", 4) == 0) return false;
        if ((_draw(m, "approval", 2) == 0) != approval || currencyOf(m).isNative() != native) return false;
        if (_draw(m, "cap", 3) != 1) return false;
        if (_amount(m, "pool") == 0 || _amount(m, "brokerFee") == 0) return false;
        if (_amount(m, "auditorFee") == 0 || _amount(m, "oracleFee") == 0) return false;
        for (uint256 which = SEATS; which < 3 * SEATS; ++which) {
            if (_drawAt(m, "careless", which, 4) == 0) return false;
        }
        Supply[] memory supplies = suppliesOf(m);
        for (uint256 i = 0; i < supplies.length; ++i) {
            if (supplies[i].price == 0) return false;
        }
        return supplies.length >= 2 && supplies[0].rows >= requestOf(m).minRows;
    }
}
