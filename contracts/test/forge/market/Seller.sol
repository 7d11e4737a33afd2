// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Training} from "../../../src/interfaces/IConsentRegistry.sol";
import {ModelMarket} from "../../../src/ModelMarket.sol";
import {Currency} from "../../../src/types/Currency.sol";
import {
    AttemptRecord,
    AuditFinding,
    DataFinding,
    ModelQuote,
    Permit,
    Request,
    State,
    TransferRule
} from "../../../src/types/Trade.sol";
import {Calls} from "./Calls.sol";
import {Terms, Trade} from "./Terms.sol";

/// @title Brings trades of the campaign's kind to their settlement, a step at a time
/// @dev For tests of what builds on settled trades. Everyone is honest and in time; only the last
///      dataset is not delivered.
contract Seller is Calls {
    uint16 private constant ALL = 7; // seats

    uint256 private _tried;

    constructor(ModelMarket market_, address token_) Terms(token_) Calls(market_) {}

    // --------------------------------------------------------------------- steps

    /// @notice Requests a trade for native coin with this rule, two datasets at least, no conflict
    ///         and no need of an approval.
    function request(TransferRule rule) public returns (Trade memory t) {
        (, t.feeBps,,,) = market.rules().inForce();
        do {
            t.seed = ++_tried;
        } while (!_fits(t, rule));
        Request memory r = requestOf(t);
        vm.prank(r.buyer);
        t.id = market.requestModel(r);
    }

    function accept(Trade memory t) public {
        Request memory r = requestOf(t);
        ModelQuote memory q = quoteOf(t);
        (uint256 price,) = _price(t);
        Permit memory none;
        vm.deal(r.buyer, price);
        vm.prank(r.buyer);
        market.acceptQuote{value: price}(r, judges(), q, uint128(price), _signQuotes(q, r.broker), none);
    }

    function report(Trade memory t) public returns (Trade memory) {
        t.accepted = _delivered(t);
        t.experts = experts;
        _succeeds(_dataCall(t, ALL, Flaw.None));
        _succeeds(_attemptCall(t, ALL, ALL, Flaw.None));
        (t.attempts, t.signers, t.verdicts, t.verdict) = (1, ALL, ALL, State.Passed);
        return t;
    }

    function settle(Trade memory t) public {
        vm.warp(market.statusOf(t.id).deadline() + 1);
        AuditFinding memory none;
        _succeeds(_settleCall(t, ALL, none));
        assertEq(uint8(market.statusOf(t.id).state()), uint8(State.Settled));
    }

    /// @notice All steps at once.
    function settled(TransferRule rule) external returns (Trade memory t) {
        t = request(rule);
        accept(t);
        t = report(t);
        settle(t);
    }

    // ------------------------------------------------------------ what was agreed

    function recorded(Trade memory t) external view returns (bytes32 gated, bytes32 amounts, AttemptRecord memory) {
        return (_gated(t), _amountsHash(t), recordOf(t));
    }

    function trainingOf(Trade memory t) external view returns (Training memory training) {
        ModelQuote memory q = quoteOf(t);
        DataFinding memory finding = dataFindingOf(t);
        training = Training({
            quote: q,
            deal: dealOf(t),
            dropped: gateOf(t).dropped,
            report: finding,
            judges: judges(),
            signers: ALL,
            signatures: _signData(t, finding, ALL, Flaw.None),
            history: historyOf(t),
            amounts: _amountsHash(t),
            record: _recordHash(t)
        });
    }

    function hashOf(ModelQuote memory q) external pure returns (bytes32) {
        return _hash(q);
    }

    function keyFor(address account) external view returns (uint256) {
        return keyOf[account];
    }

    // -------------------------------------------------------------------- within

    function _fits(Trade memory t, TransferRule rule) private view returns (bool) {
        bool plain = _draw(t, "muddled", 5) != 0 && Currency.unwrap(currencyOf(t)) == address(0);
        if (!plain || requestOf(t).transferRule != rule || suppliesOf(t).length < 2) return false;
        if (requestOf(t).approvalRequired) return false;
        t.accepted = _delivered(t);
        uint32 threshold = requestOf(t).threshold;
        for (uint256 seat = 0; seat < SEATS; ++seat) {
            if (scoreOf(t, 1, seat, true) < threshold) return false;
        }
        return _rows(t) >= requestOf(t).minRows && dealOf(t).expertPool != 0;
    }

    function _delivered(Trade memory t) private view returns (uint256) {
        return (1 << (suppliesOf(t).length - 1)) - 1;
    }

    function _succeeds(bytes memory call) private {
        (bool success, bytes memory reason) = address(market).call(call);
        assertTrue(success, vm.toString(reason));
    }
}
