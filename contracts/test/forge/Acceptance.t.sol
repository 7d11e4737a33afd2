// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ILedger} from "../../src/interfaces/ILedger.sol";
import {IModelMarket} from "../../src/interfaces/IModelMarket.sol";
import {Conflicts} from "../../src/libraries/Conflicts.sol";
import {Committee} from "../../src/types/Committee.sol";
import {Signatures} from "../../src/libraries/Signatures.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {CurrencyLibrary} from "../../src/types/Currency.sol";
import {ModelQuote, Permit, Request, State} from "../../src/types/Trade.sol";
import {OneTrade} from "./market/OneTrade.sol";

/// @title Tests of a quote's acceptance, by Acceptance.tree
/// @dev What makes a quote is tested in Quotes.t.sol.
contract AcceptanceTest is OneTrade {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function setUp() public {
        _choose(true, false);
        _request();
    }

    function test_LocksThePriceAndKeepsWhatWasAgreed() public {
        (uint256 price,) = _price(t);
        ModelQuote memory q = quoteOf(t);
        Request memory r = requestOf(t);
        vm.expectEmit(address(market));
        emit IModelMarket.QuoteAccepted(t.id, q, _signQuotes(q, r.broker));
        vm.expectEmit(address(market));
        emit ILedger.Locked(t.id, r.buyer, NATIVE, price);
        _accept();
        assertEq(address(market).balance, price);
        assertEq(r.buyer.balance, 0);
        _assertStands(State.Funded, _now() + r.windows.delivery + r.windows.judging);
    }

    function test_TakesATokenThatTheBuyerAllowed() public {
        uint256 price = _chooseToken();
        _accept(); // mints the price once more, and allows as much
        assertEq(DevToken(token).balanceOf(address(market)), price);
        assertEq(DevToken(token).balanceOf(requestOf(t).buyer), price);
        assertEq(DevToken(token).allowance(requestOf(t).buyer, address(market)), 0);
    }

    function test_TakesATokenByAPermitInTheSameCall() public {
        uint256 price = _chooseToken();
        bytes memory call = _call(quoteOf(t), price, _permit(price));
        vm.prank(requestOf(t).buyer);
        _send(call);
        assertEq(DevToken(token).balanceOf(address(market)), price);
        assertEq(DevToken(token).allowance(requestOf(t).buyer, address(market)), 0);
    }

    function test_TakesATokenWhosePermitSomebodyUsedBefore() public {
        uint256 price = _chooseToken();
        address buyer = requestOf(t).buyer;
        Permit memory p = _permit(price);
        DevToken(token).permit(buyer, address(market), p.value, p.deadline, p.v, p.r, p.s);
        vm.prank(buyer);
        _send(_call(quoteOf(t), price, p));
        assertEq(DevToken(token).balanceOf(address(market)), price);
    }

    function test_LetsTheBuyerAcceptAtTheLastSecond() public {
        vm.warp(t.deadline);
        _accept();
        assertEq(uint8(_status().state()), uint8(State.Funded));
    }

    // ------------------------------------------------------------------ not this one

    function testFuzz_LetsTheBuyerAloneAccept(address caller) public {
        address buyer = requestOf(t).buyer;
        vm.assume(caller != buyer);
        vm.prank(caller);
        _refuse(_call(), abi.encodeWithSelector(IModelMarket.NotAllowed.selector, caller, buyer));
    }

    function test_RefusesAfterTheDeadline() public {
        vm.warp(uint256(t.deadline) + 1);
        _refuseTheBuyer(_call(), abi.encodeWithSelector(IModelMarket.DeadlinePassed.selector, t.deadline));
    }

    function testFuzz_RefusesAQuoteForAnotherTrade(bytes32 other) public {
        vm.assume(other != t.id);
        ModelQuote memory q = quoteOf(t);
        q.tradeId = other;
        _refuseTheBuyer(
            _call(q, 0), abi.encodeWithSelector(IModelMarket.WrongTrade.selector, other, t.id)
        );
    }

    function testFuzz_RefusesAPriceThatTheBuyerDoesNotExpect(uint128 expected) public {
        (uint256 price,) = _price(t);
        vm.assume(expected != price);
        _refuseTheBuyer(
            _call(quoteOf(t), expected),
            abi.encodeWithSelector(IModelMarket.PriceChanged.selector, price, expected)
        );
    }

    function testFuzz_RefusesAPriceBeyondTheBudget(uint128 more) public {
        ModelQuote memory q = quoteOf(t);
        Request memory r = requestOf(t);
        q.brokerFee = r.budget + more % 1e30;
        (uint128 price,) = market.quotes().priceOf(q, FEE_BPS);
        _refuseTheBuyer(
            _call(q, price), abi.encodeWithSelector(IModelMarket.OverBudget.selector, price, r.budget)
        );
    }

    function testFuzz_RefusesAnotherCommitteeThanTheRequestNames(uint32 version) public {
        vm.assume(version != 1);
        Request memory r = requestOf(t);
        ModelQuote memory q = quoteOf(t);
        (uint256 price,) = _price(t);
        Permit memory none;
        Committee memory other = Committee(version, 2, members);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        _refuseTheBuyer(
            abi.encodeCall(market.acceptQuote, (r, other, q, uint128(price), signatures, none)),
            abi.encodeWithSelector(
                IModelMarket.AgreementMismatch.selector, keccak256(abi.encode(other)), r.committee
            )
        );
    }

    function test_RefusesWhatSomebodyElseSigned() public {
        address broker = requestOf(t).broker;
        ModelQuote memory q = quoteOf(t);
        (uint256 price,) = _price(t);
        Permit memory none;
        bytes[] memory signatures = _signQuotes(q, everyone[0]);
        _refuseTheBuyer(
            abi.encodeCall(market.acceptQuote, (requestOf(t), judges(), q, uint128(price), signatures, none)),
            abi.encodeWithSelector(Signatures.BadSignature.selector, broker)
        );
    }

    function test_RefusesPartiesThatConflict() public {
        Request memory r = requestOf(t);
        address provider = suppliesOf(t)[0].provider;
        _tie(r.buyer, provider);
        _refuseTheBuyer(
            _call(), abi.encodeWithSelector(Conflicts.ConflictOfRoles.selector, provider, r.buyer)
        );
    }

    function test_RefusesInAnyOtherState() public {
        _choose(true, false); // another, from the beginning
        _refuseOutside(1 << uint8(State.Requested), State.Requested, requestOf(t).buyer, _call());
    }

    // -------------------------------------------------------------------------- money

    function testFuzz_RefusesAnotherValueThanThePrice(uint96 value) public {
        (uint256 price,) = _price(t);
        vm.assume(value != price);
        Request memory r = requestOf(t);
        ModelQuote memory q = quoteOf(t);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        Permit memory none;
        hoax(r.buyer, value);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, price));
        market.acceptQuote{value: value}(r, judges(), q, uint128(price), signatures, none);
    }

    function testFuzz_RefusesCoinsBesideAToken(uint96 value) public {
        vm.assume(value != 0);
        uint256 price = _chooseToken();
        Request memory r = requestOf(t);
        ModelQuote memory q = quoteOf(t);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        Permit memory none;
        hoax(r.buyer, value);
        vm.expectRevert(abi.encodeWithSelector(CurrencyLibrary.WrongValue.selector, value, 0));
        market.acceptQuote{value: value}(r, judges(), q, uint128(price), signatures, none);
    }

    function testFuzz_RefusesAPermitThatFallsShort(uint256 less) public {
        uint256 price = _chooseToken();
        less = bound(less, 1, price);
        _refuseTheBuyer(
            _call(quoteOf(t), price, _permit(price - less)),
            abi.encodeWithSelector(
                IERC20Errors.ERC20InsufficientAllowance.selector, market, price - less, price
            )
        );
    }

    // ------------------------------------------------------------------------ private

    /// @dev Another trade, in tokens that the buyer has and has not allowed yet.
    function _chooseToken() private returns (uint256 price) {
        _choose(false, false);
        _request();
        (price,) = _price(t);
        DevToken(token).mint(requestOf(t).buyer, price);
        vm.prank(requestOf(t).buyer);
        DevToken(token).approve(address(market), 0);
    }

    function _permit(uint256 value) private view returns (Permit memory p) {
        address buyer = requestOf(t).buyer;
        bytes32 message = keccak256(
            abi.encode(PERMIT, buyer, market, value, DevToken(token).nonces(buyer), type(uint256).max)
        );
        bytes32 digest =
            keccak256(abi.encodePacked(hex"1901", DevToken(token).DOMAIN_SEPARATOR(), message));
        (p.value, p.deadline) = (value, type(uint256).max);
        (p.v, p.r, p.s) = vm.sign(keyOf[buyer], digest);
    }

    function _call() private view returns (bytes memory) {
        (uint256 price,) = _price(t);
        return _call(quoteOf(t), price);
    }

    function _call(ModelQuote memory q, uint256 expected) private view returns (bytes memory) {
        Permit memory none;
        return _call(q, expected, none);
    }

    function _call(ModelQuote memory q, uint256 expected, Permit memory permit)
        private
        view
        returns (bytes memory)
    {
        Request memory r = requestOf(t);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        return abi.encodeCall(market.acceptQuote, (r, judges(), q, uint128(expected), signatures, permit));
    }

    function _refuseTheBuyer(bytes memory call, bytes memory reason) private {
        vm.prank(requestOf(t).buyer);
        _refuse(call, reason);
    }
}
