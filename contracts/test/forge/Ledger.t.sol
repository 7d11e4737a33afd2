// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ILedger} from "../../src/interfaces/ILedger.sol";
import {DevToken} from "../../src/tokens/DevToken.sol";
import {Currency, CurrencyLibrary} from "../../src/types/Currency.sol";
import {ModelQuote, Permit, Request, State} from "../../src/types/Trade.sol";
import {ContractWallet} from "../ContractWallet.sol";
import {ReentrantToken} from "../ReentrantToken.sol";
import {OneTrade} from "./market/OneTrade.sol";

/// @title Tests of the ledger under the trades, by Ledger.tree
/// @dev The credits are those of a settled trade.
contract LedgerTest is OneTrade {
    address private constant RECEIVER = address(0xcafe);

    address private _payee; // the broker
    uint256 private _owed;

    function setUp() public {
        _choose(true, false);
        _advance(State.Settled);
        _payee = requestOf(t).broker;
        _owed = dealOf(t).brokerFee;
    }

    function testFuzz_OwesNobodyAnotherAmount(address other, address token_) public {
        Currency currency = Currency.wrap(token_);
        uint256 owed = market.creditOf(other, currency);
        address[] memory accounts = new address[](3);
        (accounts[0], accounts[1], accounts[2]) = (other, _payee, other);
        market.openAccounts(accounts, currency);
        market.openAccounts(accounts, NATIVE);
        assertEq(market.creditOf(other, currency), owed);
        assertEq(market.creditOf(_payee, NATIVE), _owed);
        _assertBooks();
        vm.record();
        market.openAccounts(accounts, currency);
        (, bytes32[] memory writes) = vm.accesses(address(market));
        assertEq(uint256(vm.load(address(market), writes[0])), owed + 1);
    }

    function test_PaysAllOfItToWhomTheAccountSays() public {
        uint256 held = address(market).balance;
        vm.expectEmit(address(market));
        emit ILedger.Withdrawn(_payee, NATIVE, RECEIVER, _owed);
        vm.prank(_payee);
        assertEq(market.withdraw(NATIVE, RECEIVER), _owed);
        assertEq(RECEIVER.balance, _owed);
        assertEq(address(market).balance, held - _owed);
        _bookWithdrawal(_payee, NATIVE, _owed);
        _assertBooks();
    }

    function test_PaysATokenLikewise() public {
        Currency currency = _settleInTokens();
        vm.prank(_payee);
        assertEq(market.withdraw(currency, RECEIVER), _owed);
        assertEq(DevToken(token).balanceOf(RECEIVER), _owed);
        _bookWithdrawal(_payee, currency, _owed);
        _assertBooks();
    }

    function test_KeepsTheAccountOpen() public {
        vm.record();
        vm.prank(_payee);
        market.withdraw(NATIVE, RECEIVER);
        (, bytes32[] memory writes) = vm.accesses(address(market));
        assertEq(uint256(vm.load(address(market), writes[0])), 1);
        assertEq(market.creditOf(_payee, NATIVE), 0);
    }

    function test_RefusesToPayNobodyOrTheMarketItself() public {
        address[2] memory receivers = [address(0), address(market)];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(abi.encodeWithSelector(ILedger.InvalidReceiver.selector, receivers[i]));
            vm.prank(_payee);
            market.withdraw(NATIVE, receivers[i]);
        }
    }

    function testFuzz_RefusesWhereNothingIsOwed(address account) public {
        vm.assume(market.creditOf(account, NATIVE) == 0);
        vm.expectRevert(abi.encodeWithSelector(ILedger.NothingToWithdraw.selector, account, NATIVE));
        vm.prank(account);
        market.withdraw(NATIVE, RECEIVER);
        vm.prank(_payee);
        market.withdraw(NATIVE, RECEIVER);
        vm.expectRevert(abi.encodeWithSelector(ILedger.NothingToWithdraw.selector, _payee, NATIVE));
        vm.prank(_payee);
        market.withdraw(NATIVE, RECEIVER);
    }

    function test_OwesOnWhatTheReceiverRefuses() public {
        address wallet = address(new ContractWallet(_payee));
        vm.expectRevert(
            abi.encodeWithSelector(CurrencyLibrary.NativeTransferFailed.selector, wallet, _owed)
        );
        vm.prank(_payee);
        market.withdraw(NATIVE, wallet);
        assertEq(market.creditOf(_payee, NATIVE), _owed);
    }

    function test_RefusesCallsOutOfAPayment() public {
        Currency currency = _settleInTokens();
        _choose(false, false);
        _request();
        ReentrantToken hostile = new ReentrantToken(address(this), 0);
        vm.etch(token, address(hostile).code);
        hostile = ReentrantToken(token);
        bytes memory refusal =
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);

        hostile.arm(address(market), abi.encodeCall(market.withdraw, (currency, RECEIVER)));
        vm.expectRevert(refusal);
        vm.prank(_payee);
        market.withdraw(currency, RECEIVER);

        bytes memory call = _acceptance();
        hostile.arm(address(market), call);
        vm.prank(_payee);
        vm.expectRevert(refusal);
        market.withdraw(currency, RECEIVER);

        // and in an acceptance, before it takes the tokens that were given to the buyer
        address buyer = requestOf(t).buyer;
        (uint256 price,) = _price(t);
        hostile.arm(address(0), "");
        deal(token, buyer, price);
        vm.prank(buyer);
        hostile.approve(address(market), price);
        hostile.arm(address(market), abi.encodeCall(market.withdraw, (currency, RECEIVER)));
        vm.prank(buyer);
        _refuse(call, refusal);
    }

    // ------------------------------------------------------------------- for somebody

    function testFuzz_PaysByTheSignatureOfTheAccountOnce(address caller) public {
        bytes memory signature = _signWithdrawal(_payee, NATIVE, RECEIVER, 0);
        vm.prank(caller);
        assertEq(market.withdrawFor(_payee, NATIVE, RECEIVER, type(uint40).max, signature), _owed);
        assertEq(RECEIVER.balance, _owed);
        assertEq(market.nonces(_payee), 1);
        vm.expectRevert(abi.encodeWithSelector(ILedger.NotAuthorized.selector, _payee));
        vm.prank(caller);
        market.withdrawFor(_payee, NATIVE, RECEIVER, type(uint40).max, signature);
    }

    function test_PaysByTheSignatureOfAContractWallet() public {
        (address owner, uint256 key) = makeAddrAndKey("who owns the payee's wallet");
        vm.etch(_payee, address(new ContractWallet(owner)).code);
        bytes memory signature = _signWithdrawal(_payee, NATIVE, RECEIVER, 0);
        vm.expectRevert(abi.encodeWithSelector(ILedger.NotAuthorized.selector, _payee));
        market.withdrawFor(_payee, NATIVE, RECEIVER, type(uint40).max, signature);
        keyOf[_payee] = key;
        signature = _signWithdrawal(_payee, NATIVE, RECEIVER, 0);
        assertEq(market.withdrawFor(_payee, NATIVE, RECEIVER, type(uint40).max, signature), _owed);
        assertEq(RECEIVER.balance, _owed);
    }

    function testFuzz_RefusesAfterTheAuthorizationHasExpired(uint40 expiry) public {
        expiry = uint40(bound(expiry, 0, _now() - 1));
        vm.expectRevert(abi.encodeWithSelector(ILedger.AuthorizationExpired.selector, expiry));
        market.withdrawFor(_payee, NATIVE, RECEIVER, expiry, "");
    }

    function testFuzz_RefusesWhatTheAccountDidNotSign(uint8 which, address to, uint40 expiry) public {
        expiry = uint40(bound(expiry, _now(), type(uint40).max - 1));
        vm.assume(to != RECEIVER);
        bytes memory signature = _signWithdrawal(_payee, NATIVE, RECEIVER, which % 4 == 0 ? 1 : 0);
        Currency currency = which % 4 == 1 ? Currency.wrap(token) : NATIVE;
        if (which % 4 != 2) to = RECEIVER;
        if (which % 4 != 3) expiry = type(uint40).max;
        vm.expectRevert(abi.encodeWithSelector(ILedger.NotAuthorized.selector, _payee));
        market.withdrawFor(_payee, currency, to, expiry, signature);
    }

    // ------------------------------------------------------------------------ private

    function _settleInTokens() private returns (Currency currency) {
        _choose(false, false);
        _advance(State.Settled);
        (_payee, _owed) = (requestOf(t).broker, dealOf(t).brokerFee);
        return currencyOf(t);
    }

    function _acceptance() private view returns (bytes memory) {
        Request memory r = requestOf(t);
        ModelQuote memory q = quoteOf(t);
        (uint256 price,) = _price(t);
        bytes[] memory signatures = _signQuotes(q, r.broker);
        Permit memory none;
        return abi.encodeCall(market.acceptQuote, (r, judges(), q, uint128(price), signatures, none));
    }
}
