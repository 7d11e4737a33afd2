// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IQuotes} from "../../src/interfaces/IQuotes.sol";
import {Conflicts} from "../../src/libraries/Conflicts.sol";
import {Signatures} from "../../src/libraries/Signatures.sol";
import {DataQuote, ModelQuote, Request, Supply} from "../../src/types/Trade.sol";
import {ContractWallet} from "../ContractWallet.sol";
import {OneTrade} from "./market/OneTrade.sol";

/// @title Tests of what makes a quote, by Quotes.tree
contract QuotesTest is OneTrade {
    IQuotes private _quotes;
    bytes32 private _domain;

    function setUp() public {
        _choose(true, false);
        _quotes = market.quotes();
        _domain = market.domainSeparator();
    }

    function test_TellsPriceAndFeeAndWhatIsSupplied() public view {
        ModelQuote memory q = quoteOf(t);
        (uint256 price, uint256 fee) = _price(t);
        (uint128 given, uint128 givenFee, bytes32 hash, bytes32 supplies) = _check(q, _signed(q));
        assertEq(given, price);
        assertEq(givenFee, fee);
        assertEq(hash, _hash(q));
        bytes memory all;
        Supply[] memory wanted = suppliesOf(t);
        for (uint256 i = 0; i < wanted.length; ++i) {
            all = bytes.concat(all, abi.encode(wanted[i]));
        }
        assertEq(supplies, keccak256(all));
    }

    function test_TakesAQuoteWithoutData() public view {
        ModelQuote memory q = quoteOf(t);
        q.dataQuotes = new DataQuote[](0);
        (uint128 price,, bytes32 hash, bytes32 supplies) = _check(q, _signed(q));
        assertEq(hash, _hash(q));
        uint256 sum = uint256(q.expertPool) + q.brokerFee + q.auditorFee + q.oracleFee;
        assertEq(price, sum + sum * FEE_BPS / 10_000);
        assertEq(supplies, keccak256(""));
    }

    function test_TakesContractWalletsForBrokerAndProvider() public {
        ModelQuote memory q = quoteOf(t);
        address broker = requestOf(t).broker;
        address provider = q.dataQuotes[0].provider;
        (address one, uint256 key) = makeAddrAndKey("who owns the broker's wallet");
        (keyOf[broker], keyOf[provider]) = (key, key);
        bytes[] memory signatures = _signQuotes(q, broker);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, provider));
        _check(q, signatures);
        bytes memory wallet = address(new ContractWallet(one)).code;
        vm.etch(provider, wallet);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, broker));
        _check(q, signatures);
        vm.etch(broker, wallet);
        (uint128 price,,,) = _check(q, signatures);
        (uint256 wanted,) = _price(t);
        assertEq(price, wanted);
    }

    function test_TakesQuotesAtTheirLastSecond() public view {
        ModelQuote memory q = quoteOf(t);
        (q.expiry, q.dataQuotes[0].expiry) = (_now(), _now());
        (uint128 price,,,) = _check(q, _signed(q));
        assertGt(price, 0);
    }

    function testFuzz_RefusesMoreThan32Providers(uint8 count) public {
        count = uint8(bound(count, 33, 200));
        ModelQuote memory q = quoteOf(t);
        q.dataQuotes = new DataQuote[](count);
        vm.expectRevert(abi.encodeWithSelector(IQuotes.TooMany.selector, count, 32));
        _check(q, new bytes[](uint256(count) + 1));
    }

    function testFuzz_RefusesAnotherNumberOfSignaturesThanOfQuotes(uint8 count) public {
        ModelQuote memory q = quoteOf(t);
        uint256 needed = q.dataQuotes.length + 1;
        vm.assume(count != needed);
        vm.expectRevert(abi.encodeWithSelector(IQuotes.LengthMismatch.selector, count, needed));
        _check(q, new bytes[](count));
    }

    function testFuzz_RefusesAQuoteAfterItsExpiry(uint40 expiry) public {
        ModelQuote memory q = quoteOf(t);
        q.expiry = uint40(bound(expiry, 0, _now() - 1));
        _refuseQuote(q, abi.encodeWithSelector(IQuotes.QuoteExpired.selector, q.expiry));
    }

    function testFuzz_RefusesAnOfferAfterItsExpiry(uint40 expiry, uint256 which) public {
        ModelQuote memory q = quoteOf(t);
        expiry = uint40(bound(expiry, 0, _now() - 1));
        q.dataQuotes[which % q.dataQuotes.length].expiry = expiry;
        _refuseQuote(q, abi.encodeWithSelector(IQuotes.QuoteExpired.selector, expiry));
    }

    function testFuzz_RefusesAnOfferForAnotherTrade(bytes32 other, uint256 which) public {
        vm.assume(other != t.id);
        ModelQuote memory q = quoteOf(t);
        q.dataQuotes[which % q.dataQuotes.length].tradeId = other;
        _refuseQuote(q, abi.encodeWithSelector(IQuotes.WrongTrade.selector, other, t.id));
    }

    function test_RefusesProvidersOutOfOrderOrTwice() public {
        ModelQuote memory q = quoteOf(t);
        (address low, address high) = (q.dataQuotes[0].provider, q.dataQuotes[1].provider);
        q.dataQuotes[1].provider = low;
        _refuseQuote(q, abi.encodeWithSelector(IQuotes.NotAscending.selector, low, low));
        q.dataQuotes[0].provider = high;
        _refuseQuote(q, abi.encodeWithSelector(IQuotes.NotAscending.selector, high, low));
    }

    function testFuzz_RefusesWhatAnotherThanTheBrokerSigned(uint8 other) public {
        ModelQuote memory q = quoteOf(t);
        address signer = everyone[other % everyone.length];
        address broker = requestOf(t).broker;
        vm.assume(signer != broker);
        bytes[] memory signatures = _signQuotes(q, signer);
        vm.expectRevert(abi.encodeWithSelector(Signatures.BadSignature.selector, broker));
        _check(q, signatures);
    }

    function testFuzz_RefusesWhatAnotherThanTheProviderSigned(uint8 which, uint128 price) public {
        ModelQuote memory q = quoteOf(t);
        uint256 i = which % q.dataQuotes.length;
        vm.assume(price != q.dataQuotes[i].price);
        bytes[] memory signatures = _signed(q);
        q.dataQuotes[i].price = price; // what it didn't sign
        vm.expectRevert(
            abi.encodeWithSelector(Signatures.BadSignature.selector, q.dataQuotes[i].provider)
        );
        _check(q, signatures);
    }

    function testFuzz_RefusesWhatWasSignedForAnotherMarket(bytes32 domain) public {
        vm.assume(domain != _domain);
        ModelQuote memory q = quoteOf(t);
        bytes[] memory signatures = _signed(q);
        _domain = domain;
        vm.expectRevert(
            abi.encodeWithSelector(Signatures.BadSignature.selector, q.dataQuotes[0].provider)
        );
        _check(q, signatures);
    }

    function test_RefusesPartiesThatConflict() public {
        Request memory r = requestOf(t);
        _tie(r.auditor, r.broker);
        _refuseQuote(
            quoteOf(t), abi.encodeWithSelector(Conflicts.ConflictOfRoles.selector, r.auditor, r.broker)
        );
    }

    // -------------------------------------------------------------------------- price

    function testFuzz_AddsEverythingUpAndRoundsTheFeeDown(uint120[6] memory parts, uint16 feeBps) public view {
        feeBps %= 1_001;
        ModelQuote memory q = _priced(parts);
        uint256 sum;
        for (uint256 i = 0; i < 6; ++i) {
            sum += parts[i];
        }
        (uint128 price, uint128 fee) = _quotes.priceOf(q, feeBps);
        assertEq(price, sum + fee);
        assertLe(uint256(fee) * 10_000, sum * feeBps);
        assertGt((uint256(fee) + 1) * 10_000, sum * feeBps);
    }

    function testFuzz_RefusesAPriceBeyond128Bits(uint128 pool, uint128 brokerFee, uint16 feeBps) public {
        feeBps %= 1_001;
        ModelQuote memory q;
        (q.expertPool, q.brokerFee) = (pool, brokerFee);
        uint256 sum = uint256(pool) + brokerFee;
        sum += sum * feeBps / 10_000;
        if (sum > type(uint128).max) {
            vm.expectRevert(abi.encodeWithSelector(IQuotes.PriceTooHigh.selector, sum));
        }
        _quotes.priceOf(q, feeBps);
        (q.expertPool, q.brokerFee) = (type(uint128).max, 0);
        _quotes.priceOf(q, 0);
        vm.expectRevert(abi.encodeWithSelector(IQuotes.PriceTooHigh.selector, 2 ** 128));
        q.brokerFee = 1;
        _quotes.priceOf(q, 0);
    }

    // ------------------------------------------------------------------------ private

    function _priced(uint120[6] memory parts) private pure returns (ModelQuote memory q) {
        (q.expertPool, q.brokerFee, q.auditorFee, q.oracleFee) = (parts[0], parts[1], parts[2], parts[3]);
        q.dataQuotes = new DataQuote[](2);
        (q.dataQuotes[0].price, q.dataQuotes[1].price) = (parts[4], parts[5]);
    }

    function _signed(ModelQuote memory q) private view returns (bytes[] memory) {
        return _signQuotes(q, requestOf(t).broker);
    }

    function _refuseQuote(ModelQuote memory q, bytes memory reason) private {
        bytes[] memory signatures = _signed(q);
        vm.expectRevert(reason);
        _check(q, signatures);
    }

    function _check(ModelQuote memory q, bytes[] memory signatures)
        private
        view
        returns (uint128, uint128, bytes32, bytes32)
    {
        Request memory r = requestOf(t);
        return _quotes.check(
            _domain, r.buyer, r.broker, r.auditor, r.treasury, judges().members, FEE_BPS, q, signatures
        );
    }
}
